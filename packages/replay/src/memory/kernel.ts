/** A run's view of its world: the system calls and page-table operations a tracking scheme may use, each one charged. */
import { BLOCK_SHIFT, PageBitmap, type CostOp, type Nanos, type Prng } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import type { Backing } from '../primitive.ts';
import type { DamonWalk, PageRange, RecordedCycle, Report, TrackingKernel } from '../scheme.ts';
import { DamonSamples } from './damon-samples.ts';
import { Desk } from './desk.ts';
import * as folio from './folio-ops.ts';
import { blockOf } from './folios.ts';
import { Generations } from './generations.ts';
import * as mm from './mm-ops.ts';
import { addPageRange } from './page-ranges.ts';
import { holdsAny } from './page-sets.ts';
import * as uffd from './uffd.ts';
import type { World } from './world.ts';

type Claim = Parameters<TrackingKernel['claim']>[0];

export interface KernelWiring {
  readonly world: World;
  readonly space: SpaceReader;
  readonly range: PageRange;
  readonly recorded: readonly RecordedCycle[] | null;
  readonly random: Prng;
  charge(op: CostOp, count: number): void;
  claim(window: Claim): void;
  report(report: Report): void;
  /** Every n-th touch from now on goes into `out`; returns the samples taken so far. */
  sample(period: number, out: PageBitmap): number;
}

export class SimKernel implements TrackingKernel {
  now: Nanos = 0;
  readonly range: PageRange;
  readonly nPages: number;
  readonly recorded: readonly RecordedCycle[] | null;
  readonly #wiring: KernelWiring;
  readonly #world: World;
  readonly #desk: Desk;
  readonly #samples: DamonSamples;
  #generations: Generations | undefined;

  constructor(wiring: KernelWiring) {
    this.#wiring = wiring;
    this.#world = wiring.world;
    this.#desk = new Desk(wiring.world, (op, count) => wiring.charge(op, count));
    this.#samples = new DamonSamples(this.#desk, wiring.space, wiring.range);
    this.range = wiring.range;
    this.nPages = wiring.world.nPages;
    this.recorded = wiring.recorded;
  }

