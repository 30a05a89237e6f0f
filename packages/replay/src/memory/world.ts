/**
 * One world: the page-table and folio state that the trackers of one kernel share, and destroy for one another.
 *
 * Protections are times, not bits (`marks`: frames applied when something was armed or cleared; 0 = never): an access has undone one
 * once the entry's last touch is newer. A bits are in access-bits.ts. Facts and section numbers: kernel-semantics.
 */
import { actorClasses, BLOCK_PAGES, BLOCK_SHIFT, PageBitmap, type Actor } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { MarkedBits, PRIMARY, type AccessBits, type WhichBits } from './access-bits.ts';
import { addNewer } from './bit-loops.ts';
import { EntryColumns } from './entry-columns.ts';
import { addInRange, holdsAny, removeRange } from './page-sets.ts';
import { SettledBits } from './settled-bits.ts';
import type { StampMemory } from './stamps.ts';

/** How a world is built; stated defaults stand in for what a trace does not carry. */
export interface WorldConfig {
  /**
   * Who owns the tracked page tables. `guest`: the traced accesses walk them (a guest kernel watching its own processes).
   * `host`: a VMM's page tables under KVM; vCPU accesses walk the SPTEs, and reach the host PTE only through GUP (1.2, 1.5).
   */
  readonly mmu: 'guest' | 'host';
  readonly backing: 'anon' | 'shmem';
  /** Blocks of 512 pages mapped by a PMD; undefined = none. */
  readonly hugeBlocks?: PageBitmap | undefined;
  /** KVM moves a zapped SPTE's A bit to the page (before 6.13, commit 66bc627e7fee). */
  readonly zapKeepsYoung: boolean;
}

export const DEFAULT_WORLD: WorldConfig = { mmu: 'guest', backing: 'shmem', zapKeepsYoung: false };

export type MarkName = 'rwp' | 'wp' | 'soft-dirty' | 'kvm-dirty' | 'numa';
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

/** Touches that matter in different ways: by those who walk the traced page tables (under KVM the secondary ones), by others, writes. */
export type ColumnName = 'cpu' | 'host' | 'gup' | 'gup-fast' | 'other' | 'written' | 'written entry' | 'cpu written' | 'cpu written entry';

const FOLIO_FLAGS: readonly FlagName[] = ['idle', 'young', 'referenced', 'workingset'];

export class World {
  readonly config: WorldConfig;
  readonly memory: StampMemory;
  readonly nPages: number;
  /** MGLRU ages this kernel's memory: marking a page accessed leaves PG_idle alone (6). */
  usesMglru = false;
  /** Classes of those who walk the traced page tables, and of all who can take their faults. */
  readonly #cpu: number;
  readonly #cpuWrites: number;
  readonly #faulting: number;
  readonly #faultingWrites: number;
  readonly #others: number;
  readonly #entries: EntryColumns;
  #accessBits: AccessBits | undefined;
  readonly #marks = new Map<MarkName, Int32Array>();
  readonly #columns: Int32Array[] = [];
  readonly #flags = new Map<FlagName, PageBitmap>();
  /** Frames applied at each TLB flush, ascending; a flush drops everything. */
  readonly #flushes: number[] = [];

  /** @param walks touches that walked a page table: a stamp memory of their own when a TLB is modelled */
  constructor(memory: StampMemory, walks: StampMemory | undefined, config: WorldConfig) {
    this.config = config;
    this.memory = memory;
    this.nPages = memory.nPages;
    // Under a guest's own tables only user mappings count; a host sees every guest access arrive at its frame.
    const cpu: readonly Actor[] = config.mmu === 'guest' ? ['user'] : ['user', 'kernel'];
    const faulting: readonly Actor[] = [...cpu, ...(config.mmu === 'host' ? (['host'] as const) : []), 'gup', 'gup-fast'];
    const { classBits } = memory;
    this.#cpu = actorClasses(classBits, cpu, 'touched');
    this.#cpuWrites = actorClasses(classBits, cpu, 'written');
    this.#faulting = actorClasses(classBits, faulting, 'touched');
    this.#faultingWrites = actorClasses(classBits, faulting, 'written');
    this.#others = actorClasses(classBits, ['other'], 'touched');
    this.#entries = new EntryColumns(memory, walks, config.hugeBlocks);
  }

  /** Made when somebody first looks: trackers of writes never do, and do without their columns. */
  get #bits(): AccessBits {
    return (this.#accessBits ??= this.settles ? new SettledBits(this) : new MarkedBits(this));
  }
  get #settled(): SettledBits | undefined {
    return this.settles ? (this.#bits as SettledBits) : undefined;
  }

