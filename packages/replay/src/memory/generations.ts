/** MGLRU's aging by page-table walk (kernel-semantics 7.2): two sightings to promote, generations as ages, Bloom filter of tables. */
import { BLOCK_SHIFT, PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { BOTH, type World } from './world.ts';

/** A table stays in the Bloom filter when young * 8 >= entries (suitable_to_scan on x86: 64-byte line / 8-byte entry). */
const KEEP_SHARE = 8;

export class Generations {
  readonly #world: World;
  /** max_seq at each page's last promotion; pages start in generation 0. */
  readonly #generation: Int32Array;
  /** Page tables (blocks) worth walking without force_scan. Exact, where the kernel's filter has false positives. */
  #bloom: PageBitmap;
  #maxSeq = 0;

  constructor(world: World) {
    this.#world = world;
    this.#generation = new Int32Array(world.nPages);
    this.#bloom = new PageBitmap((world.nPages >>> BLOCK_SHIFT) + 1);
    this.#bloom.addRange(0, (world.nPages >>> BLOCK_SHIFT) + 1);
  }

  /** One aging pass; returns the entries scanned. */
  age(range: PageRange, force: boolean): number {
    const world = this.#world;
    const young = new PageBitmap(world.nPages);
    world.addYoung(range, young, BOTH);
    let scanned = 0;
    const next = new PageBitmap(this.#bloom.nPages);
    this.#maxSeq++;
    for (let from = range.from; from < range.to; from = ((from >>> BLOCK_SHIFT) + 1) << BLOCK_SHIFT) {
      const block = from >>> BLOCK_SHIFT;
      const to = Math.min(range.to, (block + 1) << BLOCK_SHIFT);
      const isLeaf = world.isHuge(from);
      // The filter is of page tables: memory mapped by a PMD has none, and is always looked at.
      if (!force && !isLeaf && !this.#bloom.has(block)) continue;
      scanned += isLeaf ? 1 : to - from;
      const seen = this.#ageTable(from, to, young);
      if (!isLeaf && seen * KEEP_SHARE >= to - from) next.add(block);
      world.clearYoung({ from, to }, BOTH);
    }
    this.#bloom = next;
    return scanned;
  }

  #ageTable(from: number, to: number, young: PageBitmap): number {
    const referenced = this.#world.flag('referenced');
    const workingset = this.#world.flag('workingset');
    let seen = 0;
    for (let id = from; id < to; id++) {
      if (!young.has(id)) continue;
      seen++;
      if (!referenced.has(id) && !workingset.has(id)) {
        referenced.add(id);
        continue;
      }
      this.#generation[id] = this.#maxSeq;
      workingset.add(id);
      referenced.delete(id);
    }
    return seen;
  }

  /** Adds the pages promoted by the last pass. */
  addYoungest(range: PageRange, out: PageBitmap): void {
    for (let id = range.from; id < range.to; id++) if (this.#maxSeq > 0 && this.#generation[id] === this.#maxSeq) out.add(id);
  }
}
