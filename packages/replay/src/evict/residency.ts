/**
 * Which pages are in memory. All that a touch of a plainly resident page costs is a look at its bit, so that the hot loop needs an eighth
 * of a byte per page; one more word per page says everything else.
 */
import { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import type { Pins } from './pins.ts';

export const ABSENT = 0;
export const RESIDENT = 1;
/** Dropped; with the flags below. */
export const EVICTED = 2;
/** In the batch under eviction. */
export const IN_FLIGHT = 3;
/** RW-protected: the next access resolves by itself, or sends a message while a sync phase lasts. */
export const ARMED = 4;
/** Dropped with accesses waiting: comes back when the eviction ends. */
export const FILLING = 5;
/** Of an evicted page: its contents miss a lost write; a read passed unseen while it was evicted. */
export const STALE = 1;
export const WINDOW_READ = 2;
const FLAG_BITS = 2;

/** Entries from here down belong to pages that are gone: when they were dropped, and their flags. All others are places in an order. */
const GONE = -0x40000000;
const NEVER = -0x80000000;
const AWAITED = -0x7fffffff;
const MAX_MOMENTS = (GONE - AWAITED) >>> FLAG_BITS;

export class Residency {
  /** Bits of the pages that a touch does nothing to: in memory, neither armed nor under eviction, or outside the range and so somebody else's. */
  readonly plain: Int32Array;
  readonly #armed: Int32Array;
  readonly #outside: Int32Array;
  /**
   * Of a page in memory its place in the order of victims, of a dropped one the moment of its drop: four bytes, because an eviction and
   * a refault cost little else than the cache misses of their page.
   */
  readonly entry: Int32Array;
  /** Whose accesses pass by the page tables; undefined when the trace tells nobody of that kind apart. */
  readonly pins: Pins | undefined;
  /** Moments of drops, ns: one for all pages of a batch; undefined when nobody will ask. */
  #moments: Float64Array | undefined;
  #nMoments = 0;
  /** Page frames in use: resident, in flight and filling pages. */
  used = 0;
  peak = 0;
  /** Pages dropped so far. */
  drops = 0;
  /** What `fetch` has added up: nothing that matters, but it is not left out by a compiler. */
  fetched = 0;

  /** @param keepsMoments false when droppedAt will not be called */
  constructor(nPages: number, range: PageRange, keepsMoments = true, pins?: Pins) {
    this.pins = pins;
    const outside = new PageBitmap(nPages);
    outside.addRange(0, range.from);
    outside.addRange(range.to, nPages);
    this.#outside = outside.words;
    this.plain = outside.words.slice();
    this.#armed = new Int32Array(this.plain.length);
    this.entry = new Int32Array(nPages).fill(NEVER);
    if (keepsMoments) this.#moments = new Float64Array(1 << 10);
  }

  /** Loads what is known of the pages of `n` rows into the cache, one load not waiting for the other. */
  fetch(touches: Int32Array, rows: Int32Array, n: number, classBits: number): void {
    const { entry } = this;
    const moments = this.#moments;
    let sum = 0;
    for (let k = 0; k < n; k = (k + 1) | 0) sum = (sum + entry[touches[rows[k]!]! >>> classBits]!) | 0;
    if (moments !== undefined) {
      for (let k = 0; k < n; k = (k + 1) | 0) {
        const page = entry[touches[rows[k]!]! >>> classBits]!;
        if (isDropped(page)) sum += moments[(GONE - page) >>> FLAG_BITS]!;
      }
    }
    this.fetched = sum;
  }

  kindOf(id: number): number {
    const bit = 1 << id;
    if ((this.plain[id >>> 5]! & bit) !== 0) return RESIDENT;
    if ((this.#armed[id >>> 5]! & bit) !== 0) return ARMED;
    const entry = this.entry[id]!;
    if (entry > GONE) return IN_FLIGHT;
    return entry === NEVER ? ABSENT : entry === AWAITED ? FILLING : EVICTED;
  }
  isPlain(id: number): boolean {
    return (this.plain[id >>> 5]! & (1 << id)) !== 0;
  }
  isArmed(id: number): boolean {
    return (this.#armed[id >>> 5]! & (1 << id)) !== 0;
  }
  /** True when a page may be chosen for eviction. */
  isFree(id: number): boolean {
    return this.isPlain(id) || this.isArmed(id);
  }
  /** The pages of a word of a bitmap that may be chosen. */
  freeOf(word: number): number {
    return this.plain[word]! | this.#armed[word]!;
  }
  /** Pages that hold memory, with those of `ids` that are under eviction. */
  here(ids: Int32Array): PageBitmap {
    const set = new PageBitmap(this.entry.length);
    const { words } = set;
    for (let i = 0; i < words.length; i = (i + 1) | 0) words[i] = this.freeOf(i) & ~this.#outside[i]!;
    for (const id of ids) if (id >= 0 && this.kindOf(id) === IN_FLIGHT) set.add(id);
    return set;
  }

  /** Memory is taken for the page; its entry is the caller's to set. */
  arrive(id: number): void {
    this.plain[id >>> 5]! |= 1 << id;
    this.used = (this.used + 1) | 0;
    if (this.used > this.peak) this.peak = this.used;
  }
  /** The page goes into the batch under eviction. */
  takeOut(id: number): void {
    this.plain[id >>> 5]! &= ~(1 << id);
    this.#armed[id >>> 5]! &= ~(1 << id);
  }
  /** It comes out of it, or has been accessed while it was armed. */
  giveBack(id: number): void {
    this.plain[id >>> 5]! |= 1 << id;
    this.#armed[id >>> 5]! &= ~(1 << id);
  }

  /** Announces drops at `tNs`; returns what `drop` wants to be told. */
  moment(tNs: number): number {
    if (this.#moments === undefined) return 0;
    if (this.#nMoments === this.#moments.length) this.#moments = this.#roomier(this.#moments);
    this.#moments[this.#nMoments] = tNs;
    return this.#nMoments++;
  }
  /** The page's memory is free. `flags`: STALE, WINDOW_READ. */
  drop(id: number, moment: number, flags: number): void {
    this.takeOut(id);
    this.entry[id] = (GONE - ((moment << FLAG_BITS) | flags)) | 0;
    this.used = (this.used - 1) | 0;
    this.drops = (this.drops + 1) | 0;
    this.pins?.dropped(id);
  }
  /** What a dropped page was dropped with has been overtaken by a write that went elsewhere. */
  markStale(id: number): void {
    this.entry[id] = GONE - ((GONE - this.entry[id]!) | STALE);
  }
  /** Dropped, but its memory is taken again at once by the accesses that wait. */
  dropAndFill(id: number): void {
    this.takeOut(id);
    this.entry[id] = AWAITED;
    this.pins?.dropped(id);
  }
  fill(id: number): void {
    this.plain[id >>> 5]! |= 1 << id;
  }
  /** When a dropped page was dropped, ns. */
  droppedAt(id: number): number {
    return this.#moments![(GONE - this.entry[id]!) >>> FLAG_BITS]!;
  }
  /** STALE and WINDOW_READ of a dropped page. */
  flagsOf(id: number): number {
    return (GONE - this.entry[id]!) & (STALE | WINDOW_READ);
  }

  /** RWPROTECT of one page. */
  arm(id: number): void {
    this.plain[id >>> 5]! &= ~(1 << id);
    this.#armed[id >>> 5]! |= 1 << id;
  }
  /** RWPROTECT of everything. */
  armAll(): void {
    const { plain } = this;
    for (let i = 0; i < plain.length; i = (i + 1) | 0) {
      this.#armed[i]! |= plain[i]! & ~this.#outside[i]!;
      plain[i]! &= this.#outside[i]!;
    }
  }

  /** Up to one per page the list grows; beyond, moments that no dropped page refers to any more make room. */
  #roomier(moments: Float64Array): Float64Array {
    if (moments.length >= this.entry.length) {
      this.#forgetMoments(moments);
      if (2 * this.#nMoments <= moments.length) return moments;
    }
    const longer = new Float64Array(2 * moments.length);
    if (longer.length > MAX_MOMENTS) throw new RangeError(`no more than ${MAX_MOMENTS} batches of evicted pages can be told apart`);
    longer.set(moments);
    return longer;
  }

  #forgetMoments(moments: Float64Array): void {
    const { entry } = this;
    const renamed = new Int32Array(moments.length);
    for (let id = 0; id < entry.length; id = (id + 1) | 0) {
      if (isDropped(entry[id]!)) renamed[(GONE - entry[id]!) >>> FLAG_BITS] = 1;
    }
    let n = 0;
    for (let i = 0; i < renamed.length; i = (i + 1) | 0) {
      if (renamed[i] === 0) continue;
      moments[n] = moments[i]!;
      renamed[i] = n;
      n = (n + 1) | 0;
    }
    for (let id = 0; id < entry.length; id = (id + 1) | 0) {
      if (!isDropped(entry[id]!)) continue;
      const code = GONE - entry[id]!;
      entry[id] = (GONE - ((renamed[code >>> FLAG_BITS]! << FLAG_BITS) | (code & (STALE | WINDOW_READ)))) | 0;
    }
    this.#nMoments = n;
  }
}

function isDropped(entry: number): boolean {
  return entry <= GONE && entry > AWAITED;
}
