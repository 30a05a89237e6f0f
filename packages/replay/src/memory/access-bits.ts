/**
 * Who has set an A bit since it was cleared. Two answers: marks in time, where a touch does one thing only (a guest's own page
 * tables of 4 KiB pages), and settled bits (settled-bits.ts) where what a touch does depends on what was there.
 */
import type { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { removeRange } from './page-sets.ts';
import { PageTimes } from './page-times.ts';
import type { World } from './world.ts';

/** Which A bits a walk looks at. */
export interface WhichBits {
  /** Those of the tracked page table. */
  readonly primary: boolean;
  /** Those of SPTEs, which answer mmu notifiers. */
  readonly secondary: boolean;
  /** Those of other processes' page tables, which a reverse map leads to. */
  readonly others: boolean;
}

/** One mm's page-table walk, notifiers included. */
export const BOTH: WhichBits = { primary: true, secondary: true, others: false };
/** A reverse-map walk. */
export const RMAP: WhichBits = { primary: true, secondary: true, others: true };
export const PRIMARY: WhichBits = { primary: true, secondary: false, others: false };
export const SECONDARY: WhichBits = { primary: false, secondary: true, others: false };

export interface AccessBits {
  /** Adds the pages whose A bit is set. */
  addYoung(range: PageRange, out: PageBitmap, which: WhichBits): void;
  /** test_and_clear of the A bits, no flush. */
  clearYoung(range: PageRange, which: WhichBits): void;
  clearYoungSet(set: PageBitmap, which: WhichBits): void;
  youngOf(id: number, which: WhichBits): boolean;
  /** Clears the bits of one entry; true when one was set. */
  makeOldOf(id: number, which: WhichBits): boolean;
  /** The same of many entries of 4 KiB pages, ids[0, n): out[i] > 0 when it is young; ids below 0 are passed over. */
  areYoung(ids: Int32Array, n: number, which: WhichBits, out: Int32Array): void;
  makeOldAll(ids: Int32Array, n: number, which: WhichBits, wasYoung: Int32Array): void;
  /** Entries that nothing maps any more: the next touch faults. `keepsA`: A is kept with the entry that stands for it. */
  unmap(range: PageRange, keepsA: boolean): void;
}

/** Marks: the page's A bit is set when its last walk is newer than the mark. */
export class MarkedBits implements AccessBits {
  readonly #world: World;
  readonly #times: PageTimes;
  /** All young pages at `#seenAt`; nothing was cleared since. */
  readonly #seen: PageBitmap;
  #seenAt = -1;
  /** Entries that no TLB held when their bits were cleared: their next touch walks. */
  #uncached: PageBitmap | undefined;

  constructor(world: World) {
    this.#world = world;
    this.#times = new PageTimes(world);
    this.#seen = world.keptSet();
  }

  /** When the bit of each page was cleared; for changes too. */
  get #cleared(): Int32Array {
    this.#seenAt = -1;
    return this.#times.column;
  }

  /**
   * The walks come from a TLB that is never flushed; with LRU replacement a flushed one differs in this alone: a page not touched
   * since the flush is not cached.
   */
  addYoung(range: PageRange, out: PageBitmap, { primary }: WhichBits): void {
    if (!primary) return;
    const world = this.#world;
    if (!world.hasTlb && this.#times.covers(range)) return void out.or(this.#allYoung());
    this.#times.addNewer(world.walked(), range, out);
    // Nothing was ever flushed or unmapped: the walks are all there is.
    if (!world.hasTlb || (!world.hasFlushed && this.#uncached === undefined)) return;
    const touched = world.touchedByCpu();
    const walked = world.walked().values();
    const cleared = this.#cleared;
    for (let p = range.from; p < range.to; p = (p + 1) | 0)
      if (touched[p]! > cleared[p]! && this.#isWalked(p, walked[p]!, touched[p]!)) out.add(p);
  }

  #allYoung(): PageBitmap {
    if (this.#seenAt === this.#world.now) return this.#seen;
    this.#seen.clear();
    this.#times.addNewer(this.#world.walked(), { from: 0, to: this.#seen.nPages }, this.#seen);
    this.#seenAt = this.#world.now;
    return this.#seen;
  }

  clearYoung(range: PageRange, { primary }: WhichBits): void {
    if (!primary) return;
    this.#noteUncached(range);
    this.#times.setRange(range, this.#world.now);
    this.#seenAt = -1;
  }

  clearYoungSet(set: PageBitmap, { primary }: WhichBits): void {
    if (!primary) return;
    if (this.#mayBeUncached) for (const id of set.ids()) this.#noteUncached({ from: id, to: id + 1 });
    if (!this.#world.hasTlb && this.#seenAt === this.#world.now) this.#times.setNow(set, this.#seen, this.#world.now);
    else this.#times.setOf(set, this.#world.now);
    this.#seenAt = -1;
  }

  youngOf(id: number, { primary }: WhichBits): boolean {
    // Every touch walks.
    if (!this.#world.hasTlb) return primary && this.#world.touchedOf(id) > this.#times.of(id);
    return primary && this.#isWalked(id, this.#world.walkedOf(id), this.#world.touchedOf(id));
  }

  makeOldOf(id: number, which: WhichBits): boolean {
    const wasYoung = this.youngOf(id, which);
    if (!which.primary) return wasYoung;
    if (this.#mayBeUncached) this.#noteUncached({ from: id, to: id + 1 });
    this.#cleared[id] = this.#world.now;
    return wasYoung;
  }

  areYoung(ids: Int32Array, n: number, which: WhichBits, out: Int32Array): void {
    if (this.#world.hasTlb || !which.primary) {
      for (let i = 0; i < n; i++) out[i] = Number(ids[i]! >= 0 && this.youngOf(ids[i]!, which));
      return;
    }
    // Who looks at single pages clears single ones too.
    const cleared = this.#cleared;
    this.#world.lastByCpu(ids, n, out);
    for (let i = 0; i < n; i = (i + 1) | 0) out[i] = ids[i]! >= 0 && out[i]! > cleared[ids[i]!]! ? 1 : 0;
  }

  makeOldAll(ids: Int32Array, n: number, which: WhichBits, wasYoung: Int32Array): void {
    if (this.#world.hasTlb || !which.primary) {
      for (let i = 0; i < n; i++) wasYoung[i] = Number(ids[i]! >= 0 && this.makeOldOf(ids[i]!, which));
      return;
    }
    this.areYoung(ids, n, which, wasYoung);
    const cleared = this.#cleared;
    const { now } = this.#world;
    for (let i = 0; i < n; i = (i + 1) | 0) if (ids[i]! >= 0) cleared[ids[i]!] = now;
  }

  unmap({ from, to }: PageRange, keepsA: boolean): void {
    const cleared = this.#cleared;
    for (let id = from; id < to; id++) {
      if (keepsA && this.youngOf(id, PRIMARY)) continue;
      cleared[id] = this.#world.now;
      (this.#uncached ??= this.#world.keptSet()).add(id);
    }
  }

  #isWalked(id: number, walked: number, touched: number): boolean {
    const cleared = this.#times.of(id);
    if (walked > cleared || touched <= cleared) return walked > cleared;
    return (this.#uncached?.has(id) ?? false) || touched > this.#world.firstFlushFrom(cleared);
  }

  get #mayBeUncached(): boolean {
    return this.#world.hasTlb && (this.#world.hasFlushed || this.#uncached !== undefined);
  }

  #noteUncached(range: PageRange): void {
    if (!this.#mayBeUncached) return;
    const uncached = (this.#uncached ??= this.#world.keptSet());
    removeRange(uncached, range);
    const flushed = this.#world.lastFlush;
    const touched = range.to - range.from === 1 ? undefined : this.#world.touchedByCpu();
    for (let p = range.from; p < range.to; p = (p + 1) | 0)
      if ((touched === undefined ? this.#world.touchedOf(p) : touched[p]!) <= flushed) uncached.add(p);
  }
}
