/** Which pages are in memory, as one byte per page: all that a touch of a plainly resident page costs is a look at that byte. */
import { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';

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
const KIND = 7;
/** Of an evicted page: its contents miss a lost write; a read passed unseen while it was evicted. */
export const STALE = 16;
export const WINDOW_READ = 32;

/** Entries from here down say when the page was dropped. */
const DROPPED = -0x40000000;

export class Residency {
  /** Pages outside the range are somebody else's: always there, never looked at. */
  readonly state: Uint8Array;
  /** Pages that hold memory. */
  readonly here: PageBitmap;
  /**
   * Of a page in memory its place in the order of victims, of a dropped one the moment of its drop: four bytes, because an eviction and
   * a refault cost little else than the cache misses of their page.
   */
  readonly entry: Int32Array;
  /** Moments of drops, ns: one for all pages of a batch. */
  #moments = new Float64Array(1 << 10);
  #nMoments = 0;
  readonly #range: PageRange;
  /** Page frames in use: resident, in flight and filling pages. */
  used = 0;
  peak = 0;

  constructor(nPages: number, range: PageRange) {
    this.#range = range;
    this.state = new Uint8Array(nPages).fill(RESIDENT).fill(ABSENT, range.from, range.to);
    this.here = new PageBitmap(nPages);
    this.entry = new Int32Array(nPages).fill(DROPPED);
  }

  /** The state without its flags. */
  kindOf(id: number): number {
    return this.state[id]! & KIND;
  }
  /** True when a page may be chosen for eviction. */
  isFree(id: number): boolean {
    const state = this.state[id];
    return state === RESIDENT || state === ARMED;
  }

  arrive(id: number): void {
    this.state[id] = RESIDENT;
    this.here.words[id >>> 5]! |= 1 << (id & 31);
    this.used = (this.used + 1) | 0;
    if (this.used > this.peak) this.peak = this.used;
  }
  /** Announces drops at `tNs`; returns what `drop` wants to be told. */
  moment(tNs: number): number {
    if (this.#nMoments === this.#moments.length) {
      const moments = new Float64Array(2 * this.#nMoments);
      moments.set(this.#moments);
      this.#moments = moments;
    }
    this.#moments[this.#nMoments] = tNs;
    return this.#nMoments++;
  }
  /** The page's memory is free. `flags`: STALE, WINDOW_READ. */
  drop(id: number, moment: number, flags: number): void {
    this.state[id] = EVICTED | flags;
    this.here.words[id >>> 5]! &= ~(1 << (id & 31));
    this.entry[id] = (DROPPED - moment) | 0;
    this.used = (this.used - 1) | 0;
  }
  /** Dropped, but its memory is taken again at once by the accesses that wait. */
  dropAndFill(id: number): void {
    this.state[id] = FILLING;
    this.entry[id] = DROPPED;
    this.here.delete(id);
  }
  fill(id: number): void {
    this.state[id] = RESIDENT;
    this.here.add(id);
  }
  /** When a dropped page was dropped, ns. */
  droppedAt(id: number): number {
    return this.#moments[DROPPED - this.entry[id]!]!;
  }

  /** RWPROTECT of everything. */
  armAll(): void {
    const { state } = this;
    for (let id = this.#range.from | 0, end = this.#range.to | 0; id < end; id = (id + 1) | 0)
      if (state[id] === RESIDENT) state[id] = ARMED;
  }
}
