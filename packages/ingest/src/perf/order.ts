/** Puts accesses of several per-CPU buffers in time order, as far as perf's FINISHED_ROUND records allow. */
import type { IngestBatch, SpaceId } from '@workset/model';

type AccessBatch = Extract<IngestBatch, { kind: 'accesses' }>;

const FIRST_ROWS = 1 << 14;
/** Without a round the writer promises no order; keep so many rows before giving the oldest away. */
const MAX_SORTED_ROWS = 1 << 20;
const MAX_PENDING_ROWS = 1 << 23;

/** Columns of accesses not yet in final order. Append by writing at `n` after `reserve`. */
export class AccessOrder {
  readonly space: SpaceId;
  timeNs: Float64Array<ArrayBuffer> = new Float64Array(FIRST_ROWS);
  page: Float64Array<ArrayBuffer> = new Float64Array(FIRST_ROWS);
  cls: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_ROWS);
  pid: Int32Array<ArrayBuffer> = new Int32Array(FIRST_ROWS);
  cpu: Int32Array<ArrayBuffer> = new Int32Array(FIRST_ROWS);
  n = 0;
  /** False once a row is older than the one before it. */
  sorted = true;
  /** Rows that came after younger ones had been given away. */
  late = 0;
  #given = Number.NEGATIVE_INFINITY;

  constructor(space: SpaceId) {
    this.space = space;
  }

  reserve(rows: number): void {
    if (this.n + rows <= this.timeNs.length) return;
    let capacity = this.timeNs.length;
    while (capacity < this.n + rows) capacity *= 2;
    const { n } = this;
    const grow = <A extends { set(from: A): void; subarray(a: number, b: number): A }>(next: A, old: A): A => {
      next.set(old.subarray(0, n));
      return next;
    };
    this.timeNs = grow(new Float64Array(capacity), this.timeNs);
    this.page = grow(new Float64Array(capacity), this.page);
    this.cls = grow(new Uint8Array(capacity), this.cls);
    this.pid = grow(new Int32Array(capacity), this.pid);
    this.cpu = grow(new Int32Array(capacity), this.cpu);
  }

  add(timeNs: number, page: number, cls: number, pid: number, cpu: number): void {
    this.reserve(1);
    const { n } = this;
    if (n > 0 && timeNs < this.timeNs[n - 1]!) this.sorted = false;
    this.timeNs[n] = timeNs;
    this.page[n] = page;
    this.cls[n] = cls;
    this.pid[n] = pid;
    this.cpu[n] = cpu;
    this.n = n + 1;
  }

  get full(): boolean {
    return this.n >= (this.sorted ? MAX_SORTED_ROWS : MAX_PENDING_ROWS);
  }
  /** Latest time among pending rows. */
  latest(): number {
    if (this.sorted) return this.n === 0 ? Number.NEGATIVE_INFINITY : this.timeNs[this.n - 1]!;
    let latest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.n; i++) if (this.timeNs[i]! > latest) latest = this.timeNs[i]!;
    return latest;
  }

  /** Rows up to and including time `limit`, in time order (equal times keep file order). The batch is valid until the next append. */
  flush(limit: number): AccessBatch | null {
    this.#sort();
    return this.#give(upperBound(this.timeNs, this.n, limit));
  }

  /** The oldest half of the rows. */
  flushHalf(): AccessBatch | null {
    this.#sort();
    return this.#give(this.n >> 1);
  }

  #give(count: number): AccessBatch | null {
    if (count === 0) return null;
    if (this.timeNs[0]! < this.#given) this.late += upperBound(this.timeNs, count, this.#given - 1);
    this.#given = Math.max(this.#given, this.timeNs[count - 1]!);
    const left = this.n - count;
    const batch: AccessBatch = {
      kind: 'accesses',
      space: this.space,
      n: count,
      timeNs: left === 0 ? this.timeNs : this.timeNs.slice(0, count),
      page: left === 0 ? this.page : this.page.slice(0, count),
      cls: left === 0 ? this.cls : this.cls.slice(0, count),
      pid: left === 0 ? this.pid : this.pid.slice(0, count),
      cpu: left === 0 ? this.cpu : this.cpu.slice(0, count),
    };
    for (const column of [this.timeNs, this.page, this.cls, this.pid, this.cpu]) column.copyWithin(0, count, this.n);
    this.n = left;
    return batch;
  }

  #sort(): void {
    if (this.sorted) return;
    const { n } = this;
    const order = sortedOrder(this.timeNs, n);
    const pick = <A extends Float64Array | Int32Array | Uint8Array>(old: A, next: A): A => {
      for (let i = 0; i < n; i++) next[i] = old[order[i]!]!;
      return next;
    };
    const capacity = this.timeNs.length;
    this.timeNs = pick(this.timeNs, new Float64Array(capacity));
    this.page = pick(this.page, new Float64Array(capacity));
    this.cls = pick(this.cls, new Uint8Array(capacity));
    this.pid = pick(this.pid, new Int32Array(capacity));
    this.cpu = pick(this.cpu, new Int32Array(capacity));
    this.sorted = true;
  }
}

/** Indices 0..n-1 in ascending order of `key`, stable; cheap for few ascending runs (one per CPU). */
export function sortedOrder(key: Float64Array, n: number): Int32Array {
  let from = new Int32Array(n);
  let to = new Int32Array(n);
  let starts: number[] = [0];
  for (let i = 0; i < n; i++) {
    from[i] = i;
    if (i > 0 && key[i]! < key[i - 1]!) starts.push(i);
  }
  starts.push(n);
  while (starts.length > 2) {
    const merged: number[] = [0];
    for (let r = 0; r + 1 < starts.length; r += 2) {
      const end = starts[Math.min(r + 2, starts.length - 1)]!;
      mergeRuns(key, from, to, starts[r]!, starts[r + 1]!, end);
      merged.push(end);
    }
    [from, to] = [to, from];
    starts = merged;
  }
  return from;
}

function mergeRuns(key: Float64Array, from: Int32Array, to: Int32Array, start: number, middle: number, end: number): void {
  let a = start;
  let b = middle;
  for (let i = start; i < end; i++) {
    to[i] = a < middle && (b >= end || key[from[a]!]! <= key[from[b]!]!) ? from[a++]! : from[b++]!;
  }
}

/** Number of leading rows with time <= limit. */
function upperBound(time: Float64Array, n: number, limit: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (time[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
