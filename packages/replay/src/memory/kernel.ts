/** A run's view of its world: the system calls and page-table operations a tracking scheme may use, each one charged. */
import { BLOCK_PAGES, BLOCK_SHIFT, PageBitmap, type CostOp, type Nanos, type Prng } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import type { PageRange, RecordedCycle, Report, TrackingKernel } from '../scheme.ts';
import { addNewer, addNewerThanMarks, addStillMarked, fillMarks, markNewer, setMarks } from './bit-loops.ts';
import { Generations } from './generations.ts';
import { addPageRange } from './page-ranges.ts';
import { addPresent, BOTH, PRIMARY, rangeSet, SECONDARY, type World } from './world.ts';

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

/** A page_idle read or write of 4 KiB covers 4096 * 8 pages (the bitmap is a plain file of u64 words). */
const PAGE_IDLE_PAGES_PER_SYSCALL = 32768;

/**
 * Marks are times: `mark[p]` is the number of frames applied when a bit was armed or cleared (0 = never), and an access has
 * undone it once the entry's last touch is newer.
 */
export class SimKernel implements TrackingKernel {
  now: Nanos = 0;
  readonly range: PageRange;
  readonly nPages: number;
  readonly recorded: readonly RecordedCycle[] | null;
  readonly #wiring: KernelWiring;
  readonly #world: World;
  #generations: Generations | undefined;

  constructor(wiring: KernelWiring) {
    this.#wiring = wiring;
    this.#world = wiring.world;
    this.range = wiring.range;
    this.nPages = wiring.world.nPages;
    this.recorded = wiring.recorded;
  }

