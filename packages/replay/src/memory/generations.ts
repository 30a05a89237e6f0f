/** MGLRU's aging by page-table walk (kernel-semantics 7.2): two sightings to promote, generations as ages, Bloom filter of tables. */
import { BLOCK_SHIFT, PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { addNewer, setMarks } from './bit-loops.ts';
import { countInRange, removeRange } from './page-sets.ts';
import { BOTH } from './access-bits.ts';
import { blockOf } from './folios.ts';
import type { World } from './world.ts';

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
    this.#generation = world.column();
    this.#bloom = new PageBitmap((world.nPages >>> BLOCK_SHIFT) + 1);
    this.#bloom.addRange(0, (world.nPages >>> BLOCK_SHIFT) + 1);
  }

  /** One aging pass; returns the entries scanned. VMAs of hugetlb are skipped whole. */
  age(range: PageRange, force: boolean): number {
    const world = this.#world;
    this.#maxSeq++;
    if (world.isHugetlb) return 0;
    const young = new PageBitmap(world.nPages);
    world.settle(world.folios.around(range));
    world.addYoung(range, young, BOTH);
    const counted = this.#batches(young, range);
    let scanned = 0;
    const next = new PageBitmap(this.#bloom.nPages);
    const walked = new Runs();
    for (let from = range.from; from < range.to; from = blockOf(from).to) {
      const block = from >>> BLOCK_SHIFT;
      const to = Math.min(range.to, blockOf(from).to);
      const isLeaf = world.isHuge(from);
      // The filter is of page tables: memory mapped by a PMD has none, and is always looked at.
      if (!force && !isLeaf && !this.#bloom.has(block)) {
        removeRange(young, blockOf(from));
        continue;
      }
      scanned += isLeaf ? 1 : to - from;
      if (!isLeaf && countInRange(counted, { from, to }) * KEEP_SHARE >= to - from) next.add(block);
      walked.add(from, to);
    }
    this.#promote(young);
    for (const run of walked.runs) world.clearYoung(run, BOTH);
    this.#bloom = next;
    return scanned;
  }

  /** Makes a set of young entries one of folios; returns the entries that count as young: those of a large folio do as a batch. */
  #batches(young: PageBitmap, range: PageRange): PageBitmap {
    const { folios } = this.#world;
    if (folios.areSmall) return young;
    const present = new PageBitmap(this.#world.nPages);
    this.#world.addPresent(range, present);
    return present.and(folios.addWhole(young));
  }

  /** First sighting: PG_referenced; second: PG_workingset and the youngest generation. */
  #promote(young: PageBitmap): void {
    const referenced = this.#world.flag('referenced');
    const workingset = this.#world.flag('workingset');
    const promoted = referenced.clone().or(workingset).and(young);
    setMarks(this.#generation, promoted, this.#maxSeq);
    workingset.or(promoted);
    referenced.or(young).andNot(promoted);
  }

  /** Adds the pages promoted by the last pass. */
  addYoungest(range: PageRange, out: PageBitmap): void {
    if (this.#maxSeq > 0) addNewer(this.#generation, range, this.#maxSeq - 1, out);
  }
}

/** Ascending ranges, those that touch made one. */
class Runs {
  readonly runs: { from: number; to: number }[] = [];
  add(from: number, to: number): void {
    const last = this.runs.at(-1);
    if (last?.to === from) last.to = to;
    else this.runs.push({ from, to });
  }
}
