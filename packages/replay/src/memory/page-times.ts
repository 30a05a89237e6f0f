/** A time (frames applied) for each page: one number as long as it may be the same for all, which is what operations on all pages leave. */
import type { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { addNewer, addNewerThanMarks, fillMarks, setMarks, takeNewer } from './bit-loops.ts';
import { isWhole } from './page-sets.ts';
import type { LastStamps } from './stamps.ts';

/** Where the columns come from. */
interface Memory {
  readonly nPages: number;
  emptySet(): PageBitmap;
  column(): Int32Array;
}

export class PageTimes {
  readonly #memory: Memory;
  readonly #everything: PageRange;
  /** The time of every page; undefined = as the column says. */
  #all: number | undefined = 0;
  #column: Int32Array | undefined;
  #found: PageBitmap | undefined;

  /** @param memory its columns are zeros, as the times are at first */
  constructor(memory: Memory) {
    this.#memory = memory;
    this.#everything = { from: 0, to: memory.nPages };
  }

  of(id: number): number {
    return this.#all ?? this.#column![id]!;
  }
  /** All times, which may be changed there. */
  get column(): Int32Array {
    const isNew = this.#column === undefined;
    this.#column ??= this.#memory.column();
    if (this.#all !== undefined && !(isNew && this.#all === 0)) fillMarks(this.#column, this.#everything, this.#all);
    this.#all = undefined;
    return this.#column;
  }

  covers(range: PageRange): boolean {
    return isWhole(range, this.#memory.nPages);
  }
  setAll(time: number): void {
    this.#all = time;
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
    if (this.#all === undefined) addNewerThanMarks(last.values(), this.#column!, range, out);
    else addAllNewer(last, range, this.#all, out);
  }

  /**
   * The same, and their time becomes `now`; returns how many. Pages that are not newer stay so with a later time: one for all does, as
   * long as a stamp grows only by touches to come.
   */
  takeNewer(last: LastStamps, range: PageRange, out: PageBitmap, now: number): number {
    if (this.#all === undefined || !this.covers(range)) return takeNewer(last.values(), this.column, range, out, now);
    const found = last.newerThan(this.#all) ?? this.#newerThanAll(last.values(), this.#all);
    out.or(found);
    this.setAll(now);
    return found.count();
  }

  #newerThanAll(last: Int32Array, all: number): PageBitmap {
    const found = (this.#found ??= this.#memory.emptySet());
    found.clear();
    addNewer(last, this.#everything, all, found);
    return found;
  }
}

/** Adds to `out` the pages of the range stamped after the first `frames` frames. */
export function addAllNewer(last: LastStamps, range: PageRange, frames: number, out: PageBitmap): void {
  const all = isWhole(range, out.nPages) ? last.newerThan(frames) : undefined;
  if (all === undefined) addNewer(last.values(), range, frames, out);
  else out.or(all);
}
