/**
 * Marks in time (frames applied when something was armed; 0 = never) of some pages: one number and a set as long as only whole spaces are
 * marked anew, which is what trackers of all pages do.
 */
import type { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { addNewer, addNewerThanMarks, addStillMarked, markNewer, setMarks } from './bit-loops.ts';
import { addDifferenceInRange, addInRange, countOfBoth, isWhole } from './page-sets.ts';
import { NewerPages, type TimesMemory } from './page-times.ts';
import type { LastStamps } from './stamps.ts';

export class PageMarks {
  readonly #memory: TimesMemory;
  readonly #newer: NewerPages;
  /** The mark of every page in `#marked`; undefined = as the column says. */
  #time: number | undefined = 0;
  /**
   * Pages with a mark. Others had never been touched at `#time`, so that any page touched since its mark was touched since `#time`.
   */
  #marked: PageBitmap | undefined;
  #column: Int32Array | undefined;

  /** @param memory its columns are zeros, as the marks are at first */
  constructor(memory: TimesMemory) {
    this.#memory = memory;
    this.#newer = new NewerPages(memory);
  }

  of(id: number): number {
    if (this.#time === undefined) return this.#column![id]!;
    return this.#marked?.has(id) === true ? this.#time : 0;
  }
  set(id: number, time: number): void {
    this.#values[id] = time;
  }
  setOf(set: PageBitmap, time: number): void {
    setMarks(this.#values, set, time);
  }

  /** Marks the pages of the range touched after their mark; returns how many. Marks of others become later with them, which changes nothing: none of them is newer. */
  markNewer(last: LastStamps, range: PageRange, now: number): number {
    if (this.#time === undefined || !isWhole(range, this.#memory.nPages)) return markNewer(last.values(), this.#values, range, now);
    const newer = this.#newer.than(this.#time, last);
    this.#marked = (this.#marked ?? this.#memory.keptSet()).or(newer);
    this.#time = now;
    return newer.count();
  }
  /** Adds the pages of the range touched after their mark; returns how many of them had one. */
  addNewer(last: LastStamps, range: PageRange, out: PageBitmap): number {
    if (this.#time === undefined) return addNewerThanMarks(last.values(), this.#column!, range, out);
    const newer = this.#newer.than(this.#time, last);
    addInRange(out, newer, range);
    return this.#marked === undefined ? 0 : countOfBoth(newer, this.#marked, range);
  }
  /** Adds those that have a mark, and were not touched after it. */
  addStillMarked(last: LastStamps, range: PageRange, out: PageBitmap): void {
    if (this.#time === undefined) return addStillMarked(last.values(), this.#column!, range, out);
    if (this.#marked !== undefined) addDifferenceInRange(out, this.#marked, this.#newer.than(this.#time, last), range);
  }
  /** Adds those that have a mark. */
  addMarked(out: PageBitmap): void {
    if (this.#time === undefined) addNewer(this.#column!, { from: 0, to: out.nPages }, 0, out);
    else if (this.#marked !== undefined) out.or(this.#marked);
  }

  /** All marks, which may be changed there. */
  get #values(): Int32Array {
    this.#column ??= this.#memory.column();
    if (this.#time !== undefined && this.#marked !== undefined) setMarks(this.#column, this.#marked, this.#time);
    this.#time = undefined;
    this.#marked = undefined;
    return this.#column;
  }
}