  emptySet(): PageBitmap {
    return new PageBitmap(this.nPages);
  }
  keptSet(): PageBitmap {
    return this.#world.keptSet();
  }
  get huge(): boolean {
    return this.#desk.huge;
  }
  get backing(): Backing {
    return this.#world.config.backing;
  }
  random(n: number): number {
    return this.#wiring.random.below(n);
  }
  pageOf(id: number): number {
    return this.#wiring.space.pageOf(id);
  }
  idOf(page: number): number {
    const id = this.#wiring.space.idOf(page);
    return id >= this.range.from && id < this.range.to ? id : -1;
  }
  addPages(set: PageBitmap, startPage: number, nPages: number): void {
    addPageRange(set, this.#wiring.space, this.range, startPage, nPages);
  }
  memoryRuns(): readonly { startPage: number; nPages: number }[] {
    return contiguousRuns(this.#wiring.space.blocks, this.range);
  }
  mappedRuns(): readonly { startPage: number; nPages: number }[] {
    const present = this.emptySet();
    this.present(present);
    return contiguousRuns(this.#wiring.space.blocks, this.range, (block) => holdsAny(present, blockOf(block << BLOCK_SHIFT)));
  }
  present(out: PageBitmap): void {
    this.#world.addPresent(this.range, out);
  }
  onLru(out: PageBitmap): void {
    this.#world.addOnLru(this.range, out);
  }
  entriesOf(set: PageBitmap): number {
    return this.#desk.entriesOf(set);
  }

  uffdRwProtect(range: PageRange, { minor } = { minor: false }): void {
    uffd.rwProtect(this.#desk, range, minor);
  }
  uffdRwWatched(range: PageRange, out: PageBitmap): void {
    this.#desk.addRwWatched(range, out);
  }
  uffdRwArmed(range: PageRange, out: PageBitmap): void {
    uffd.addRwArmed(this.#desk, range, out);
  }
  pagemapScanAccessed(range: PageRange, out: PageBitmap): void {
    uffd.scanAccessed(this.#desk, range, out);
  }
  uffdMinorMessages(range: PageRange): number {
    return uffd.minorMessages(this.#desk, range);
  }
  uffdWriteProtect(range: PageRange): void {
    uffd.writeProtect(this.#desk, range);
  }
  pagemapScanWritten(range: PageRange, out: PageBitmap): void {
    uffd.scanWritten(this.#desk, range, out);
  }
  uffdWpMessages(range: PageRange, out: PageBitmap): number {
    return uffd.writeMessages(this.#desk, range, out);
  }

  clearSoftDirty(range: PageRange): void {
    mm.clearSoftDirty(this.#desk, range);
  }
  readSoftDirty(range: PageRange, out: PageBitmap): void {
    mm.readSoftDirty(this.#desk, range, out);
  }
  getDirtyLog(range: PageRange, out: PageBitmap): number {
    return mm.takeDirtyLog(this.#desk, range, out);
  }
  clearRefs(range: PageRange): void {
    mm.clearRefs(this.#desk, range);
  }
  smapsReferenced(range: PageRange, out: PageBitmap): void {
    mm.smapsReferenced(this.#desk, range, out);
  }
  testAndClearYoung(range: PageRange, out: PageBitmap, { flush }: { flush: boolean }): void {
    mm.testAndClearYoung(this.#desk, range, out, flush);
  }
  ageSptes(range: PageRange, out: PageBitmap): void {
    mm.ageSptes(this.#desk, range, out);
  }

  pageIdleMark(range: PageRange, listed: PageBitmap): void {
    folio.idleMark(this.#desk, range, listed);
  }
  pageIdleRead(range: PageRange, marked: PageBitmap, accessed: PageBitmap): void {
    folio.idleRead(this.#desk, range, marked, accessed);
  }
  damonMkold(pages: Float64Array, n: number, how: DamonWalk): void {
    this.#samples.take(pages, n, how).makeOld(how.rmap);
  }
  damonYoung(pages: Float64Array, n: number, how: DamonWalk, young: Uint8Array): void {
    this.#samples.take(pages, n, how).areYoung(how.rmap, young);
  }
  damosFilterYoung(page: number, { rmap }: { rmap: boolean }): boolean {
    const id = this.idOf(page);
    const young = folio.damonYoung(this.#desk, id, rmap);
    if (young) folio.damonMkold(this.#desk, id, rmap);
    return young;
  }

  lruGenAge(range: PageRange, { force }: { force: boolean }): void {
    this.#world.usesMglru = true;
    this.#generations ??= new Generations(this.#world);
    this.charge('pte-scan', this.#generations.age(range, force));
    this.charge('syscall', 1);
  }
  lruGenYoungest(range: PageRange, out: PageBitmap): void {
    this.#generations?.addYoungest(range, out);
  }
  numaProtect(range: PageRange, out: PageBitmap): number {
    return mm.numaProtect(this.#desk, range, out);
  }
  numaFaulted(range: PageRange, watched: PageBitmap, out: PageBitmap): void {
    mm.numaFaulted(this.#desk, range, watched, out);
  }
  sampleTouches(period: number, out: PageBitmap): number {
    return this.#wiring.sample(period, out);
  }

  charge(op: CostOp, count: number): void {
    this.#wiring.charge(op, count);
  }
  claim(window: Claim): void {
    this.#wiring.claim(window);
  }
  report(report: Report): void {
    this.#wiring.report(report);
  }
}

function contiguousRuns(
  blocks: Float64Array,
  range: PageRange,
  counts: (block: number) => boolean = () => true,
): { startPage: number; nPages: number }[] {
  const runs: { startPage: number; nPages: number }[] = [];
  for (let id = range.from; id < range.to;) {
    const end = Math.min(range.to, blockOf(id).to);
    if (!counts(id >>> BLOCK_SHIFT)) {
      id = end;
      continue;
    }
    const startPage = blocks[id >>> BLOCK_SHIFT]! * 512 + (id & 511);
    const previous = runs.at(-1);
    if (previous !== undefined && previous.startPage + previous.nPages === startPage) previous.nPages += end - id;
    else runs.push({ startPage, nPages: end - id });
    id = end;
  }
  return runs;
}