  get now(): number {
    return this.memory.framesApplied;
  }
  emptySet(): PageBitmap {
    return new PageBitmap(this.nPages);
  }
  mark(name: MarkName): Int32Array {
    let mark = this.#marks.get(name);
    if (mark === undefined) this.#marks.set(name, (mark = this.column()));
    return mark;
  }
  hasMark(name: MarkName): boolean {
    return this.#marks.has(name);
  }
  /** A column of zeros that lives as long as the world. */
  column(): Int32Array {
    const column = this.memory.arena.int32(this.nPages);
    this.#columns.push(column);
    return column;
  }
  flag(name: FlagName): PageBitmap {
    let flag = this.#flags.get(name);
    if (flag === undefined) this.#flags.set(name, (flag = this.emptySet()));
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
  touched(): Int32Array {
    return this.#entries.touches(this.#faulting);
  }
  /** Last write of each entry. */
  written(): Int32Array {
    return this.#entries.touches(this.#faultingWrites);
  }
  /** Last write of each 4 KiB page: for mechanisms that split a huge page at the first write. */
  writtenSmall(): Int32Array {
    return this.memory.last(this.#faultingWrites);
  }
  /** Last write that the CPU logs as dirty: through SPTEs, or the guest's own entries. */
  dirtied(): Int32Array {
    return this.memory.last(this.#cpuWrites);
  }
  touchedByCpu(): Int32Array {
    return this.#entries.touches(this.#cpu);
  }
  /** Last page walk of each entry, were the TLB never flushed by a protection change. */
  walked(): Int32Array {
    return this.#entries.walks(this.#cpu);
  }
  /** The same of one entry, without a look at all the others. */
  touchedOf(id: number): number {
    return this.#entries.lastTouchOf(id, this.#cpu);
  }
  /** Of the page alone, whatever maps it. */
  touchedSmallOf(id: number): number {
    return this.memory.lastOf(id, this.#cpu);
  }
  walkedOf(id: number): number {
    return this.#entries.lastWalkOf(id, this.#cpu);
  }
  /** Mapped at some time, by the tracked page tables or, for a reverse map, by any. */
  everMapped(id: number, byOthers: boolean): boolean {
    return this.#entries.lastTouchOf(id, this.#faulting | (byOthers ? this.#others : 0)) > 0;
  }
  /** Adds the pages that have an entry; `others`: in any page table, as a page on an LRU list has. */
  addPresent(range: PageRange, out: PageBitmap, others = false): void {
    addNewer(this.touched(), range, 0, out);
    if (others && this.memory.classBits > 3) addNewer(this.columnOf('other'), range, 0, out);
  }

  /** Columns that can differ from nothing in this world. */
  get columns(): ColumnName[] {
    const { classBits } = this.memory;
    return ['cpu', ...(classBits > 2 && this.config.mmu === 'host' ? (['host'] as const) : []), ...(classBits > 3 ? OTHER_ACTORS : [])];
  }
  columnOf(name: ColumnName): Int32Array {
    const mask = this.#maskOf(name);
    return name === 'written' || name === 'cpu written' ? this.memory.last(mask) : this.#entries.touches(mask);
  }
  lastOf(name: ColumnName, id: number): number {
    const mask = this.#maskOf(name);
    return name === 'written' || name === 'cpu written' ? this.memory.lastOf(id, mask) : this.#entries.lastTouchOf(id, mask);
  }
  #maskOf(name: ColumnName): number {
    if (name === 'cpu') return this.#cpu;
    if (name === 'written' || name === 'written entry') return this.#faultingWrites;
    if (name === 'cpu written' || name === 'cpu written entry') return this.#cpuWrites;
    return name === 'other' ? this.#others : actorClasses(this.memory.classBits, [name], 'touched');
  }

  get hasTlb(): boolean {
    return this.#entries.hasTlb;
  }
  get hasFlushed(): boolean {
    return this.#flushes.length > 0;
  }
  /** Frames applied at the last flush, -1 = never. */
  get lastFlush(): number {
    return this.#flushes.at(-1) ?? -1;
  }
  /** No translation survives: the next touch of every page walks. */
  flushTlb(): void {
    if (this.hasTlb && this.lastFlush !== this.now) this.#flushes.push(this.now);
  }
  /** Frames applied at the first flush not before `frames`. */
  firstFlushFrom(frames: number): number {
    const flushes = this.#flushes;
    let low = 0;
    for (let high = flushes.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (flushes[middle]! >= frames) high = middle;
      else low = middle + 1;
    }
    return flushes[low] ?? Infinity;
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
    this.#entries.split(id);
  }
  /** First pages of the blocks that are mapped by a PMD and share pages with the range. */
  hugeBlocksIn({ from, to }: PageRange): number[] {
    return [...this.#entries.hugeBlocks()].map((block) => block << BLOCK_SHIFT).filter((first) => first < to && first + BLOCK_PAGES > from);
  }
  /** A soft-dirty PMD makes 512 soft-dirty entries. */
  #keepSoftDirty({ from, to }: PageRange, before: number): void {
    if (!this.hasMark('soft-dirty')) return;
    const written = this.memory.last(this.#faultingWrites).subarray(from, to);
    const newest = written.reduce((last, stamp) => (stamp < before && stamp > last ? stamp : last), 0);
    const marks = this.mark('soft-dirty');
    for (let p = from; p < to; p++) if (newest > marks[p]!) this.flag('soft-dirty of a PMD').add(p);
  }
  /** Adds the other pages of large folios that a set holds a page of: folio flags belong to all of them, mapped by a PMD or not. */
  wholeFolios(set: PageBitmap): PageBitmap {
    for (const block of this.config.hugeBlocks?.ids() ?? []) {
      const range = blockOf(block << BLOCK_SHIFT);
      if (holdsAny(set, range)) set.addRange(range.from, range.to);
    }
    return set;
  }

  addYoung(range: PageRange, out: PageBitmap, which: WhichBits): void {
    this.#bits.addYoung(range, out, which);
  }
  clearYoung(range: PageRange, which: WhichBits): void {
    this.#bits.clearYoung(range, which);
  }
  clearYoungSet(set: PageBitmap, which: WhichBits): void {
    this.#bits.clearYoungSet(set, which);
  }
  youngOf(id: number, which: WhichBits): boolean {
    return this.#bits.youngOf(id, which);
  }
  makeOldOf(id: number, which: WhichBits): boolean {
    return this.#bits.makeOldOf(id, which);
  }
  /** False where touches do one thing only, and protections need not be known to the A bits. */
  get settles(): boolean {
    return this.config.mmu === 'host' || this.config.hugeBlocks !== undefined || this.memory.classBits > 3;
  }
  /** Brings bits that depend on what was there before up to date. */
  settle(range: PageRange): void {
    this.#settled?.settle(range);
  }
  /** The next access (next write) of the entries faults: it sets A, whoever makes it. Marks need not know: there only walks touch. */
  guard(set: PageBitmap): void {
    this.#settled?.guard(set);
  }
  guardWrites(range: PageRange, by: 'page' | 'entry'): void {
    this.#settled?.guardWrites(range, by);
  }
  /** Entries taken out of the page table while their pages stay cached. */
  unmapSet(set: PageBitmap): void {
    if (this.settles) this.#settled!.unmapSet(set);
    else this.#bits.clearYoungSet(set, PRIMARY);
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
    const isLarge = this.config.hugeBlocks?.has(word >>> (BLOCK_SHIFT - 5)) ?? false;
    const [first, end] = isLarge ? [(word >>> 4) << 4, ((word >>> 4) + 1) << 4] : [word, word + 1];
    const whole = (bits: number): number => (isLarge && bits !== 0 ? -1 : bits);
    const referenced = this.flag('referenced').words;
    const idle = this.usesMglru ? undefined : this.#flags.get('idle')?.words;
    for (let i = first; i < end; i++) {
      referenced[i]! |= whole(slow | fast);
      if (idle !== undefined) idle[i]! &= ~whole(slow);
    }
  }
  clearFlags(range: PageRange, names: readonly FlagName[]): void {
    for (const name of names) if (this.#flags.has(name)) removeRange(this.flag(name), range);
  }
  /** Adds the pages of the range that carry any of the flags. */
  addFlagged(range: PageRange, names: readonly FlagName[], out: PageBitmap): void {
    for (const name of names) if (this.#flags.has(name)) addInRange(out, this.flag(name), range);
  }

  /**
   * The page's contents moved to another frame (migration, swap-out and -in): folio flags go with the old frame, SPTEs are dropped;
   * A bits survive a migration (young migration entries), not a swap; anon protection markers stay with the address, a reclaimed
   * shmem page loses its RWP mark (2.1, thread C7, C8).
   */
  remap(id: number, kind: 'migrate' | 'swap'): void {
    // Unmapped for a while: the next touch walks, whatever was cached.
    this.#bits.unmap(id, kind === 'migrate');
    this.flag('moved').add(id);
    for (const name of FOLIO_FLAGS) this.#flags.get(name)?.delete(id);
    // Unmapped: the next touch maps it unarmed, and shows as accessed all the same.
    if (kind === 'swap' && this.config.backing === 'shmem' && this.hasMark('rwp') && this.everMapped(id, false)) {
      this.mark('rwp')[id] = this.now;
      this.flag('unmapped').add(id);
      this.#flags.get('numa-armed')?.delete(id);
    }
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

const OTHER_ACTORS: readonly ColumnName[] = ['gup', 'gup-fast', 'other'];

export function blockOf(id: number): PageRange {
  const from = (id >>> BLOCK_SHIFT) << BLOCK_SHIFT;
  return { from, to: from + BLOCK_PAGES };
}
