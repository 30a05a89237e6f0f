/**
 * One world: the page-table and folio state that the trackers of one kernel share, and destroy for one another.
 *
 * Protections are times, not bits (`marks`: frames applied when something was armed or cleared; 0 = never): an access has undone one
 * once the entry's last touch is newer. A bits are in access-bits.ts. Facts and section numbers: kernel-semantics.
 */
import { BLOCK_PAGES, BLOCK_SHIFT, PageBitmap } from '@workset/model';
import type { Backing } from '../primitive.ts';
import type { PageRange } from '../scheme.ts';
import { MarkedBits, PRIMARY, type AccessBits, type WhichBits } from './access-bits.ts';
import { EntryColumns } from './entry-columns.ts';
import { Flushes } from './flushes.ts';
import { blockOf, Folios } from './folios.ts';
import { moveFolio } from './moves.ts';
import { addInRange, keepRange, removeRange } from './page-sets.ts';
import { PageMarks } from './page-marks.ts';
import { setIn } from './arena-set.ts';
import { addAllNewer, PageTimes } from './page-times.ts';
import { SettledBits } from './settled-bits.ts';
import type { LastStamps, StampMemory } from './stamps.ts';
import { TouchClasses, type ColumnName } from './touch-classes.ts';

/** How a world is built; stated defaults stand in for what a trace does not carry. */
export interface WorldConfig {
  /**
   * Who owns the tracked page tables. `guest`: the traced accesses walk them (a guest kernel watching its own processes).
   * `host`: a VMM's page tables under KVM; vCPU accesses walk the SPTEs, and reach the host PTE only through GUP (1.2, 1.5).
   */
  readonly mmu: 'guest' | 'host';
  readonly backing: Backing;
  /** Blocks of 512 pages mapped by a PMD; undefined = none. With hugetlb: all. */
  readonly hugeBlocks?: PageBitmap | undefined;
  /** Elsewhere: folios of 2^order pages, aligned, each page mapped by a PTE of its own from its first touch on. 0 to 9. */
  readonly folioOrder: number;
  /** KVM moves a zapped SPTE's A bit to the page (before 6.13, commit 66bc627e7fee). */
  readonly zapKeepsYoung: boolean;
}

export const DEFAULT_WORLD: WorldConfig = { mmu: 'guest', backing: 'shmem', folioOrder: 0, zapKeepsYoung: false };

export type MarkName = 'rwp' | 'numa' | 'swapped';
/** Operations whose time every page has. */
type TimesName = 'wp' | 'soft-dirty' | 'kvm-dirty';
export type FlagName =
  | 'idle'
  | 'young'
  | 'referenced'
  | 'workingset'
  | 'zapped'
  | 'pmd-split'
  | 'moved'
  | 'unmapped'
  | 'numa-armed'
  | 'soft-dirty of a PMD';

export class World {
  readonly config: WorldConfig;
  readonly memory: StampMemory;
  readonly nPages: number;
  /** MGLRU ages this kernel's memory: marking a page accessed leaves PG_idle alone (6). */
  usesMglru = false;
  readonly folios: Folios;
  readonly isHugetlb: boolean;
  readonly #classes: TouchClasses;
  readonly #entries: EntryColumns;
  #accessBits: AccessBits | undefined;
  readonly #marks = new Map<MarkName, PageMarks>();
  readonly #times = new Map<TimesName, PageTimes>();
  readonly #columns: Int32Array[] = [];
  /** Known to have been mapped by the tracked page tables. */
  #everMapped: PageBitmap | undefined;
  readonly #flags = new Map<FlagName, PageBitmap>();
  readonly #flushes = new Flushes();

  /** @param walks touches that walked a page table: a stamp memory of their own when a TLB is modelled */
  constructor(memory: StampMemory, walks: StampMemory | undefined, config: WorldConfig) {
    this.config = config;
    this.memory = memory;
    this.nPages = memory.nPages;
    this.isHugetlb = config.backing === 'hugetlb';
    this.folios = new Folios(config.folioOrder, config.hugeBlocks);
    this.#classes = new TouchClasses(memory.classBits, config.mmu);
    this.#entries = new EntryColumns(memory, walks, config.hugeBlocks);
  }

  /** Made when somebody first looks: trackers of writes never do, and do without their columns. */
  get accessBits(): AccessBits {
    return (this.#accessBits ??= this.settles ? new SettledBits(this) : new MarkedBits(this));
  }
  get #settled(): SettledBits | undefined {
    return this.settles ? (this.accessBits as SettledBits) : undefined;
  }

