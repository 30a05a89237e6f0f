/**
 * Last-touch stamps: the one state that the ground truth and every scheme share (docs/adr/0002).
 *
 * Slot `denseId << classBits | class` holds 1 + the number of the last frame in which the page was touched in that class
 * (0 = never), so one store per touch serves everybody: a bit that hardware would have set since time t is `last > framesAt(t)`.
 */
import assert from 'node:assert/strict';
import { classesOf, type PageBitmap, type Scope, type Target } from '@workset/model';
import { setIn } from './arena-set.ts';
import { Arena } from './arena.ts';
import { addNewer } from './bit-loops.ts';
import { StampColumn } from './stamp-column.ts';

/** Last stamps of all pages over some classes: worked out when somebody needs one for each page, which few do. */
export interface LastStamps {
  /** Read only, until the next frame. */
  values(): Int32Array;
  /** Pages stamped after the first `frames` frames, shared by all who ask before the next one; undefined = look at the values. */
  newerThan(frames: number): PageBitmap | undefined;
}

/** Sets of pages that are kept until the next frame, at most. */
export const MAX_NEWS = 6;
/** Of read and write (classBits 1). */
const WRITTEN = 2;
const TOUCHED = 3;

export class StampMemory {
  readonly nPages: number;
  readonly classBits: number;
  /** Where per-page state of this trace is kept. */
  readonly arena: Arena;
  /** What touches are applied to. */
  readonly column: StampColumn;
  readonly #clock: StampMemory | undefined;
  #frames = 0;
  /** First and last frames applied, alternately, of intervals whose touches have one stamp. */
  readonly #alike: number[] = [];
  /** Answers of newerThan, by mask and frames, as long as no further frame is applied. */
  readonly #news = new Map<string, PageBitmap>();
  #newsAt = -1;
  readonly #spareSets: PageBitmap[] = [];
  readonly #ever = new Map<number, { readonly set: PageBitmap; frames: number }>();
  readonly #cache = new Map<number, { frames: number; last: Int32Array }>();

  /**
   * @param clock memory whose frame count this one follows (page walks follow touches)
   * @param arena where columns are kept; default that of the clock, or a new one
   */
  constructor(nPages: number, classBits: number, clock?: StampMemory, arena?: Arena) {
    this.#clock = clock;
    this.nPages = nPages;
    this.classBits = classBits;
    this.arena = arena ?? clock?.arena ?? new Arena(nPages);
    this.column = new StampColumn(this.arena.int32(nPages * 2 ** classBits), this.arena, classBits);
  }

  /** All stamps, up to date. */
  get stamps(): Int32Array {
    return this.column.stamps;
  }

  /** Frames applied so far; a touch stamped later has a larger stamp. */
  get framesApplied(): number {
    return this.#clock === undefined ? this.#frames : this.#clock.framesApplied;
  }
  set framesApplied(frames: number) {
    this.#frames = frames;
  }

  /** All touches of frames [first, end) got the stamp `end`. */
  noteAlike(first: number, end: number): void {
    this.#alike.push(first, end);
  }
  /** Throws Error when the stamps cannot tell which touches were made after the first `frames` frames: then nothing may be said of them. */
  assertTells(frames: number): void {
    const alike = this.#alike;
    let at = alike.length - 2;
    while (at >= 0 && alike[at]! >= frames) at -= 2;
    assert(at < 0 || alike[at + 1]! <= frames, `touches before and after frame ${frames} have the same stamps`);
  }

  /** The classes that count for a scope and target, as a bit mask over class numbers. */
  classes(scope: Scope, target: Target): number {
    return classesOf(this.classBits, scope, target);
  }

  /** Last stamp of one page over the classes of `mask`. */
  lastOf(id: number, mask: number): number {
    return this.column.lastOf(id << this.classBits, mask);
  }

  /** Last stamps of all pages over the classes of `mask`, shared by everyone who asks before the next frame. Read only. */
  last(mask: number): Int32Array {
    if (this.classBits === 0) return this.stamps;
    const hit = this.#cache.get(mask);
    if (hit !== undefined && hit.frames === this.framesApplied) return hit.last;
    const last = hit?.last ?? this.arena.int32(this.nPages);
    fillLast(this.stamps, this.classBits, mask, last);
    this.#cache.set(mask, { frames: this.framesApplied, last });
    return last;
  }

  lastStamps(mask: number): LastStamps {
    return { values: () => this.last(mask), newerThan: (frames) => this.newerThan(mask, frames) };
  }

