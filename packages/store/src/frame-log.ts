/** The frames of one space while they are written: growing columns, finished into trace time and span numbers. */
import assert from 'node:assert/strict';
import type { TraceSpan } from '@workset/model';
import type { FrameColumns } from './types.ts';

export const FRAME_TYPES = { t0_ns: 'int64', t1_ns: 'int64', row_start: 'int64', n_accesses: 'int64', span: 'int32' } as const;

export class FrameLog {
  n = 0;
  accesses = 0;
  #t0 = new Float64Array(1024);
  #t1 = new Float64Array(1024);
  #rowStart = new Float64Array(1024);
  #nAccesses = new Float64Array(1024);

  /** Times on the source clock; t0 must not go back. */
  push(t0Ns: number, t1Ns: number, rowStart: number, nAccesses: number): void {
    const { n } = this;
    if (!(t1Ns >= t0Ns)) assert.fail(`frame ${n} ends at ${t1Ns} ns, before its start ${t0Ns} ns`);
    if (n > 0 && !(t0Ns >= this.#t0[n - 1]!)) assert.fail(`frame ${n} starts at ${t0Ns} ns, before the last one (${this.#t0[n - 1]} ns)`);
    if (n === this.#t0.length) this.#grow();
    this.#t0[n] = t0Ns;
    this.#t1[n] = t1Ns;
    this.#rowStart[n] = rowStart;
    this.#nAccesses[n] = nAccesses;
    this.accesses += nAccesses;
    this.n++;
  }

  /** Columns with times mapped, rounded to whole ns, and the span that holds each frame's midpoint. */
  finish(mapTime: (ns: number) => number, spans: readonly TraceSpan[]): FrameColumns {
    const { n } = this;
    const [t0Ns, t1Ns, span] = [new Float64Array(n), new Float64Array(n), new Int32Array(n)];
    for (let f = 0; f < n; f++) {
      t0Ns[f] = Math.round(mapTime(this.#t0[f]!));
      t1Ns[f] = Math.round(mapTime(this.#t1[f]!));
      if (f > 0 && !(t0Ns[f]! >= t0Ns[f - 1]!)) assert.fail(`mapTime is not monotonic at frame ${f}`);
      span[f] = spanAt(spans, (t0Ns[f]! + t1Ns[f]!) / 2);
    }
    return { n, t0Ns, t1Ns, rowStart: this.#rowStart.slice(0, n), nAccesses: this.#nAccesses.slice(0, n), span };
  }

  #grow(): void {
    this.#t0 = doubled(this.#t0);
    this.#t1 = doubled(this.#t1);
    this.#rowStart = doubled(this.#rowStart);
    this.#nAccesses = doubled(this.#nAccesses);
  }
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(column.length * 2);
  grown.set(column);
  return grown;
}

/** Index of the last span that starts at or before `ns` and has not ended by then, -1 when there is none. Spans ascend. */
function spanAt(spans: readonly TraceSpan[], ns: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle]!.t0Ns <= ns) low = middle + 1;
    else high = middle;
  }
  return low > 0 && ns <= spans[low - 1]!.t1Ns ? low - 1 : -1;
}
