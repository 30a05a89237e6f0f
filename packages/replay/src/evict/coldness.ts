/** What a swapper knows about its pages: the last report that named each, and the order they were faulted in. Never single accesses. */
import { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { FaultOrder } from './fault-order.ts';

export class Coldness {
  readonly order: FaultOrder;
  readonly #range: PageRange;
  readonly #nPages: number;
  /** Number of the last report that named the page; a page faulted in since the last report has the number of the next one. */
  readonly #lastSeen: Int32Array;
  #report = 0;
  /** Pages from coldest on, as of the last report, and how many were handed out. */
  #ranking = new Int32Array(0);
  #rankedSeen = new Int32Array(0);
  #handedOut = 0;
  #ranked = true;

  constructor(nPages: number, range: PageRange) {
    this.#nPages = nPages;
    this.#range = range;
    this.#lastSeen = new Int32Array(nPages);
    this.order = new FaultOrder(nPages);
  }

  faultedIn(id: number): void {
    this.order.append(id);
    this.#lastSeen[id] = this.#report + 1;
  }
  gone(id: number): void {
    this.order.remove(id);
  }
  /** The page showed itself by faulting: as good as a report. */
  seen(id: number): void {
    this.#lastSeen[id] = this.#report + 1;
  }
  lastSeenOf(id: number): number {
    return this.#lastSeen[id]!;
  }
  /** Reports since the page was named. */
  ageOf(id: number): number {
    return this.#report - this.#lastSeen[id]!;
  }
  /** True when the last report, or a fault since, named the page. */
  isFresh(id: number): boolean {
    return this.#lastSeen[id]! >= this.#report;
  }

  /** Takes a report in; the ranking will be made anew. Resident pages only are ranked, coldest first, then oldest fault-in. */
  report(reported: PageBitmap): void {
    this.#report++;
    const { words } = reported;
    for (let i = this.#range.from >>> 5; i <= (this.#range.to - 1) >>> 5; i++) {
      for (let word = words[i]!; word !== 0; word &= word - 1) {
        const id = (i << 5) + (31 - Math.clz32(word & -word));
        if (this.#lastSeen[id]! < this.#report) this.#lastSeen[id] = this.#report;
      }
    }
    this.#ranked = false;
  }

  /** Resident pages unseen for at least `age` reports. */
  cold(age: number): PageBitmap {
    const set = new PageBitmap(this.#nPages);
    for (let id = this.#range.from; id < this.#range.to; id++) if (this.ageOf(id) >= age && this.order.has(id)) set.add(id);
    return set;
  }

  /** The coldest page not handed out since the last report, -1 when none is left. Pages that showed themselves since are passed over. */
  next(isFree: (id: number) => boolean): number {
    if (!this.#ranked) this.#rank();
    while (this.#handedOut < this.#ranking.length) {
      const at = this.#handedOut++;
      const id = this.#ranking[at]!;
      if (this.#lastSeen[id] === this.#rankedSeen[at] && isFree(id)) return id;
    }
    return -1;
  }
  /** Like next, but stops at a page younger than `age`, which stays to be handed out. */
  nextCold(age: number, isFree: (id: number) => boolean): number {
    const id = this.next(isFree);
    if (id < 0 || this.ageOf(id) >= age) return id;
    this.#handedOut--;
    return -1;
  }

  /** Counting sort by last report, stable over the fault order, of what has not shown itself since the last report. */
  #rank(): void {
    const counts = new Int32Array(this.#report + 1);
    let n = 0;
    for (let id = this.order.after(); id >= 0; id = this.order.after(id)) {
      if (this.#lastSeen[id]! > this.#report) continue;
      counts[this.#lastSeen[id]!]!++;
      n++;
    }
    let sum = 0;
    for (let seen = 0; seen < counts.length; seen++) {
      const count = counts[seen]!;
      counts[seen] = sum;
      sum += count;
    }
    this.#ranking = new Int32Array(n);
    this.#rankedSeen = new Int32Array(n);
    for (let id = this.order.after(); id >= 0; id = this.order.after(id)) {
      const seen = this.#lastSeen[id]!;
      if (seen > this.#report) continue;
      const at = counts[seen]!++;
      this.#ranking[at] = id;
      this.#rankedSeen[at] = seen;
    }
    this.#handedOut = 0;
    this.#ranked = true;
  }
}