  /** Pages stamped in the classes of `mask` after the first `frames` frames; undefined when too many others are kept already. */
  newerThan(mask: number, frames: number): PageBitmap | undefined {
    if (this.#newsAt !== this.framesApplied) this.#forgetNews();
    if (frames === 0) return this.#everStamped(mask);
    return this.#newsSince(mask, frames);
  }

  #newsSince(mask: number, frames: number): PageBitmap | undefined {
    const known = this.#news.get(`${mask} ${frames}`);
    if (known !== undefined || this.#news.size + 2 > MAX_NEWS) return known;
    this.assertTells(frames);
    const set = this.#takeSet(mask, frames);
    if (frames >= this.framesApplied) return set;
    const everything = { from: 0, to: this.nPages };
    if (this.classBits === 0) {
      this.column.fillTouched(frames, set);
      return set;
    }
    if (this.classBits !== 1 || (mask !== TOUCHED && mask !== WRITTEN)) {
      addNewer(this.last(mask), everything, frames, set);
      return set;
    }
    // One look at the stamps answers both.
    const other = this.#takeSet(TOUCHED + WRITTEN - mask, frames);
    const [touched, written] = mask === TOUCHED ? [set, other] : [other, set];
    this.column.fillTouchedAndWritten(everything, frames, touched, written);
    return set;
  }

  /** Pages stamped at all: those of the last time, and what came since. */
  #everStamped(mask: number): PageBitmap | undefined {
    let ever = this.#ever.get(mask);
    if (ever === undefined) this.#ever.set(mask, (ever = { set: setIn(this.arena, this.nPages), frames: 0 }));
    if (ever.frames < this.framesApplied) {
      const news = this.#newsSince(mask, ever.frames);
      if (news === undefined) return undefined;
      ever.set.or(news);
      ever.frames = this.framesApplied;
    }
    return ever.set;
  }

  /** An empty set that is kept under these names. */
  #takeSet(mask: number, frames: number): PageBitmap {
    const set = this.#spareSets.pop() ?? setIn(this.arena, this.nPages);
    set.clear();
    this.#news.set(`${mask} ${frames}`, set);
    return set;
  }
  #forgetNews(): void {
    this.#spareSets.push(...this.#news.values());
    this.#news.clear();
    this.#newsAt = this.framesApplied;
  }

  /** True when `any` and `mapped` cannot differ in this trace. */
  get scopesAgree(): boolean {
    return this.classBits < 2;
  }
}

function fillLast(stamps: Int32Array, classBits: number, mask: number, last: Int32Array): void {
  const slots = Array.from({ length: 1 << classBits }, (_, c) => c).filter((c) => ((mask >>> c) & 1) === 1);
  const [first, second] = slots as [number, number];
  if (slots.length === 0) last.fill(0);
  else if (slots.length === 1) copySlot(stamps, classBits, first, last);
  else maxOfTwo(stamps, classBits, first, second, last);
  for (const slot of slots.slice(2)) maxWith(stamps, classBits, slot, last);
}

function copySlot(stamps: Int32Array, classBits: number, slot: number, last: Int32Array): void {
  const arena = classBits === 1 ? Arena.loopsFor(stamps, last) : undefined;
  const words = arena === undefined ? 0 : last.length >>> 5;
  if (words > 0) arena!.loops[slot === 0 ? 'readsOfPairs' : 'writesOfPairs'](stamps.byteOffset, last.byteOffset, words);
  for (let p = words << 5, n = last.length | 0; p < n; p = (p + 1) | 0) last[p] = stamps[(p << classBits) + slot]!;
}

function maxOfTwo(stamps: Int32Array, classBits: number, a: number, b: number, last: Int32Array): void {
  const arena = classBits === 1 ? Arena.loopsFor(stamps, last) : undefined;
  const words = arena === undefined ? 0 : last.length >>> 5;
  if (words > 0) arena!.loops.lastOfPairs(stamps.byteOffset, last.byteOffset, words);
  for (let p = words << 5, n = last.length | 0; p < n; p = (p + 1) | 0) {
    const x = stamps[(p << classBits) + a]!;
    const y = stamps[(p << classBits) + b]!;
    const d = (x - y) | 0;
    last[p] = (x - (d & (d >> 31))) | 0;
  }
}

function maxWith(stamps: Int32Array, classBits: number, slot: number, last: Int32Array): void {
  for (let p = 0, n = last.length | 0; p < n; p = (p + 1) | 0) {
    const d = (last[p]! - stamps[(p << classBits) + slot]!) | 0;
    last[p] = (last[p]! - (d & (d >> 31))) | 0;
  }
}
