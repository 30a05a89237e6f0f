/** Stamps per page-table entry: in a block mapped by a PMD every page carries the newest stamp of the 512. */
import { BLOCK_PAGES, BLOCK_SHIFT, type PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { blockOf } from './folios.ts';
import type { LastStamps, StampMemory } from './stamps.ts';

interface Slot {
  frames: number;
  readonly last: Int32Array;
}

export class EntryColumns {
  readonly #memory: StampMemory;
  readonly #walks: StampMemory;
  /** Blocks mapped by a PMD now. */
  readonly #huge: PageBitmap | undefined;
  readonly #slots = new Map<string, Slot>();

  constructor(memory: StampMemory, walks: StampMemory | undefined, hugeBlocks: PageBitmap | undefined) {
    this.#memory = memory;
    this.#walks = walks ?? memory;
    this.#huge = hugeBlocks?.clone();
  }

  get hasTlb(): boolean {
    return this.#walks !== this.#memory;
  }
  /** Last touch by the classes of `mask`. Read only, until the next frame or split. */
  touches(mask: number): Int32Array {
    return this.#perEntry('touches', this.#memory, mask);
  }
  touchStamps(mask: number): LastStamps {
    return this.#huge === undefined ? this.#memory.lastStamps(mask) : { values: () => this.touches(mask), newerThan: () => undefined };
  }
  /** The same where a short range is looked at: right there alone, until the next call. */
  touchesIn(mask: number, { from, to }: PageRange): Int32Array {
    const last = this.#memory.last(mask);
    if (this.#huge === undefined) return last;
    const slot = this.#slot(`touches ${mask}`);
    if (slot.frames === this.#memory.framesApplied) return slot.last;
    for (let first = blockOf(from).from; first < to; first += BLOCK_PAGES) foldBlock(last, first, this.isHuge(first), slot.last);
    return slot.last;
  }
  /** Last touch by them that walked. */
  walkStamps(mask: number): LastStamps {
    if (!this.hasTlb) return this.touchStamps(mask);
    return { values: () => this.#perEntry('walks', this.#walks, mask), newerThan: () => undefined };
  }
  lastTouchOf(id: number, mask: number): number {
    return this.#lastOf(this.#memory, id, mask);
  }
  lastWalkOf(id: number, mask: number): number {
    return this.#lastOf(this.#walks, id, mask);
  }

  isHuge(id: number): boolean {
    return this.#huge !== undefined && this.#huge.has(id >>> BLOCK_SHIFT);
  }
  /** Blocks mapped by a PMD now. */
  hugeBlocks(): Iterable<number> {
    return this.#huge?.ids() ?? [];
  }
  split(id: number): void {
    this.#huge?.delete(id >>> BLOCK_SHIFT);
    for (const slot of this.#slots.values()) slot.frames = -1;
  }
  release(): void {
    for (const { last } of this.#slots.values()) this.#memory.arena.release(last);
    this.#slots.clear();
  }

  #lastOf(memory: StampMemory, id: number, mask: number): number {
    if (!this.isHuge(id)) return memory.lastOf(id, mask);
    const from = (id >>> BLOCK_SHIFT) << BLOCK_SHIFT;
    let newest = 0;
    for (let p = from; p < from + BLOCK_PAGES; p++) newest = Math.max(newest, memory.lastOf(p, mask));
    return newest;
  }

  #perEntry(source: string, memory: StampMemory, mask: number): Int32Array {
    const last = memory.last(mask);
    if (this.#huge === undefined) return last;
    const slot = this.#slot(`${source} ${mask}`);
    if (slot.frames === memory.framesApplied) return slot.last;
    slot.last.set(last);
    for (const block of this.#huge.ids()) foldBlock(last, block << BLOCK_SHIFT, true, slot.last);
    slot.frames = memory.framesApplied;
    return slot.last;
  }

  #slot(key: string): Slot {
    let slot = this.#slots.get(key);
    if (slot === undefined) this.#slots.set(key, (slot = { frames: -1, last: this.#memory.arena.int32(this.#memory.nPages) }));
    return slot;
  }
}

/** Stamps of a block's entries: the newest of all when a PMD maps it. */
function foldBlock(last: Int32Array, from: number, isHuge: boolean, out: Int32Array): void {
  if (!isHuge) {
    for (let p = from; p < from + BLOCK_PAGES; p = (p + 1) | 0) out[p] = last[p]!;
    return;
  }
  let newest = 0;
  for (let p = from; p < from + BLOCK_PAGES; p = (p + 1) | 0) if (last[p]! > newest) newest = last[p]!;
  out.fill(newest, from, from + BLOCK_PAGES);
}
