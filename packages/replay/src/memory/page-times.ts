/** A time (frames applied) for each page: one number as long as it may be the same for all, which is what operations on all pages leave. */
import type { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { addNewer, addNewerThanMarks, fillMarks, setMarks, takeNewer } from './bit-loops.ts';
import { addInRange, isEmpty, isWhole } from './page-sets.ts';
import type { LastStamps } from './stamps.ts';

/** Where columns and sets come from. */
export interface TimesMemory {
  readonly nPages: number;
  /** That lives as long as they do. */
  keptSet(): PageBitmap;
  column(): Int32Array;
}

export class PageTimes {
  readonly #memory: TimesMemory;
  readonly #everything: PageRange;
  /** The time of every page; undefined = as the column says. */
  #all: number | undefined = 0;
  /** Pages that are newer than their time, whatever `#all` says: they stay so until they get another one. */
  #stillNewer: PageBitmap | undefined;
  #rest: PageBitmap | undefined;
  #column: Int32Array | undefined;
  readonly #newer: NewerPages;

  /** @param memory its columns are zeros, as the times are at first */
  constructor(memory: TimesMemory) {
    this.#memory = memory;
    this.#everything = { from: 0, to: memory.nPages };
    this.#newer = new NewerPages(memory);
  }

  of(id: number): number {
    if (this.#all === undefined) return this.#column![id]!;
    return this.#stillNewer?.has(id) === true ? LONG_AGO : this.#all;
  }
  /** All times, which may be changed there. */
  get column(): Int32Array {
    const isNew = this.#column === undefined;
    this.#column ??= this.#memory.column();
    if (this.#all !== undefined && !(isNew && this.#all === 0)) fillMarks(this.#column, this.#everything, this.#all);
    if (this.#stillNewer !== undefined) setMarks(this.#column, this.#stillNewer, LONG_AGO);
    this.#all = undefined;
    this.#stillNewer = undefined;
    return this.#column;
  }

  covers(range: PageRange): boolean {
    return isWhole(range, this.#memory.nPages);
  }
  setAll(time: number): void {
    this.#all = time;
    this.#stillNewer = undefined;
  }
  /**
   * Sets the time of the pages of `set` to now, where `newer` holds all pages newer than their time: one time for all does, but for pages
   * that stay newer.
   */
  setNow(set: PageBitmap, newer: PageBitmap, now: number): void {
    const rest = (this.#rest ??= this.#memory.keptSet());
    rest.copy(newer).andNot(set);
    this.setAll(now);
    if (!isEmpty(rest)) this.#stillNewer = rest;
  }
  setRange(range: PageRange, time: number): void {
    if (this.covers(range)) this.setAll(time);
    else fillMarks(this.column, range, time);
  }
  setOf(set: PageBitmap, time: number): void {
    setMarks(this.column, set, time);
  }

  /** Adds to `out` the pages of the range whose stamp is greater than their time. */
  addNewer(last: LastStamps, range: PageRange, out: PageBitmap): void {
    if (this.#all === undefined) return void addNewerThanMarks(last.values(), this.#column!, range, out);
    addAllNewer(last, range, this.#all, out);
    if (this.#stillNewer !== undefined) addInRange(out, this.#stillNewer, range);
  }

  /**
   * The same, and their time becomes `now`; returns how many. Pages that are not newer stay so with a later time: one for all does, as
   * long as a stamp grows only by touches to come.
   */
  takeNewer(last: LastStamps, range: PageRange, out: PageBitmap, now: number): number {
    if (this.#all === undefined || this.#stillNewer !== undefined || !this.covers(range))
      return takeNewer(last.values(), this.column, range, out, now);
    const found = this.#newer.than(this.#all, last);
    out.or(found);
    this.setAll(now);
    return found.count();
  }
}
/** Earlier than any touch. */
const LONG_AGO = 0;

/** Pages newer than a time that all of them have. */
export class NewerPages {
  readonly #memory: TimesMemory;
  #found: PageBitmap | undefined;

  constructor(memory: TimesMemory) {
    this.#memory = memory;
  }

  /** Pages stamped after the first `frames` frames: others may look at the same set, and it is filled anew the next time. */
  than(frames: number, last: LastStamps): PageBitmap {
    const shared = last.newerThan(frames);
    if (shared !== undefined) return shared;
    const found = (this.#found ??= this.#memory.keptSet());
    found.clear();
    addNewer(last.values(), { from: 0, to: found.nPages }, frames, found);
    return found;
  }
}

/** Adds to `out` the pages of the range stamped after the first `frames` frames. */
export function addAllNewer(last: LastStamps, range: PageRange, frames: number, out: PageBitmap): void {
  const all = isWhole(range, out.nPages) ? last.newerThan(frames) : undefined;
  if (all === undefined) addNewer(last.values(), range, frames, out);
  else out.or(all);
}
