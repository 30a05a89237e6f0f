/** Puts accesses of several per-CPU buffers in time order, as far as perf's FINISHED_ROUND records allow. */
import type { IngestBatch, SpaceId } from '@workset/model';
import { sortedOrder } from '../sorted-order.ts';
import { copyColumns, rowsOf } from './row-ring.ts';
import type { Columns, RowRing } from './row-ring.ts';

type AccessBatch = Extract<IngestBatch, { kind: 'accesses' }>;

const FIRST_ROWS = 1 << 14;
/** Without a round the writer promises no order: so many rows are kept when the oldest are given away. */
const KEPT_ROWS = 1 << 15;
/** What comes beyond it at once still fits columns of 65,536 rows: larger ones do not stay in the cache. */
const MAX_SORTED_ROWS = (1 << 16) - (1 << 12);
const MAX_PENDING_ROWS = 1 << 23;

/**
 * Accesses not yet in final order. They lie in `rows`, or in the ring as long as they come in time order and without `add`: then
 * nothing is copied.
 */
export class AccessOrder {
  readonly space: SpaceId;
  /** Rows that are not in the ring. */
  rows: Columns = newColumns(0);
  n = 0;
  /** False once a row is older than the one before it. */
  sorted = true;
  /** Rows that came after younger ones had been given away. */
  late = 0;
  readonly #ring: RowRing | undefined;
  /** No row since the last flush came by itself or out of order. */
  #isPlain = true;
  /** The columns of the last batch given, free again at the next one. */
  #spare: Columns = newColumns(0);
  #given = Number.NEGATIVE_INFINITY;

  /** @param ring for this order alone, empty */
  constructor(space: SpaceId, ring?: RowRing) {
    this.space = space;
    this.#ring = ring;
  }

  /** The ring, when rows may be written behind its last one. */
  get ring(): RowRing | undefined {
    return this.n === 0 ? this.#ring : undefined;
  }
  /** All rows pending. */
  get pending(): number {
    return this.n + (this.#ring?.n ?? 0);
  }

  /** Appends all rows of some columns; `isSorted`: each is no older than the one before it. */
  take(columns: Columns, isSorted: boolean): void {
    const n = columns.timeNs.length;
    if (n === 0) return;
    this.#reserve(n);
    copyColumns(columns, this.rows, this.n);
    this.n += n;
    if (!isSorted) this.sorted = this.#isPlain = false;
  }

  /** The same of rows that were written into the ring. */
  ringTake(n: number, isSorted: boolean): void {
    this.#ring!.n += n;
    if (isSorted) return;
    this.#leaveRing();
    this.sorted = this.#isPlain = false;
  }

  add(timeNs: number, page: number, cls: number, pid: number, cpu: number): void {
    if (this.n === 0) this.#leaveRing();
    this.#isPlain = false;
    this.#reserve(1);
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
    return this.pending >= (this.sorted ? MAX_SORTED_ROWS : MAX_PENDING_ROWS);
  }
  /** Latest time among pending rows. */
  latest(): number {
    if (this.n === 0) return this.#ring?.latest ?? Number.NEGATIVE_INFINITY;
    if (this.sorted) return this.rows.timeNs[this.n - 1]!;
    let latest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.n; i++) if (this.rows.timeNs[i]! > latest) latest = this.rows.timeNs[i]!;
    return latest;
  }

  /** Rows up to and including time `limit`, in time order (equal times keep file order). The batches are valid until the next append. */
  flush(limit: number): AccessBatch[] {
    if (this.n === 0) return this.#giveRing(this.#ring?.upTo(limit) ?? 0);
    this.#sort();
    return this.#give(upperBound(this.rows.timeNs, this.n, limit));
  }

  /** All but the latest rows. */
  flushMost(): AccessBatch[] {
    const count = this.pending - Math.max(KEPT_ROWS, this.pending >> 3);
    if (this.n === 0) return this.#giveRing(count);
    this.#sort();
    return this.#give(count);
  }

  #giveRing(count: number): AccessBatch[] {
    return count === 0 ? [] : this.#ring!.take(count).map((rows) => this.#batch(rows, rows.timeNs.length));
  }

  /** Gives `count` rows away in the columns they are in; the rest moves to the ring or the spare columns. */
  #give(count: number): AccessBatch[] {
    const left = this.n - count;
    const toRing = this.#ring !== undefined && this.#isPlain && left <= this.#ring.capacity;
    this.#isPlain = true;
    if (count === 0) return [];
    const { rows } = this;
    const rest = rowsOf(rows, count, this.n);
    if (toRing) {
      this.#ring.fill(rest);
      this.rows = this.#spareOf(rows);
      this.n = 0;
    } else {
      this.rows = this.#spareOf(rows);
      copyColumns(rest, this.rows, 0);
      this.n = left;
    }
    this.#spare = rows;
    return [this.#batch(rows, count)];
  }

  #batch(rows: Columns, n: number): AccessBatch {
    if (rows.timeNs[0]! < this.#given) this.late += lowerBound(rows.timeNs, n, this.#given);
    this.#given = Math.max(this.#given, rows.timeNs[n - 1]!);
    return { kind: 'accesses', space: this.space, n, ...rows };
  }

  #leaveRing(): void {
    const ring = this.#ring;
    if (ring !== undefined) for (const piece of ring.take(ring.n)) this.take(piece, true);
  }

  #reserve(extra: number): void {
    const wanted = this.n + extra;
    if (wanted <= this.rows.timeNs.length) return;
    let capacity = Math.max(FIRST_ROWS, this.rows.timeNs.length);
    while (capacity < wanted) capacity *= 2;
    const rows = newColumns(capacity);
    copyColumns(rowsOf(this.rows, 0, this.n), rows, 0);
    this.rows = rows;
  }

  /** Free columns of the same length. */
  #spareOf({ timeNs: { length } }: Columns): Columns {
    return this.#spare.timeNs.length === length ? this.#spare : newColumns(length);
  }

  #sort(): void {
    if (this.sorted) return;
    const { n, rows } = this;
    const order = sortedOrder(rows.timeNs, n);
    const next = this.#spareOf(rows);
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

function gather(from: Float64Array | Int32Array | Uint8Array, to: Float64Array | Int32Array | Uint8Array, order: Int32Array): void {
  for (let i = 0; i < order.length; i++) to[i] = from[order[i]!]!;
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