  emptySet(): PageBitmap {
    return new PageBitmap(this.nPages);
  }
  get huge(): boolean {
    return this.#world.config.hugeBlocks !== undefined;
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
  present(out: PageBitmap): void {
    addPresent(this.#world, this.range, out);
  }

  get backing(): 'anon' | 'shmem' {
    return this.#world.config.backing;
  }

  uffdRwProtect(range: PageRange, { minor } = { minor: false }): void {
    const world = this.#world;
    const mark = world.mark('rwp');
    this.#noteUnmapped(range);
    // Newer than its mark: present, and never armed or resolved by an access since.
    const armed = markNewer(world.touched(), mark, range, world.now);
    // A pending NUMA hint becomes an armed entry: its next fault is not a hint.
    if (world.hasMark('numa')) world.flag('numa-armed').andNot(this.#pendingHints(range));
    this.#chargeZap(range);
    this.#charge('syscall', 1);
    this.#charge('rwp-arm', armed);
    this.#charge('rwp-arm-skip', range.to - range.from - armed);
    this.#charge('tlb-flush', 1);
    world.flushTlb();
    // CONTINUE installs single entries, so the page table stays and no PMD comes back.
    if (minor) this.#splitBlocks(range, world.flag('unmapped'));
  }

  uffdRwWatched(range: PageRange, out: PageBitmap): void {
    addStillMarked(this.#world.touched(), this.#world.mark('rwp'), range, out);
  }

  uffdRwArmed(range: PageRange, out: PageBitmap): void {
    const armed = new PageBitmap(this.nPages);
    this.uffdRwWatched(range, armed);
    out.or(armed.andNot(this.#world.flag('unmapped')));
  }

  pagemapScanAccessed(range: PageRange, out: PageBitmap): void {
    const found = new PageBitmap(this.nPages);
    // A page that had been armed was resolved by one async fault; an unarmed one was populated without.
    const world = this.#world;
    const marked = addNewerThanMarks(world.touched(), world.mark('rwp'), range, found);
    out.or(found);
    this.#charge('syscall', 1);
    this.#charge('scan-accessed', this.#entries(range));
    this.#charge(
      'rwp-fault',
      marked === found.count() ? this.#entriesOf(found.andNot(world.flag('unmapped'))) : this.#entriesOf(this.#resolved(found)),
    );
    this.#chargeViolations(range);
  }

  uffdWriteProtect(range: PageRange): void {
    const world = this.#world;
    fillMarks(world.mark('wp'), range, world.now);
    // File memory loses its PMDs to a page table of markers; anon keeps them until the first write.
    if (world.config.backing === 'shmem') this.#splitBlocks(range, undefined);
    this.#chargeZap(range);
    this.#charge('syscall', 1);
    this.#charge('wp-arm', range.to - range.from);
    this.#charge('tlb-flush', 1);
    world.flushTlb();
  }

  pagemapScanWritten(range: PageRange, out: PageBitmap): void {
    const world = this.#world;
    const mark = world.mark('wp');
    const written = world.writtenSmall();
    const found = new PageBitmap(this.nPages);
    addNewerThanMarks(written, mark, range, found);
    out.or(found);
    const rearmed = markNewer(written, mark, range, world.now);
    if (this.huge) this.#splitBlocks(range, found);
    this.#chargeZap(range);
    this.#chargeFlush(rearmed);
    this.#charge('syscall', 1);
    this.#charge('scan-written', range.to - range.from);
    this.#charge('scan-rearm', rearmed);
    this.#charge('wp-fault', rearmed);
  }

  uffdWpMessages(range: PageRange, out: PageBitmap): number {
    const world = this.#world;
    const written = world.writtenSmall();
    addNewerThanMarks(written, world.mark('wp'), range, out);
    const messages = markNewer(written, world.mark('wp'), range, world.now);
    if (messages > 0) this.#chargeZap(range);
    this.#chargeFlush(messages);
    return messages;
  }

  clearSoftDirty(range: PageRange): void {
    const world = this.#world;
    fillMarks(world.mark('soft-dirty'), range, world.now);
    this.#chargeZap(range);
    this.#charge('syscall', 1);
    this.#charge('clear-refs', this.#entries(range));
    this.#charge('tlb-flush', 1);
    world.flushTlb();
  }

  readSoftDirty(range: PageRange, out: PageBitmap): void {
    const found = new PageBitmap(this.nPages);
    addNewerThanMarks(this.#world.written(), this.#world.mark('soft-dirty'), range, found);
    out.or(found);
    this.#charge('syscall', 1);
    this.#charge('pagemap-read', range.to - range.from);
    this.#charge('soft-dirty-fault', this.#entriesOf(found));
    this.#chargeViolations(range);
  }

  getDirtyLog(range: PageRange, out: PageBitmap): number {
    const world = this.#world;
    const mark = world.mark('kvm-dirty');
    const written = world.writtenSmall();
    addNewerThanMarks(written, mark, range, out);
    this.#charge('syscall', 1);
    const dirty = markNewer(written, mark, range, world.now);
    this.#chargeFlush(dirty);
    return dirty;
  }

  clearRefs(range: PageRange): void {
    const world = this.#world;
    world.clearYoung(range, PRIMARY);
    world.clearFlags(range, ['young', 'referenced']);
    this.#charge('syscall', 1);
    this.#charge('clear-refs', this.#entries(range));
  }

  smapsReferenced(range: PageRange, out: PageBitmap): void {
    const world = this.#world;
    const referenced = new PageBitmap(this.nPages);
    world.addYoung(range, referenced, PRIMARY);
    world.addFlagged(range, ['young', 'referenced'], referenced);
    out.or(referenced.andNot(this.#stillUnmapped(range)));
    this.#charge('syscall', 1);
    this.#charge('smaps-walk', this.#entries(range));
  }

  testAndClearYoung(range: PageRange, out: PageBitmap, { flush }: { flush: boolean }): void {
    const world = this.#world;
    world.addYoung(range, out, BOTH);
    world.clearYoung(range, BOTH);
    if (flush) {
      world.flushTlb();
      this.#charge('tlb-flush', 1);
    }
    this.#charge('syscall', 1);
    this.#charge('pte-scan', this.#entries(range));
    if (world.config.mmu === 'host') this.#charge('spte-age', this.#entries(range));
  }

  ageSptes(range: PageRange, out: PageBitmap): void {
    const world = this.#world;
    const which = world.config.mmu === 'host' ? SECONDARY : PRIMARY;
    world.addYoung(range, out, which);
    world.clearYoung(range, which);
    this.#charge('spte-age', this.#entries(range));
  }

  pageIdleMark(range: PageRange, listed: PageBitmap): void {
    const world = this.#world;
    const lru = world.wholeFolios(listed.clone().and(rangeSet(this.nPages, range)));
    const young = new PageBitmap(this.nPages);
    world.addYoung(range, young, BOTH);
    world.wholeFolios(young).and(lru);
    world.clearYoungSet(lru, BOTH);
    world.flag('young').or(young);
    world.flag('idle').or(lru);
    world.forgetMoves(range);
    this.#chargeIdle('idle-mark', range, lru);
  }

  pageIdleRead(range: PageRange, marked: PageBitmap, accessed: PageBitmap): void {
    const world = this.#world;
    const inRange = world.wholeFolios(marked.clone().and(rangeSet(this.nPages, range)));
    const idle = world.flag('idle').clone().and(inRange);
    const young = new PageBitmap(this.nPages);
    world.addYoung(range, young, BOTH);
    world.wholeFolios(young).and(idle);
    // Only idle folios are walked, and lose their A bits.
    world.clearYoungSet(young, BOTH);
    world.flag('young').or(young);
    world.flag('idle').andNot(young);
    // The bitmap speaks for the marked pages: a capture's list names head pages only.
    const gone = inRange.and(marked).andNot(world.flag('idle'));
    world.dropMoved(gone);
    accessed.or(gone);
    this.#chargeIdle('idle-read', range, idle);
  }

  isTail(page: number): boolean {
    const id = this.idOf(page);
    return id >= 0 && (id & (BLOCK_PAGES - 1)) !== 0 && this.#world.isHuge(id);
  }

  damonMkold(page: number): boolean {
    const id = this.idOf(page);
    const world = this.#world;
    if (id < 0 || world.touchedOf(id) === 0) return false;
    if (world.youngOf(id)) this.#addFolio('young', id);
    world.clearYoungOf(id);
    this.#addFolio('idle', id);
    return true;
  }

  damonYoung(page: number): boolean {
    this.#charge('damon-sample', 1);
    const id = this.idOf(page);
    const world = this.#world;
    if (id < 0 || world.touchedOf(id) === 0) return false;
    return world.youngOf(id) || !world.flag('idle').has(id);
  }

  damosFilterYoung(page: number): boolean {
    const young = this.damonYoung(page);
    if (young) this.damonMkold(page);
    return young;
  }

  lruGenAge(range: PageRange, { force }: { force: boolean }): void {
    this.#generations ??= new Generations(this.#world);
    this.#charge('pte-scan', this.#generations.age(range, force));
    this.#charge('syscall', 1);
  }

  lruGenYoungest(range: PageRange, out: PageBitmap): void {
    this.#generations?.addYoungest(range, out);
  }

  numaProtect(range: PageRange, out: PageBitmap): number {
    const world = this.#world;
    const chosen = new PageBitmap(this.nPages);
    addNewer(world.touched(), range, 0, chosen);
    if (world.hasMark('rwp')) {
      const armed = new PageBitmap(this.nPages);
      this.uffdRwWatched(range, armed);
      chosen.andNot(armed);
    }
    chosen.andNot(this.#pendingHints(range));
    setMarks(world.mark('numa'), chosen, world.now);
    world.flag('numa-armed').or(chosen);
    out.or(chosen);
    const armed = this.#entriesOf(chosen);
    this.#chargeZap(range);
    this.#charge('numa-arm', armed);
    this.#chargeFlush(armed);
    return armed;
  }

  numaFaulted(range: PageRange, watched: PageBitmap, out: PageBitmap): void {
    const world = this.#world;
    const found = new PageBitmap(this.nPages);
    addNewerThanMarks(world.touched(), world.mark('numa'), range, found);
    found.and(watched).and(world.flag('numa-armed'));
    world.flag('numa-armed').andNot(found);
    out.or(found);
    this.#charge('numa-fault', this.#entriesOf(found));
  }

  sampleTouches(period: number, out: PageBitmap): number {
    return this.#wiring.sample(period, out);
  }

  charge(op: CostOp, count: number): void {
    this.#charge(op, count);
  }
  claim(window: Claim): void {
    this.#wiring.claim(window);
  }
  report(report: Report): void {
    this.#wiring.report(report);
  }

  #charge(op: CostOp, count: number): void {
    this.#wiring.charge(op, count);
  }
  #chargeViolations(range: PageRange): void {
    this.#charge('ept-violation', this.#entriesOf(this.#world.takeViolations(range)));
  }
  /** A protection change of the range drops its SPTEs; until its walk is over KVM builds none there, and vCPUs in need of one spin (1.5). */
  #chargeZap(range: PageRange): void {
    if (this.#world.config.mmu === 'host' && this.#inUse(range)) this.#charge('arm-stall', this.#entries(range));
    this.#charge('ept-violation', this.#entriesOf(this.#world.zap(range)));
  }
  /** A page of the range was touched in the last quantum: taken as a sign that a vCPU will want it during the walk. */
  #inUse(range: PageRange): boolean {
    const recent = new PageBitmap(this.nPages);
    addNewer(this.#world.touched(), range, this.#world.now - 1, recent);
    return this.#world.now > 0 && recent.count() > 0;
  }
  /** The flush of a call that changed `changed` entries. */
  #chargeFlush(changed: number): void {
    if (changed === 0) return;
    this.#world.flushTlb();
    this.#charge('tlb-flush', 1);
  }
  #chargeIdle(op: CostOp, range: PageRange, walked: PageBitmap): void {
    this.#charge(op, range.to - range.from);
    this.#charge('rmap-walk', this.#entriesOf(walked));
    this.#charge('syscall', Math.ceil((range.to - range.from) / PAGE_IDLE_PAGES_PER_SYSCALL));
  }

  /** Page-table entries in a range: one per PMD-mapped block, one per page elsewhere. */
  #entries(range: PageRange): number {
    const pages = range.to - range.from;
    if (!this.huge) return pages;
    const all = new PageBitmap(this.nPages);
    all.addRange(range.from, range.to);
    return this.#entriesOf(all);
  }
  #entriesOf(set: PageBitmap): number {
    const pages = set.count();
    const { hugeBlocks } = this.#world.config;
    if (hugeBlocks === undefined) return pages;
    let folded = 0;
    for (const block of hugeBlocks.ids()) {
      const first = block << BLOCK_SHIFT;
      if (!this.#world.isHuge(first)) continue;
      let inside = 0;
      for (let id = first; id < first + 512; id++) inside += set.has(id) ? 1 : 0;
      folded += Math.max(0, inside - 1);
    }
    return pages - folded;
  }

  /** Sets a folio flag: on the page, or on all 512 of a large folio. */
  #addFolio(name: 'idle' | 'young', id: number): void {
    const first = (id >>> BLOCK_SHIFT) << BLOCK_SHIFT;
    if (this.#world.config.hugeBlocks?.has(id >>> BLOCK_SHIFT) === true) this.#world.flag(name).addRange(first, first + BLOCK_PAGES);
    else this.#world.flag(name).add(id);
  }

  /** PROT_NONE entries that were not touched since NUMA balancing made them so. */
  #pendingHints(range: PageRange): PageBitmap {
    const pending = new PageBitmap(this.nPages);
    addStillMarked(this.#world.touched(), this.#world.mark('numa'), range, pending);
    return pending.and(this.#world.flag('numa-armed'));
  }

  /** Pages whose access resolved an armed entry, of those found accessed. */
  #resolved(found: PageBitmap): PageBitmap {
    const resolved = new PageBitmap(this.nPages);
    addNewer(this.#world.mark('rwp'), { from: 0, to: this.nPages }, 0, resolved);
    return resolved.and(found).andNot(this.#world.flag('unmapped'));
  }
  /** Of the pages that an arm is about to reach, those behind a PMD of file memory are unmapped instead (1.4). */
  #noteUnmapped(range: PageRange): void {
    const world = this.#world;
    const newly = new PageBitmap(this.nPages);
    addNewerThanMarks(world.touched(), world.mark('rwp'), range, newly);
    const unmapped = world.flag('unmapped').andNot(newly);
    if (world.config.backing === 'anon' || !this.huge) return;
    const now = new PageBitmap(this.nPages);
    for (const block of world.config.hugeBlocks!.ids()) {
      const first = block << BLOCK_SHIFT;
      if (!world.isHuge(first)) continue;
      for (let id = Math.max(first, range.from); id < Math.min(first + BLOCK_PAGES, range.to); id++) if (newly.has(id)) now.add(id);
    }
    unmapped.or(now);
    // Taking the PMD away leaves its A bit behind as PG_referenced.
    const young = new PageBitmap(this.nPages);
    world.addYoung(range, young, PRIMARY);
    world.flag('referenced').or(young.and(now));
    world.clearYoungSet(now, PRIMARY);
  }

  /** Pages taken out of the page table and not mapped again. */
  #stillUnmapped(range: PageRange): PageBitmap {
    const watched = new PageBitmap(this.nPages);
    if (this.#world.hasMark('rwp')) this.uffdRwWatched(range, watched);
    return watched.and(this.#world.flag('unmapped'));
  }

  uffdMinorMessages(range: PageRange): number {
    const world = this.#world;
    const touched = new PageBitmap(this.nPages);
    addNewerThanMarks(world.touched(), world.mark('rwp'), range, touched);
    const messages = touched.and(world.flag('unmapped')).count();
    this.#charge('uffd-message', messages);
    return messages;
  }
  /** Ends the PMD mapping of blocks that hold a page of `where` (all blocks of the range when undefined). */
  #splitBlocks(range: PageRange, where: PageBitmap | undefined): void {
    for (const block of this.#world.config.hugeBlocks?.ids() ?? []) {
      const first = block << BLOCK_SHIFT;
      if (first < range.from || first >= range.to || !this.#world.isHuge(first)) continue;
      let hit = where === undefined;
      for (let id = first; !hit && id < first + 512; id++) hit = where!.has(id);
      if (hit) this.#world.splitBlock(first);
    }
  }
}

function contiguousRuns(blocks: Float64Array, range: PageRange): { startPage: number; nPages: number }[] {
  const runs: { startPage: number; nPages: number }[] = [];
  for (let id = range.from; id < range.to;) {
    const end = Math.min(range.to, ((id >>> BLOCK_SHIFT) + 1) << BLOCK_SHIFT);
    const startPage = blocks[id >>> BLOCK_SHIFT]! * 512 + (id & 511);
    const previous = runs.at(-1);
    if (previous !== undefined && previous.startPage + previous.nPages === startPage) previous.nPages += end - id;
    else runs.push({ startPage, nPages: end - id });
    id = end;
  }
  return runs;
}
