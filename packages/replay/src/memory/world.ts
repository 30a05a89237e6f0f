/**
 * One world: the page-table and folio state that the trackers of one kernel share, and destroy for one another.
 *
 * State is times, not bits (`marks`: frames applied when something was cleared or armed; 0 = never) plus a few folio flags.
 * Hardware's part is read from the stamps: a touch after the mark has set the bit. Facts and section numbers: kernel-semantics.
 */
import { BLOCK_PAGES, BLOCK_SHIFT, PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { addNewer, addNewerThanMarks, setMarks } from './bit-loops.ts';
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

export type MarkName = 'primary-a' | 'secondary-a' | 'zap' | 'rwp' | 'wp' | 'soft-dirty' | 'kvm-dirty' | 'numa';
export type FlagName = 'idle' | 'young' | 'referenced' | 'workingset' | 'spte-absent-at-clear' | 'spte-counted' | 'pmd-split' | 'moved-young' | 'moved';

export class World {
  readonly config: WorldConfig;
  readonly memory: StampMemory;
  /** Touches that walked a page table: a stamp memory of their own when a TLB is modelled, else the touches themselves. */
  readonly walks: StampMemory;
  readonly nPages: number;
  readonly #marks = new Map<MarkName, Int32Array>();
  readonly #flags = new Map<FlagName, PageBitmap>();
  readonly #folded = new Map<string, { frames: number; last: Int32Array }>();
  /** Frames applied at the last TLB flush of the whole range. */
  #flushedAt = 0;
  readonly #touchClasses: number;
  readonly #writeClasses: number;

  constructor(memory: StampMemory, walks: StampMemory | undefined, config: WorldConfig) {
    this.config = config;
    this.memory = memory;
    this.walks = walks ?? memory;
    this.nPages = memory.nPages;
    // Under a guest's own tables only user mappings count; a host sees every guest access arrive at its frame.
    const scope = config.mmu === 'guest' ? 'mapped' : 'any';
    this.#touchClasses = memory.classes(scope, 'touched');
    this.#writeClasses = memory.classes(scope, 'written');
  }

  get now(): number {
    return this.memory.framesApplied;
  }

  mark(name: MarkName): Int32Array {
    let mark = this.#marks.get(name);
    if (mark === undefined) this.#marks.set(name, (mark = this.memory.arena.int32(this.nPages)));
    return mark;
  }
  flag(name: FlagName): PageBitmap {
    let flag = this.#flags.get(name);
    if (flag === undefined) this.#flags.set(name, (flag = new PageBitmap(this.nPages)));
    return flag;
  }
  hasMark(name: MarkName): boolean {
    return this.#marks.has(name);
  }

  /** Gives its columns back; the world is of no use afterwards. */
  release(): void {
    for (const mark of this.#marks.values()) this.memory.arena.release(mark);
    for (const { last } of this.#folded.values()) this.memory.arena.release(last);
    this.#marks.clear();
    this.#folded.clear();
  }

  /** Last touch of each page-table entry (PMD-mapped pages share theirs). */
  touched(): Int32Array {
    return this.#perEntry('touched', this.memory.last(this.#touchClasses));
  }
  /** Last write of each entry. */
  written(): Int32Array {
    return this.#perEntry('written', this.memory.last(this.#writeClasses));
  }
  /** Last write of each 4 KiB page: for mechanisms that split a huge page at the first write. */
  writtenSmall(): Int32Array {
    return this.memory.last(this.#writeClasses);
  }
  touchedSmall(): Int32Array {
    return this.memory.last(this.#touchClasses);
  }
  /** Last page walk of each entry: what sets an A bit. After a flush the next touch of every page walks. */
  walked(): Int32Array {
    if (this.walks === this.memory) return this.touched();
    const walked = this.#perEntry('walked', this.walks.last(this.#touchClasses));
    return this.#flushedAt === 0 ? walked : this.#walkedAfterFlush(walked);
  }

  /** Touches of one entry; the point query behind DAMON's samples. */
  touchedOf(id: number): number {
    return this.#ofEntry(this.memory, id);
  }
  walkedOf(id: number): number {
    const walked = this.#ofEntry(this.walks, id);
    if (this.walks === this.memory || this.#flushedAt === 0) return walked;
    return Math.max(walked, this.touchedOf(id) > this.#flushedAt ? this.#flushedAt + 1 : 0);
  }

  flushTlb(): void {
    this.#flushedAt = this.now;
    this.#slot('flushed').frames = -1;
  }

  /** True when the entry is mapped by a PMD now. */
  isHuge(id: number): boolean {
    const { hugeBlocks } = this.config;
    return hugeBlocks !== undefined && hugeBlocks.has(id >>> BLOCK_SHIFT) && !(this.#flags.get('pmd-split')?.has(id >>> BLOCK_SHIFT) ?? false);
  }

  /** Accessed and not cleared since: primary A, and, under KVM, the secondary one (what mmu notifiers answer). */
  addYoung(range: PageRange, out: PageBitmap, which: { primary: boolean; secondary: boolean }): void {
    if (this.config.mmu === 'guest') {
      if (which.primary) addNewerThanMarks(this.walked(), this.mark('primary-a'), range, out);
      return;
    }
    if (which.primary) this.#addHostPrimary(range, out);
    if (which.secondary) this.#addSecondary(range, out);
  }

  /** test_and_clear of the A bits, no flush. */
  clearYoung(range: PageRange, which: { primary: boolean; secondary: boolean }): void {
    if (which.primary) {
      if (this.config.mmu === 'host') this.#noteAbsentSptes(range);
      this.mark('primary-a').fill(this.now, range.from, range.to);
      this.#flags.get('moved-young')?.andNot(rangeSet(this.nPages, range));
    }
    if (which.secondary && this.config.mmu === 'host') this.mark('secondary-a').fill(this.now, range.from, range.to);
  }

  youngOf(id: number): boolean {
    if (this.config.mmu === 'guest') return this.walkedOf(id) > this.mark('primary-a')[id]!;
    const one = new PageBitmap(this.nPages);
    this.addYoung({ from: id, to: id + 1 }, one, BOTH);
    return one.has(id);
  }
  clearYoungOf(id: number): void {
    if (this.isHuge(id)) this.clearYoung(blockOf(id), BOTH);
    else this.clearYoung({ from: id, to: id + 1 }, BOTH);
  }

  /** test_and_clear of the entries in a set. */
  clearYoungSet(set: PageBitmap, which: { primary: boolean; secondary: boolean }): void {
    if (this.config.mmu === 'host') {
      for (const id of set.ids()) this.clearYoung({ from: id, to: id + 1 }, which);
      return;
    }
    if (which.primary) setMarks(this.mark('primary-a'), set, this.now);
  }
  clearFlags(range: PageRange, names: readonly FlagName[]): void {
    const pages = rangeSet(this.nPages, range);
    for (const name of names) this.#flags.get(name)?.andNot(pages);
  }
  /** Adds the pages of the range that carry any of the flags. */
  addFlagged(range: PageRange, names: readonly FlagName[], out: PageBitmap): void {
    const pages = rangeSet(this.nPages, range);
    for (const name of names) {
      const flag = this.#flags.get(name);
      if (flag !== undefined) out.or(flag.clone().and(pages));
    }
  }

  /**
   * The page's contents moved to another frame (migration, swap-out and -in): folio flags and A bits go with the old frame;
   * anon protection markers stay with the address, a reclaimed shmem page loses its RWP mark (2.1, thread C7).
   */
  remap(id: number, kind: 'migrate' | 'swap'): void {
    this.flag('moved').add(id);
    for (const name of ['idle', 'young', 'referenced', 'workingset'] as const) this.#flags.get(name)?.delete(id);
    // Unmapped: the next touch maps it unarmed, and shows as accessed all the same.
    if (kind === 'swap' && this.config.backing === 'shmem' && this.#marks.has('rwp')) this.mark('rwp')[id] = this.now;
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

  /**
   * A protection change under KVM: every SPTE of the range is dropped (1.5). Returns the EPT violations that SPTEs rebuilt since
   * the last call have cost.
   */
  zap(range: PageRange): number {
    if (this.config.mmu === 'guest') return 0;
    const violations = this.countViolations(range);
    if (this.config.zapKeepsYoung) this.#addSecondary(range, this.flag('moved-young'));
    this.mark('zap').fill(this.now, range.from, range.to);
    this.flag('spte-counted').andNot(rangeSet(this.nPages, range));
    return violations;
  }

  /** SPTEs built since they were last counted: one EPT violation each. */
  countViolations(range: PageRange): number {
    if (this.config.mmu === 'guest') return 0;
    const built = new PageBitmap(this.nPages);
    addNewerThanMarks(this.touched(), this.mark('zap'), range, built);
    const counted = this.flag('spte-counted');
    built.andNot(counted);
    counted.or(built);
    return built.count();
  }

  /** A PMD mapping ends; from now on its pages have entries of their own. */
  splitBlock(id: number): void {
    this.flag('pmd-split').add(id >>> BLOCK_SHIFT);
    for (const slot of this.#folded.values()) slot.frames = -1;
  }

  #addHostPrimary(range: PageRange, out: PageBitmap): void {
    // GUP sets the host PTE's A bit only when an SPTE is missing: the first touch after a zap, or ever.
    const touched = this.touched();
    const cleared = this.mark('primary-a');
    const zapped = this.mark('zap');
    const absent = this.flag('spte-absent-at-clear');
    for (let p = range.from; p < range.to; p = (p + 1) | 0) {
      const since = cleared[p]! === 0 || absent.has(p) ? cleared[p]! : zapped[p]! >= cleared[p]! ? zapped[p]! : 0x7fffffff;
      if (touched[p]! > since) out.add(p);
    }
  }

  #addSecondary(range: PageRange, out: PageBitmap): void {
    const walked = this.walked();
    const cleared = this.mark('secondary-a');
    const zapped = this.mark('zap');
    for (let p = range.from; p < range.to; p = (p + 1) | 0) {
      if (walked[p]! > cleared[p]! && walked[p]! > zapped[p]!) out.add(p);
    }
    const moved = this.#flags.get('moved-young');
    if (moved !== undefined) out.or(moved);
  }

  /** Remembers which SPTEs are missing now: their next touch will go through GUP and set the primary A bit. */
  #noteAbsentSptes(range: PageRange): void {
    const present = new PageBitmap(this.nPages);
    addNewerThanMarks(this.touched(), this.mark('zap'), range, present);
    const absent = this.flag('spte-absent-at-clear');
    absent.or(rangeSet(this.nPages, range)).andNot(present);
  }

  #walkedAfterFlush(walked: Int32Array): Int32Array {
    const slot = this.#slot('flushed');
    if (slot.frames === this.now) return slot.last;
    const touched = this.touched();
    const stamp = this.#flushedAt + 1;
    for (let p = 0; p < this.nPages; p = (p + 1) | 0) {
      const natural = walked[p]!;
      slot.last[p] = touched[p]! >= stamp && natural < stamp ? stamp : natural;
    }
    slot.frames = this.now;
    return slot.last;
  }

  /** Per-entry stamps: in a PMD-mapped block every page carries the newest stamp of the 512. */
  #perEntry(key: string, last: Int32Array): Int32Array {
    const { hugeBlocks } = this.config;
    if (hugeBlocks === undefined) return last;
    const slot = this.#slot(key);
    if (slot.frames === this.now) return slot.last;
    slot.last.set(last);
    const split = this.#flags.get('pmd-split');
    for (const block of hugeBlocks.ids()) {
      if (split?.has(block)) continue;
      const from = block << BLOCK_SHIFT;
      let newest = 0;
      for (let p = from; p < from + BLOCK_PAGES; p++) if (last[p]! > newest) newest = last[p]!;
      slot.last.fill(newest, from, from + BLOCK_PAGES);
    }
    slot.frames = this.now;
    return slot.last;
  }

  #ofEntry(memory: StampMemory, id: number): number {
    if (!this.isHuge(id)) return memory.lastOf(id, this.#touchClasses);
    const { from, to } = blockOf(id);
    let newest = 0;
    for (let p = from; p < to; p++) newest = Math.max(newest, memory.lastOf(p, this.#touchClasses));
    return newest;
  }

  #slot(key: string): { frames: number; last: Int32Array } {
    let slot = this.#folded.get(key);
    if (slot === undefined) this.#folded.set(key, (slot = { frames: -1, last: this.memory.arena.int32(this.nPages) }));
    return slot;
  }
}

export const BOTH = { primary: true, secondary: true } as const;
export const PRIMARY = { primary: true, secondary: false } as const;
export const SECONDARY = { primary: false, secondary: true } as const;

export function rangeSet(nPages: number, range: PageRange): PageBitmap {
  const set = new PageBitmap(nPages);
  set.addRange(range.from, range.to);
  return set;
}

function blockOf(id: number): PageRange {
  const from = (id >>> BLOCK_SHIFT) << BLOCK_SHIFT;
  return { from, to: from + BLOCK_PAGES };
}

/** Pages ever touched: the ones that have an entry. */
export function addPresent(world: World, range: PageRange, out: PageBitmap): void {
  addNewer(world.touched(), range, 0, out);
}
