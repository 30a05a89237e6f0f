/**
 * Exact LRU stack distances in one pass: how many different pages were touched since the last touch of this one, itself included.
 *
 * Every page has one slot on a time axis, that of its last touch; the distance is the number of slots in use from there on (Bennett and
 * Kruskal 1975, with the axis renumbered when it is full, so memory does not grow with the trace). Touches are taken in runs: their
 * slots are looked up first, all at once, then they are counted, then the counts are booked, so that looks at memory overlap.
 */
import { SlotAxis } from './slot-axis.ts';

export class StackDistances {
  touches = 0;
  readonly #axis: SlotAxis;
  /** Slot of each page's last touch; 0 = none. */
  readonly #slotOf: Int32Array;
  readonly #counts: Float64Array;
  /** What `counts` lacks, below 256 each: bytes, as they are looked at in no order. First touches are at 0. */
  readonly #recent: Uint8Array;
  readonly #one = new Int32Array(1);

  /** @param nPages page ids are below this */
  constructor(nPages: number) {
    this.#axis = new SlotAxis(nPages);
    this.#slotOf = new Int32Array(nPages);
    this.#counts = new Float64Array(nPages + 1);
    this.#recent = new Uint8Array(nPages + 1);
  }

  /** First touches: distance infinite. */
  get cold(): number {
    return this.#axis.total - 1;
  }

  /** counts[d] touches had distance d, 1 <= d <= pages. */
  get counts(): Float64Array {
    const recent = this.#recent;
    for (let d = 1; d < recent.length; d++) {
      if (recent[d] !== 0) this.#counts[d]! += recent[d]!;
    }
    recent.fill(0);
    this.#counts[0] = 0;
    return this.#counts;
  }

  /** Takes touches [from, to); a page id is `touch >>> shift`. */
  push(touches: Int32Array, from: number, to: number, shift: number): void {
    for (let i = from; i < to;) {
      const n = Math.min(to - i, this.#room());
      this.#take(touches, i, n, shift);
      this.#axis.distances(n);
      this.#book(n);
      i += n;
    }
    this.touches += to - from;
  }

  /** Takes one touch; returns its distance, 0 for a first touch. */
  next(page: number): number {
    this.#one[0] = page;
    this.push(this.#one, 0, 1, 0);
    return this.#axis.run[0]!;
  }

  /** Slots that may be taken at once. */
  #room(): number {
    if (this.#axis.room === 0) this.#axis.goOn(this.#slotOf);
    return this.#axis.room;
  }

  /** Puts the slots of n touches into the run and gives the pages new ones. */
  #take(touches: Int32Array, from: number, n: number, shift: number): void {
    const slotOf = this.#slotOf;
    const { run, next } = this.#axis;
    for (let i = 0; i < n; i = (i + 1) | 0) {
      const page = touches[(from + i) | 0]! >>> shift;
      run[i] = slotOf[page]!;
      slotOf[page] = (next + i) | 0;
    }
    this.#axis.next = (next + n) | 0;
    this.#axis.room -= n;
  }

  #book(n: number): void {
    const { run } = this.#axis;
    const recent = this.#recent;
    for (let i = 0; i < n; i = (i + 1) | 0) {
      const distance = run[i]!;
      const count = (recent[distance]! + 1) & 255;
      recent[distance] = count;
      if (count === 0) this.#counts[distance]! += 256;
    }
  }
}
