/** Puts accesses of several per-CPU buffers in time order, as far as perf's FINISHED_ROUND records allow. */
import type { IngestBatch, SpaceId } from '@workset/model';

type AccessBatch = Extract<IngestBatch, { kind: 'accesses' }>;

const FIRST_ROWS = 1 << 14;
/** Without a round the writer promises no order: so many rows are kept when the oldest are given away. */
const KEPT_ROWS = 1 << 15;
/** What comes beyond it at once still fits columns of 65,536 rows: larger ones do not stay in the cache. */
const MAX_SORTED_ROWS = (1 << 16) - (1 << 12);
const MAX_PENDING_ROWS = 1 << 23;

interface Columns {
  readonly timeNs: Float64Array<ArrayBuffer>;
  readonly page: Float64Array<ArrayBuffer>;
  readonly cls: Uint8Array<ArrayBuffer>;
  readonly pid: Int32Array<ArrayBuffer>;
  readonly cpu: Int32Array<ArrayBuffer>;
}

/** Accesses not yet in final order. Append by writing into `rows` at `n` after `reserve`. */
export class AccessOrder {
  readonly space: SpaceId;
  rows: Columns = newColumns(FIRST_ROWS);
  n = 0;
  /** False once a row is older than the one before it. */
  sorted = true;
  /** Rows that came after younger ones had been given away. */
  late = 0;
  /** The columns of the last batch given, free again at the next one. */
  #spare: Columns = newColumns(0);
  #given = Number.NEGATIVE_INFINITY;

  constructor(space: SpaceId) {
    this.space = space;
  }

  reserve(extra: number): void {
    const wanted = this.n + extra;
    if (wanted <= this.rows.timeNs.length) return;
    let capacity = this.rows.timeNs.length;
    while (capacity < wanted) capacity *= 2;
    this.rows = copyRows(this.rows, 0, this.n, newColumns(capacity));
  }

  /** Appends n rows that lie as columns at places of a buffer; `isSorted`: each is no older than the one before it. */
  take(buffer: ArrayBuffer, place: Readonly<Record<keyof Columns, number>>, n: number, isSorted: boolean): void {
    if (n === 0) return;
    this.reserve(n);
    const { rows } = this;
    rows.timeNs.set(new Float64Array(buffer, place.timeNs, n), this.n);
    rows.page.set(new Float64Array(buffer, place.page, n), this.n);
    rows.cls.set(new Uint8Array(buffer, place.cls, n), this.n);
    rows.pid.set(new Int32Array(buffer, place.pid, n), this.n);
    rows.cpu.set(new Int32Array(buffer, place.cpu, n), this.n);
    this.n += n;
    if (!isSorted) this.sorted = false;
  }

  add(timeNs: number, page: number, cls: number, pid: number, cpu: number): void {
    this.reserve(1);
    const { n, rows } = this;
    if (n > 0 && timeNs < rows.timeNs[n - 1]!) this.sorted = false;
    rows.timeNs[n] = timeNs;
    rows.page[n] = page;
    rows.cls[n] = cls;
    rows.pid[n] = pid;
    rows.cpu[n] = cpu;
    this.n = n + 1;
  }

  get full(): boolean {
    return this.n >= (this.sorted ? MAX_SORTED_ROWS : MAX_PENDING_ROWS);
  }
  /** Latest time among pending rows. */
  latest(): number {
    if (this.sorted) return this.n === 0 ? Number.NEGATIVE_INFINITY : this.rows.timeNs[this.n - 1]!;
    let latest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.n; i++) if (this.rows.timeNs[i]! > latest) latest = this.rows.timeNs[i]!;
    return latest;
  }

  /** Rows up to and including time `limit`, in time order (equal times keep file order). The batch is valid until the next append. */
  flush(limit: number): AccessBatch | null {
    this.#sort();
    return this.#give(upperBound(this.rows.timeNs, this.n, limit));
  }

  /** All but the latest rows. */
  flushMost(): AccessBatch | null {
    this.#sort();
    return this.#give(this.n - Math.max(KEPT_ROWS, this.n >> 3));
  }

  /** Gives `count` rows away in the columns they are in; the rest moves to the spare ones. */
  #give(count: number): AccessBatch | null {
    if (count === 0) return null;
    const { rows } = this;
    if (rows.timeNs[0]! < this.#given) this.late += lowerBound(rows.timeNs, count, this.#given);
    this.#given = Math.max(this.#given, rows.timeNs[count - 1]!);
    const capacity = rows.timeNs.length;
    const next = this.#spare.timeNs.length === capacity ? this.#spare : newColumns(capacity);
    this.rows = copyRows(rows, count, this.n, next);
    this.#spare = rows;
    this.n -= count;
    return { kind: 'accesses', space: this.space, n: count, ...rows };
  }

  #sort(): void {
    if (this.sorted) return;
    const { n, rows } = this;
    const order = sortedOrder(rows.timeNs, n);
    const next = this.#spare.timeNs.length === rows.timeNs.length ? this.#spare : newColumns(rows.timeNs.length);
    gather(rows.timeNs, next.timeNs, order);
    gather(rows.page, next.page, order);
    gather(rows.cls, next.cls, order);
    gather(rows.pid, next.pid, order);
    gather(rows.cpu, next.cpu, order);
    this.#spare = rows;
    this.rows = next;
    this.sorted = true;
  }
}

function newColumns(capacity: number): Columns {
  return {
    timeNs: new Float64Array(capacity),
    page: new Float64Array(capacity),
    cls: new Uint8Array(capacity),
    pid: new Int32Array(capacity),
    cpu: new Int32Array(capacity),
  };
}

/** Rows [start, end) of `from` to the front of `to`. */
function copyRows(from: Columns, start: number, end: number, to: Columns): Columns {
  to.timeNs.set(from.timeNs.subarray(start, end));
  to.page.set(from.page.subarray(start, end));
  to.cls.set(from.cls.subarray(start, end));
  to.pid.set(from.pid.subarray(start, end));
  to.cpu.set(from.cpu.subarray(start, end));
  return to;
}

function gather(from: Float64Array | Int32Array | Uint8Array, to: Float64Array | Int32Array | Uint8Array, order: Int32Array): void {
  for (let i = 0; i < order.length; i++) to[i] = from[order[i]!]!;
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

/** Number of leading rows with time < limit. */
function lowerBound(time: Float64Array, n: number, limit: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (time[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