  get now(): number {
    return this.memory.framesApplied;
  }
  emptySet(): PageBitmap {
    return new PageBitmap(this.nPages);
  }
  /** An empty set that lives as long as the world. */
  keptSet(): PageBitmap {
    const set = setIn(this.memory.arena, this.nPages);
    this.#columns.push(set.words);
    return set;
  }
  marks(name: MarkName): PageMarks {
    let marks = this.#marks.get(name);
    if (marks === undefined) this.#marks.set(name, (marks = new PageMarks(this)));
    return marks;
  }
  hasMarks(name: MarkName): boolean {
    return this.#marks.has(name);
  }
  times(name: TimesName): PageTimes {
    let times = this.#times.get(name);
    if (times === undefined) this.#times.set(name, (times = new PageTimes(this)));
    return times;
  }
  /** A column of zeros that lives as long as the world. */
  column(): Int32Array {
    const column = this.memory.arena.int32(this.nPages);
    this.#columns.push(column);
    return column;
  }
  flag(name: FlagName): PageBitmap {
    let flag = this.#flags.get(name);
    if (flag === undefined) this.#flags.set(name, (flag = this.keptSet()));
    return flag;
  }
  /** The flag, when any page ever had it. */
  flagIfAny(name: FlagName): PageBitmap | undefined {
    return this.#flags.get(name);
  }
  /** Gives its columns back; the world is of no use afterwards. */
  release(): void {
    for (const column of this.#columns.splice(0)) this.memory.arena.release(column);
    this.#entries.release();
  }

  /** Last touch of each page-table entry by anybody who uses it (PMD-mapped pages share theirs). */
  touched(): LastStamps {
    return this.#entries.touchStamps(this.#classes.faulting);
  }
  /** Last write of each entry. */
  written(): LastStamps {
    return this.#entries.touchStamps(this.#classes.faultingWrites);
  }
  /** Last write of each 4 KiB page: for mechanisms that split a huge page at the first write. */
  writtenSmall(): LastStamps {
    return this.memory.lastStamps(this.#classes.faultingWrites);
  }
  /** Last write that the CPU logs as dirty: through SPTEs, or the guest's own entries. */
  dirtied(): LastStamps {
    return this.memory.lastStamps(this.#classes.cpuWrites);
  }
  touchedByCpu(): Int32Array {
    return this.#entries.touches(this.#classes.cpu);
  }
  /** Last page walk of each entry, were the TLB never flushed by a protection change. */
  walked(): LastStamps {
    return this.#entries.walkStamps(this.#classes.cpu);
  }
  /** The same of one entry, without a look at all the others. */
  touchedOf(id: number): number {
    return this.#entries.lastTouchOf(id, this.#classes.cpu);
  }
  /** Of the page alone, whatever maps it. */
  touchedSmallOf(id: number): number {
    return this.memory.lastOf(id, this.#classes.cpu);
  }
  walkedOf(id: number): number {
    return this.#entries.lastWalkOf(id, this.#classes.cpu);
  }
  /** By anybody who can take the entry's faults. */
  faultableTouchOf(id: number): number {
    return this.#entries.lastTouchOf(id, this.#classes.faulting);
  }
  /** Of 4 KiB pages ids[0, n): last touch by anybody who maps it, 0 = never; ids below 0 give 0. */
  lastFaultable(ids: Int32Array, n: number, byOthers: boolean, out: Int32Array): void {
    this.memory.column.lastOfAll(ids, n, this.memory.classBits, this.#classes.faulting | (byOthers ? this.#classes.others : 0), out);
  }
  /** The same by the CPU. */
  lastByCpu(ids: Int32Array, n: number, out: Int32Array): void {
    this.memory.column.lastOfAll(ids, n, this.memory.classBits, this.#classes.cpu, out);
  }
  /** Mapped at some time, by the tracked page tables or, for a reverse map, by any. */
  everMapped(id: number, byOthers: boolean): boolean {
    const mask = this.#classes.faulting | (byOthers ? this.#classes.others : 0);
    if (this.folios.areSmall) return this.#entries.lastTouchOf(id, mask) > 0;
    // Once mapped, always mapped: many pages have to be looked at only until then.
    const mapped = (this.#everMapped ??= this.keptSet());
    if (mapped.has(id)) return true;
    if (this.#entries.lastTouchOf(id, this.#classes.faulting) > 0) {
      const { from, to } = this.entryOf(id);
      mapped.addRange(from, to);
      return true;
    }
    return byOthers && this.#entries.lastTouchOf(id, this.#classes.others) > 0;
  }
  /** Adds the pages that have an entry. */
  addPresent(range: PageRange, out: PageBitmap): void {
    addAllNewer(this.touched(), range, 0, out);
    // What a PMD mapped stays mapped when it is split.
    if (this.#everMapped !== undefined) addInRange(out, this.#everMapped, range);
  }
  /** Removes those that are swapped out now. */
  removeSwapped(range: PageRange, from: PageBitmap): void {
    if (!this.hasMarks('swapped')) return;
    const away = this.emptySet();
    this.marks('swapped').addStillMarked(this.touched(), range, away);
    from.andNot(away);
  }
  /** Adds the pages whose folio is on an LRU list: any page table maps a page of it. hugetlb is on none (6, 7). */
  addOnLru(range: PageRange, out: PageBitmap): void {
    if (this.isHugetlb) return;
    const { areSmall } = this.folios;
    const set = areSmall ? out : this.emptySet();
    const whole = this.folios.around(range);
    this.addPresent(whole, set);
    if (this.memory.classBits > 3) addAllNewer(this.stampsOf('other'), whole, 0, set);
    if (!areSmall) out.or(keepRange(this.folios.addWhole(set), range));
  }
  isOnLru(id: number): boolean {
    if (this.folios.areSmall) return this.everMapped(id, true);
    if (this.isHugetlb) return false;
    if (this.everMapped(id, true)) return true;
    const { from, to } = this.folios.of(id);
    for (let p = from; p < to; p++) if (this.everMapped(p, true)) return true;
    return false;
  }

  /** Columns that can differ from nothing in this world. */
  get columns(): ColumnName[] {
    return [...this.#classes.columns];
  }
  stampsOf(name: ColumnName): LastStamps {
    const mask = this.#classes.of(name);
    return name === 'written' || name === 'cpu written' ? this.memory.lastStamps(mask) : this.#entries.touchStamps(mask);
  }
  /** The same where a short range is looked at: right there alone, until the next call. */
  stampsIn(name: ColumnName, range: PageRange): LastStamps {
    const mask = this.#classes.of(name);
    const values = (): Int32Array =>
      name === 'written' || name === 'cpu written' ? this.memory.last(mask) : this.#entries.touchesIn(mask, range);
    return { values, newerThan: () => undefined };
  }
  lastOf(name: ColumnName, id: number): number {
    const mask = this.#classes.of(name);
    return name === 'written' || name === 'cpu written' ? this.memory.lastOf(id, mask) : this.#entries.lastTouchOf(id, mask);
  }

  get hasTlb(): boolean {
    return this.#entries.hasTlb;
  }
  get hasFlushed(): boolean {
    return this.#flushes.any;
  }
  /** Frames applied at the last flush, -1 = never. */
  get lastFlush(): number {
    return this.#flushes.last;
  }
  /** No translation survives: the next touch of every page walks. */
  flushTlb(): void {
    if (this.hasTlb) this.#flushes.add(this.now);
  }
  /** Frames applied at the first flush not before `frames`. */
  firstFlushFrom(frames: number): number {
    return this.#flushes.firstFrom(frames);
  }

  /** True when the entry is mapped by a PMD now. */
  isHuge(id: number): boolean {
    return this.#entries.isHuge(id);
  }
  /** The pages of an entry. */
  entryOf(id: number): PageRange {
    return this.#entries.isHuge(id) ? blockOf(id) : { from: id, to: id + 1 };
  }
  /** A PMD mapping ends; from now on its pages have entries of their own, with the bits it had. */
  splitBlock(id: number): void {
    this.settle(blockOf(id));
    // Already split by a write that the look has found.
    if (this.isHuge(id)) this.endPmd(id);
  }
  /** The same once its bits are up to date; what was written from frame stamp `before` on was not through the PMD. */
  endPmd(id: number, before = Infinity): void {
    this.#keepSoftDirty(blockOf(id), before);
    // Looked at as one entry for the last time.
    this.everMapped(id, false);
    this.#entries.split(id);
  }
  /** First pages of the blocks that are mapped by a PMD and share pages with the range. */
  hugeBlocksIn({ from, to }: PageRange): number[] {
    return [...this.#entries.hugeBlocks()].map((block) => block << BLOCK_SHIFT).filter((first) => first < to && first + BLOCK_PAGES > from);
  }
  /** A soft-dirty PMD makes 512 soft-dirty entries. */
  #keepSoftDirty({ from, to }: PageRange, before: number): void {
    const cleared = this.#times.get('soft-dirty');
    if (cleared === undefined) return;
    const written = this.memory.last(this.#classes.faultingWrites).subarray(from, to);
    const newest = written.reduce((last, stamp) => (stamp < before && stamp > last ? stamp : last), 0);
    for (let p = from; p < to; p++) if (newest > cleared.of(p)) this.flag('soft-dirty of a PMD').add(p);
  }
  addYoung(range: PageRange, out: PageBitmap, which: WhichBits): void {
    this.accessBits.addYoung(range, out, which);
  }
  clearYoung(range: PageRange, which: WhichBits): void {
    this.accessBits.clearYoung(range, which);
  }
  clearYoungSet(set: PageBitmap, which: WhichBits): void {
    this.accessBits.clearYoungSet(set, which);
  }
  youngOf(id: number, which: WhichBits): boolean {
    return this.accessBits.youngOf(id, which);
  }
  makeOldOf(id: number, which: WhichBits): boolean {
    return this.accessBits.makeOldOf(id, which);
  }
  /** The same of every entry that maps a page of the folio. */
  youngOfFolio(id: number, which: WhichBits): boolean {
    if (this.folios.areSmall) return this.youngOf(id, which);
    return this.#settled!.youngIn(this.folios.of(id), which);
  }
  makeOldFolio(id: number, which: WhichBits): boolean {
    if (this.folios.areSmall) return this.makeOldOf(id, which);
    const folio = this.folios.of(id);
    const wasYoung = this.#settled!.youngIn(folio, which);
    this.#settled!.clearYoung(folio, which);
    return wasYoung;
  }
  /** False where touches do one thing only, and protections need not be known to the A bits. */
  get settles(): boolean {
    return this.config.mmu === 'host' || !this.folios.areSmall || this.memory.classBits > 3;
  }
  /** Brings bits that depend on what was there before up to date. */
  settle(range: PageRange): void {
    this.#settled?.settle(range);
  }
  /** The same for a page's folio: an access to any of its pages may have changed its flags. */
  settleFolio(id: number): void {
    if (!this.folios.areSmall) this.#settled!.settle(this.folios.of(id));
  }
  /** The next access (next write) of the entries faults: it sets A, whoever makes it. Marks need not know: there only walks touch. */
  guard(set: PageBitmap): void {
    this.#settled?.guard(set);
  }
  /** PROT_NONE for NUMA balancing: the first access to a folio restores all its entries, and makes them young (9). */
  guardHints(set: PageBitmap): void {
    if (this.folios.areSmall) this.guard(set);
    else this.#settled?.guardHints(set);
  }
  guardWrites(range: PageRange, by: 'page' | 'entry'): void {
    this.#settled?.guardWrites(range, by);
  }
  /** Entries that nothing maps any more: the next touch faults. `keepsA`: A is kept with the entry that stands for it. */
  unmap(range: PageRange, keepsA: boolean): void {
    this.accessBits.unmap(range, keepsA);
  }
  /** Entries taken out of the page table while their pages stay cached. */
  unmapSet(set: PageBitmap): void {
    if (this.settles) this.#settled!.unmapSet(set);
    else this.accessBits.clearYoungSet(set, PRIMARY);
  }

  /**
   * A protection change under KVM: every SPTE of the range is dropped, no translation survives (1.5). Returns the SPTEs rebuilt since
   * the last call: one EPT violation each.
   */
  zap(range: PageRange): PageBitmap | undefined {
    if (this.config.mmu === 'guest') return undefined;
    const violations = this.#settled!.takeViolations(range);
    this.#settled!.zap(range);
    this.flushTlb();
    return violations;
  }
  /** SPTEs that were zapped and have been built again since they were last asked for. */
  takeViolations(range: PageRange): PageBitmap | undefined {
    return this.config.mmu === 'guest' ? undefined : this.#settled!.takeViolations(range);
  }

  /** folio_mark_accessed of pages of one word (6): `slow` as GUP with FOLL_TOUCH and KVM do it, `fast` sets PG_referenced alone. */
  markAccessed(word: number, slow: number, fast: number): void {
    const referenced = this.flag('referenced').words;
    const idle = this.usesMglru ? undefined : this.#flags.get('idle')?.words;
    if (this.folios.areSmall) {
      referenced[word]! |= slow | fast;
      if (idle !== undefined) idle[word]! &= ~slow;
      return;
    }
    this.folios.eachWhole(word, slow | fast, (i, bits) => (referenced[i]! |= bits));
    if (idle !== undefined) this.folios.eachWhole(word, slow, (i, bits) => (idle[i]! &= ~bits));
  }
  clearFlags(range: PageRange, names: readonly FlagName[]): void {
    for (const name of names) if (this.#flags.has(name)) removeRange(this.flag(name), range);
  }
  /** Adds the pages of the range that carry any of the flags. */
  addFlagged(range: PageRange, names: readonly FlagName[], out: PageBitmap): void {
    for (const name of names) if (this.#flags.has(name)) addInRange(out, this.flag(name), range);
  }

  /** The page's contents moved to another frame, and its folio's with it. */
  remap(id: number, kind: 'migrate' | 'swap'): void {
    moveFolio(this, id, kind);
  }
  /** A new marking pass sees the frames where they are now. */
  forgetMoves(range: PageRange): void {
    this.clearFlags(range, ['moved']);
  }
  /** Takes out pages whose frame is not the one that was marked. */
  dropMoved(set: PageBitmap): void {
    const moved = this.#flags.get('moved');
    if (moved !== undefined) set.andNot(moved);
  }
}
