/**
 * Who goes next: the pages in memory, least recently seen by the swapper first, without a look at any other page.
 *
 * Seen = faulted in, or named by a report; pages of one report come in page order. A sighting appends one entry (a place in the fault
 * log, or a bit of the report) and outdates the page's earlier one, which is skipped when its turn comes. Each entry is looked at once.
 */
import type { PageBitmap } from '@workset/model';
import type { Residency } from './residency.ts';
import type { Sightings } from './sightings.ts';

/** A report: comes after the faults logged before it. */
interface Group {
  readonly report: number;
  readonly words: Int32Array;
  readonly logEnd: number;
  /** Next word of the bitmap. */
  at: number;
}

/** Reports kept apart before they are merged into one list, so that memory does not grow with the number of reports. */
const MAX_GROUPS = 24;
/** No upper bound on how recently a page was seen. */
export const ANY_AGE = 0x7fffffff;

export class Victims {
  readonly #memory: Residency;
  readonly #sightings: Sightings;
  readonly #byFaultIn: boolean;
  /** What made a page's current entry: a place in the fault log, or minus the number of the report. */
  readonly #entry: Int32Array;
  /** Ids in the order they faulted; entry i is at i - logBase. */
  #log = new Int32Array(1 << 12);
  #logBase = 0;
  #logAt = 0;
  #logEnd = 0;
  #groups: Group[] = [];
  /** Where the log ended at each report. */
  readonly #logEnds: number[] = [];
  /** Entries before all others: handed out and given back, or merged. */
  #front = new Int32Array(0);
  #frontMarks = new Int32Array(0);
  #frontAt = 0;

  /** @param byFaultIn oldest fault-in first: reports change nothing */
  constructor(memory: Residency, sightings: Sightings, byFaultIn: boolean) {
    this.#memory = memory;
    this.#sightings = sightings;
    this.#byFaultIn = byFaultIn;
    this.#entry = memory.entry;
  }

  faultedIn(id: number): void {
    if (this.#logEnd - this.#logBase === this.#log.length) this.#growLog();
    this.#log[this.#logEnd - this.#logBase] = id;
    this.#entry[id] = this.#logEnd;
    this.#logEnd = (this.#logEnd + 1) | 0;
  }
  /** Showed itself without being faulted in. */
  seen(id: number): void {
    if (!this.#byFaultIn) this.faultedIn(id);
  }
  /** Call after the sightings have taken the report in. Pages that may not be chosen have no entry. */
  takeReport(reported: PageBitmap): void {
    if (this.#byFaultIn) return;
    const { report } = this.#sightings;
    const entry = this.#entry;
    const words = reported.words.slice();
    for (let i = 0; i < words.length; i = (i + 1) | 0) {
      if (words[i] === 0) continue;
      words[i]! &= this.#memory.freeOf(i);
      for (let word = words[i]! | 0; word !== 0; word &= word - 1) entry[(i << 5) + (31 - Math.clz32(word & -word))] = -report;
    }
    this.#logEnds.push(this.#logEnd);
    this.#groups.push({ report, words, logEnd: this.#logEnd, at: 0 });
    if (this.#groups.length > MAX_GROUPS) this.#merge();
  }

  markOf(id: number): number {
    return this.#entry[id]!;
  }

  /** Hands out up to `wanted` pages last seen at report `lastSeen` or before, each once, and none twice until it is seen again or put back. */
  take(wanted: number, lastSeen: number): Int32Array<ArrayBuffer> {
    const taken = new Int32Array(Math.max(0, wanted));
    return taken.subarray(0, this.takeInto(taken, lastSeen));
  }
  /** The same, up to the length of `taken`; returns how many. */
  takeInto(taken: Int32Array, lastSeen: number): number {
    let n = this.#takeFront(taken, lastSeen);
    while (n < taken.length) {
      const group = this.#groups[0];
      // Faults between two reports count as seen by the later one.
      if ((group?.report ?? this.#sightings.report + 1) > lastSeen) break;
      n = this.#takeLog(taken, n, group?.logEnd ?? this.#logEnd);
      if (group === undefined) break;
      n = this.#takeGroup(taken, n, group);
      if (n < taken.length) this.#groups.shift();
    }
    return n;
  }

  /** Takes back pages that were handed out and not evicted; `marks` as they were then. */
  putBack(ids: Int32Array, marks: Int32Array): void {
    if (ids.length === 0) return;
    this.#front = concat([ids, this.#front.subarray(this.#frontAt)]);
    this.#frontMarks = concat([marks, this.#frontMarks.subarray(this.#frontAt)]);
    this.#frontAt = 0;
  }

  #takeFront(taken: Int32Array, lastSeen: number): number {
    let n = 0;
    for (; n < taken.length && this.#frontAt < this.#front.length; this.#frontAt++) {
      const id = this.#front[this.#frontAt]!;
      if (this.markOf(id) !== this.#frontMarks[this.#frontAt]) continue;
      if (lastSeen !== ANY_AGE && this.#lastSeenOf(id) > lastSeen) break;
      taken[n++] = id;
    }
    return n;
  }

  /** Kept short: one page's entry is in no cache, and several such loads at a time are what makes it fast. */
  #takeLog(taken: Int32Array, from: number, end: number): number {
    const log = this.#log;
    const entry = this.#entry;
    const base = this.#logBase | 0;
    const wanted = taken.length | 0;
    let at = this.#logAt | 0;
    let n = from | 0;
    for (; at < end && n < wanted; at = (at + 1) | 0) {
      const id = log[(at - base) | 0]!;
      if (entry[id] === at) {
        taken[n] = id;
        n = (n + 1) | 0;
      }
    }
    this.#logAt = at;
    return n;
  }

  #takeGroup(taken: Int32Array, from: number, group: Group): number {
    const { words, report } = group;
    const entry = this.#entry;
    const mark = -report | 0;
    let n = from | 0;
    for (; group.at < words.length; group.at = (group.at + 1) | 0) {
      let word = words[group.at]! | 0;
      for (; word !== 0 && n < taken.length; word &= word - 1) {
        const id = (group.at << 5) + (31 - Math.clz32(word & -word));
        if (entry[id] !== mark) continue;
        taken[n] = id;
        n = (n + 1) | 0;
      }
      words[group.at] = word;
      if (n === taken.length) break;
    }
    return n;
  }

  /** The report that last named the page; faults between two reports count as the later one. */
  #lastSeenOf(id: number): number {
    const mark = this.markOf(id);
    if (mark < 0) return -mark;
    const later = this.#logEnds.findIndex((end) => end > mark);
    return later < 0 ? this.#sightings.report + 1 : later + 1;
  }

  #growLog(): void {
    // What has been passed over makes room first.
    const passed = this.#logAt - this.#logBase;
    const live = this.#log.subarray(passed, this.#logEnd - this.#logBase);
    if (live.length * 2 > this.#log.length) {
      this.#log = concat([live, new Int32Array(this.#log.length * 2 - live.length)]);
    } else this.#log.copyWithin(0, passed);
    this.#logBase = this.#logAt;
  }

  /** All entries that still count become one list. */
  #merge(): void {
    const ids = this.take(this.#entry.length, ANY_AGE);
    this.putBack(
      ids,
      ids.map((id) => this.markOf(id)),
    );
  }
}

function concat(parts: readonly Int32Array[]): Int32Array<ArrayBuffer> {
  const whole = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
