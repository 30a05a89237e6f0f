/**
 * When each touch of a frame happens. A frame is a quantum: its touches are spread evenly over it in stored order, the last one at its
 * end. Whole ns, so that equal runs compare exactly.
 */
export class TouchClock {
  #startNs = 0;
  #lengthNs = 0;
  #rows = 1;
  /** Row of the frame minus row of the buffer. */
  #offset = 0;
  #done = 0;

  start(startNs: number, endNs: number, rows: number): void {
    this.#startNs = startNs;
    this.#lengthNs = endNs - startNs;
    this.#rows = Math.max(1, rows);
    this.#done = 0;
  }
  /** The next rows of the frame begin at `from` of the buffer. */
  piece(from: number): void {
    this.#offset = this.#done - from;
  }
  advance(rows: number): void {
    this.#done += rows;
  }

  /** Time of the touch at row `at` of the buffer. */
  timeOf(at: number): number {
    return this.#startNs + Math.floor((this.#lengthNs * (at + this.#offset + 1)) / this.#rows);
  }

  /** First row in [from, to] whose touch happens after `ns`; `to` when none does. */
  firstAfter(ns: number, from: number, to: number): number {
    if (ns === Infinity || this.timeOf(to - 1) <= ns) return to;
    const guess = Math.floor(((ns - this.#startNs) * this.#rows) / Math.max(1, this.#lengthNs)) - this.#offset;
    let row = Math.min(to - 1, Math.max(from, guess));
    while (row > from && this.timeOf(row - 1) > ns) row--;
    while (this.timeOf(row) <= ns) row++;
    return row;
  }
}
