/** Rows in time order that go round in columns of fixed length, so that the oldest are given away where they lie. */

/** Accesses by column; `pid` and `cpu` are -1 where unknown. */
export interface Columns {
  readonly timeNs: Float64Array<ArrayBuffer>;
  readonly page: Float64Array<ArrayBuffer>;
  readonly cls: Uint8Array<ArrayBuffer>;
  readonly pid: Int32Array<ArrayBuffer>;
  readonly cpu: Int32Array<ArrayBuffer>;
}

/** Rows [from, to) of the same memory. */
export function rowsOf({ timeNs, page, cls, pid, cpu }: Columns, from: number, to: number): Columns {
  return {
    timeNs: timeNs.subarray(from, to),
    page: page.subarray(from, to),
    cls: cls.subarray(from, to),
    pid: pid.subarray(from, to),
    cpu: cpu.subarray(from, to),
  };
}

/** Copies all rows of `from` to those of `to` from `at` on. */
export function copyColumns(from: Columns, to: Columns, at: number): void {
  to.timeNs.set(from.timeNs, at);
  to.page.set(from.page, at);
  to.cls.set(from.cls, at);
  to.pid.set(from.pid, at);
  to.cpu.set(from.cpu, at);
}

export class RowRing {
  n = 0;
  readonly #columns: Columns;
  readonly capacity: number;
  #start = 0;

  constructor(columns: Columns) {
    this.#columns = columns;
    this.capacity = columns.timeNs.length;
  }

  /** Where the next row goes, and the end of those that lie behind it without a gap. */
  get tail(): number {
    return this.#at(this.n);
  }
  get tailEnd(): number {
    return this.tail < this.#start || this.n === this.capacity ? this.#start : this.capacity;
  }
  /** Of the last row; -Infinity when there is none. */
  get latest(): number {
    return this.n === 0 ? Number.NEGATIVE_INFINITY : this.#columns.timeNs[this.#at(this.n - 1)]!;
  }

  /** Number of leading rows with time <= limit. */
  upTo(limit: number): number {
    let low = 0;
    let high = this.n;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#columns.timeNs[this.#at(middle)]! <= limit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Takes the `count` oldest rows out; they come in one piece or two, which stay as they are until rows are written again. */
  take(count: number): Columns[] {
    const first = Math.min(count, this.capacity - this.#start);
    const pieces: Columns[] = [];
    if (first > 0) pieces.push(rowsOf(this.#columns, this.#start, this.#start + first));
    if (count > first) pieces.push(rowsOf(this.#columns, 0, count - first));
    this.n -= count;
    // from the front again, which is in the cache
    this.#start = this.n === 0 ? 0 : this.#at(count);
    return pieces;
  }

  /** Takes over rows that were elsewhere, at most as many as there is room for; there must be none here. */
  fill(rows: Columns): void {
    copyColumns(rows, this.#columns, 0);
    this.#start = 0;
    this.n = rows.timeNs.length;
  }

  #at(row: number): number {
    const at = this.#start + row;
    return at < this.capacity ? at : at - this.capacity;
  }
}
