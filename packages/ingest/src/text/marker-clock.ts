/** Times for records between time marks: spread evenly from one mark to the next. */
import type { IngestContext } from '@workset/model';
import type { AccessBatches } from './access-batches.ts';
import { rateOption } from './ordinal.ts';
import { addSized } from './straddle.ts';

/** Holds accesses until the next mark says how long they took. Times count from the first mark. */
export class MarkerClock {
  readonly #ctx: IngestContext;
  readonly #batches: AccessBatches;
  #n = 0;
  #page = new Float64Array(1024);
  #low = new Int32Array(1024);
  #size = new Int32Array(1024);
  #cls = new Uint8Array(1024);
  #tid = new Int32Array(1024);
  #line = new Float64Array(1024);
  #seconds0: number | undefined;
  #micros0 = 0;
  #lastNs = 0;
  #nsPerAccess = 0;

  constructor(ctx: IngestContext, batches: AccessBatches) {
    this.#ctx = ctx;
    this.#batches = batches;
  }

  access(page: number, low: number, size: number, cls: number, tid: number, line: number): void {
    if (this.#n === this.#page.length) this.#grow();
    const i = this.#n++;
    this.#page[i] = page;
    this.#low[i] = low;
    this.#size[i] = size;
    this.#cls[i] = cls;
    this.#tid[i] = tid;
    this.#line[i] = line;
  }

  /** A mark in seconds and microseconds of any epoch. Marks of other threads may go back a little: they end no stretch. */
  timestamp(seconds: number, micros: number): void {
    if (this.#seconds0 === undefined) {
      this.#seconds0 = seconds;
      this.#micros0 = micros;
      this.#release(0);
      return;
    }
    const now = (seconds - this.#seconds0) * 1e9 + (micros - this.#micros0) * 1e3;
    if (now <= this.#lastNs || this.#n === 0) {
      this.#lastNs = Math.max(this.#lastNs, now);
      return;
    }
    this.#nsPerAccess = (now - this.#lastNs) / this.#n;
    this.#release(this.#nsPerAccess);
    this.#lastNs = now;
  }

  /** What follows the last mark goes on at the last rate; without any mark the user must give a rate. */
  finish(): void {
    if (this.#seconds0 === undefined) this.#nsPerAccess = rateOption(this.#ctx, 'this log (no timestamp marker in it)', false).nsPerStep;
    else this.#ctx.reject('interpolated-time', 'times between two timestamp markers are spread evenly', { severity: 'info' });
    this.#release(this.#nsPerAccess);
    this.#batches.flush();
  }

  #release(nsPerAccess: number): void {
    for (let i = 0; i < this.#n; i++) {
      const timeNs = this.#lastNs + i * nsPerAccess;
      addSized(
        this.#batches,
        this.#ctx,
        timeNs,
        this.#page[i]!,
        this.#low[i]!,
        this.#size[i]!,
        this.#cls[i]!,
        this.#tid[i]!,
        -1,
        this.#line[i]!,
      );
    }
    this.#n = 0;
  }

  #grow(): void {
    const length = this.#page.length * 2;
    this.#page = widen(this.#page, new Float64Array(length));
    this.#low = widen(this.#low, new Int32Array(length));
    this.#size = widen(this.#size, new Int32Array(length));
    this.#cls = widen(this.#cls, new Uint8Array(length));
    this.#tid = widen(this.#tid, new Int32Array(length));
    this.#line = widen(this.#line, new Float64Array(length));
  }
}

function widen<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
