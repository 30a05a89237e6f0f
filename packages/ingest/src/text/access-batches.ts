/** Columns of single accesses, handed over in batches. */
import type { IngestBatch, IngestContext, SpaceId } from '@workset/model';
import { WRITE } from '@workset/model';
import { sortedOrder } from '../sorted-order.ts';

const BATCH = 1 << 16;
/** First page of the kernel half of a 64-bit address space: such a touch goes through no user mapping. */
const KERNEL_HALF_PAGE = 2 ** 51;
const KERNEL_BIT = 2;

interface Given {
  readonly batch: IngestBatch;
  readonly timeNs: Float64Array<ArrayBuffer>;
  readonly page: Float64Array<ArrayBuffer>;
  readonly cls: Uint8Array<ArrayBuffer>;
  readonly pid: Int32Array<ArrayBuffer>;
  readonly cpu: Int32Array<ArrayBuffer>;
}

/** Columns of accesses; the class says already whether one is the kernel's. */
export interface AccessRows {
  readonly timeNs: Float64Array;
  readonly page: Float64Array;
  readonly cls: Uint8Array;
  readonly pid: Int32Array;
  readonly cpu: Int32Array;
}
/** So few rows are copied one by one. */
const FEW = 8;

/** Collects accesses of one address space; a full batch goes to `out`, its arrays are used again once it is no longer there. */
export class AccessBatches {
  readonly #space: SpaceId;
  readonly #ctx: IngestContext;
  readonly #out: IngestBatch[];
  readonly #withTask: boolean;
  #n = 0;
  #timeNs = new Float64Array(0);
  #page = new Float64Array(0);
  #cls = new Uint8Array(0);
  #pid = new Int32Array(0);
  #cpu = new Int32Array(0);
  #last = Number.NEGATIVE_INFINITY;
  #sorted = true;
  #size: number;
  /** Batches handed over whose arrays are as long as any. */
  readonly #given: Given[] = [];

  /** @param withTask also keep pid and cpu */
  constructor(space: SpaceId, ctx: IngestContext, out: IngestBatch[], withTask: boolean) {
    this.#space = space;
    this.#ctx = ctx;
    this.#out = out;
    this.#withTask = withTask;
    this.#size = 1024;
  }

  /** @param cls class of the access; one of the user at a kernel-half address is the kernel's */
  add(timeNs: number, page: number, cls: number, pid: number, cpu: number, line: number): void {
    if (this.#n === this.#timeNs.length) this.#renew();
    const i = this.#n++;
    this.#timeNs[i] = timeNs;
    this.#page[i] = page;
    this.#cls[i] = page >= KERNEL_HALF_PAGE && cls <= WRITE ? cls | KERNEL_BIT : cls;
    if (this.#withTask) {
      this.#pid[i] = pid;
      this.#cpu[i] = cpu;
    }
    if (timeNs < this.#last) {
      this.#sorted = false;
      this.#ctx.reject('out-of-order', 'a line is older than the one before it: kept, sorted within its batch', {
        line,
        severity: 'warning',
      });
    }
    this.#last = timeNs;
  }

  /**
   * The same for the first `n` rows of columns, of as many lines.
   * @param isSorted whether none is older than the one before it
   */
  addRows(rows: AccessRows, n: number, firstLine: number, isSorted: boolean): void {
    let from = 0;
    if (n >= FEW && isSorted && rows.timeNs[0]! >= this.#last) {
      while (n - from >= FEW) from += this.#copy(rows, from, n);
    }
    for (; from < n; from++)
      this.add(rows.timeNs[from]!, rows.page[from]!, rows.cls[from]!, rows.pid[from]!, rows.cpu[from]!, firstLine + from);
  }

  /** Copies rows into the batch at hand. @returns how many fitted */
  #copy(rows: AccessRows, from: number, to: number): number {
    if (this.#n === this.#timeNs.length) this.#renew();
    const n = this.#n;
    const end = Math.min(to, from + this.#timeNs.length - n);
    this.#timeNs.set(rows.timeNs.subarray(from, end), n);
    this.#page.set(rows.page.subarray(from, end), n);
    this.#cls.set(rows.cls.subarray(from, end), n);
    if (this.#withTask) {
      this.#pid.set(rows.pid.subarray(from, end), n);
      this.#cpu.set(rows.cpu.subarray(from, end), n);
    }
    this.#n += end - from;
    this.#last = rows.timeNs[end - 1]!;
    return end - from;
  }

  /** Hands over what is there. */
  flush(): void {
    const n = this.#n;
    if (n === 0) return;
    if (!this.#sorted) this.#sort();
    const task = this.#withTask ? { pid: this.#pid, cpu: this.#cpu } : {};
    const batch = { kind: 'accesses', space: this.#space, n, timeNs: this.#timeNs, page: this.#page, cls: this.#cls, ...task } as const;
    this.#out.push(batch);
    if (this.#timeNs.length === BATCH)
      this.#given.push({ batch, timeNs: this.#timeNs, page: this.#page, cls: this.#cls, pid: this.#pid, cpu: this.#cpu });
    this.#ctx.accept(n);
    this.#n = 0;
    this.#sorted = true;
    this.#timeNs = new Float64Array(0);
  }

  /** Arrays after a hand-over, small at first so that a short file costs little. */
  #renew(): void {
    if (this.#n > 0) this.flush();
    const size = this.#size;
    const free = this.#given.findIndex(({ batch }) => !this.#out.includes(batch));
    if (free >= 0) {
      const [given] = this.#given.splice(free, 1) as [Given];
      this.#timeNs = given.timeNs;
      this.#page = given.page;
      this.#cls = given.cls;
      this.#pid = given.pid;
      this.#cpu = given.cpu;
      return;
    }
    this.#size = BATCH;
    this.#timeNs = new Float64Array(size);
    this.#page = new Float64Array(size);
    this.#cls = new Uint8Array(size);
    this.#pid = new Int32Array(this.#withTask ? size : 0);
    this.#cpu = new Int32Array(this.#withTask ? size : 0);
  }

  #sort(): void {
    const order = sortedOrder(this.#timeNs, this.#n);
    this.#timeNs = gather(Float64Array, this.#timeNs, order);
    this.#page = gather(Float64Array, this.#page, order);
    this.#cls = gather(Uint8Array, this.#cls, order);
    if (!this.#withTask) return;
    this.#pid = gather(Int32Array, this.#pid, order);
    this.#cpu = gather(Int32Array, this.#cpu, order);
  }
}

function gather<Column extends { [i: number]: number }>(type: new (length: number) => Column, from: Column, order: Int32Array): Column {
  const to = new type(order.length);
  for (let i = 0; i < order.length; i++) to[i] = from[order[i]!]!;
  return to;
}
