/**
 * One world: the page-table and folio state that the trackers of one kernel share, and destroy for one another.
 *
 * State is times, not bits (`marks`: frames applied when something was cleared or armed; 0 = never) plus a few folio flags.
 * Hardware's part is read from the stamps: a touch after the mark has set the bit. Facts and section numbers: kernel-semantics.
 */
import { BLOCK_PAGES, BLOCK_SHIFT, PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { addNewer, addNewerThanMarks, addStillMarked, fillMarks, markNewer, setMarks } from './bit-loops.ts';
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
export type FlagName =
  | 'idle'
  | 'young'
  | 'referenced'
  | 'workingset'
  | 'spte-absent-at-clear'
  | 'spte-counted'
  | 'pmd-split'
  | 'banked-young'
  | 'moved'
  | 'unmapped'
  | 'numa-armed'
  | 'primary-a uncached'
  | 'secondary-a uncached';

export class World {
  readonly config: WorldConfig;
  readonly memory: StampMemory;
  /** Touches that walked a page table: a stamp memory of their own when a TLB is modelled, else the touches themselves. */
  readonly walks: StampMemory;
  readonly nPages: number;
  readonly #marks = new Map<MarkName, Int32Array>();
  readonly #columns: Int32Array[] = [];
  readonly #flags = new Map<FlagName, PageBitmap>();
  readonly #folded = new Map<string, { frames: number; last: Int32Array }>();
  /** Frames applied at each TLB flush, ascending; a flush drops everything. */
  readonly #flushes: number[] = [];
  readonly #touchClasses: number;
  readonly #writeClasses: number;

  constructor(memory: StampMemory, walks: StampMemory | undefined, config: WorldConfig) {
    this.config = config;
    this.memory = memory;
    this.walks = walks ?? memory;
    this.nPages = memory.nPages;
    // Under a guest's own tables only user mappings count; a host sees every guest access arrive at its frame, but no DMA.
    const scope = config.mmu === 'guest' ? 'mapped' : 'walked';
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
  /** A column of zeros that lives as long as the world. */
  column(): Int32Array {
    const column = this.memory.arena.int32(this.nPages);
    this.#columns.push(column);
    return column;
  }
  hasMark(name: MarkName): boolean {
    return this.#marks.has(name);
  }

  /** Gives its columns back; the world is of no use afterwards. */
  release(): void {
    for (const mark of this.#marks.values()) this.memory.arena.release(mark);
    for (const column of this.#columns.splice(0)) this.memory.arena.release(column);
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
  /** Last page walk of each entry, were the TLB never flushed by a protection change. */
  #walked(): Int32Array {
    return this.walks === this.memory ? this.touched() : this.#perEntry('walked', this.walks.last(this.#touchClasses));
  }

  /** Touches of one entry; the point query behind DAMON's samples. */
  touchedOf(id: number): number {
    return this.#ofEntry(this.memory, id);
  }
  /** No translation survives: the next touch of every page walks. */
  flushTlb(): void {
    if (this.walks !== this.memory && this.#flushes.at(-1) !== this.now) this.#flushes.push(this.now);
  }

  /** True when the entry is mapped by a PMD now. */
  isHuge(id: number): boolean {
    const { hugeBlocks } = this.config;
    return (
      hugeBlocks !== undefined && hugeBlocks.has(id >>> BLOCK_SHIFT) && !(this.#flags.get('pmd-split')?.has(id >>> BLOCK_SHIFT) ?? false)
    );
  }

  /** Adds the other pages of large folios that a set holds a page of: folio flags belong to all of them, mapped by a PMD or not. */
  wholeFolios(set: PageBitmap): PageBitmap {
    for (const block of this.config.hugeBlocks?.ids() ?? []) {
      const { from, to } = blockOf(block << BLOCK_SHIFT);
      if (holdsAny(set, from, to)) set.addRange(from, to);
    }
    return set;
  }

  /** Accessed and not cleared since: primary A, and, under KVM, the secondary one (what mmu notifiers answer). */
  addYoung(range: PageRange, out: PageBitmap, which: { primary: boolean; secondary: boolean }): void {
    if (this.config.mmu === 'guest') {
      if (which.primary) this.#addWalkedSince('primary-a', range, out);
      return;
    }
    if (which.primary) this.#addHostPrimary(range, out);
    if (which.secondary) this.#addSecondary(range, out);
  }

  /** test_and_clear of the A bits, no flush. */
  clearYoung(range: PageRange, which: { primary: boolean; secondary: boolean }): void {
    if (which.primary) {
      if (this.config.mmu === 'host') this.#noteAbsentSptes(range);
      this.#noteUncached('primary-a', range);
      fillMarks(this.mark('primary-a'), range, this.now);
      this.#flags.get('banked-young')?.andNot(rangeSet(this.nPages, range));
    }
    if (which.secondary && this.config.mmu === 'host') {
      this.#noteUncached('secondary-a', range);
      fillMarks(this.mark('secondary-a'), range, this.now);
    }
  }

  youngOf(id: number): boolean {
    if (this.config.mmu === 'guest') return this.#isWalkedSince('primary-a', id, this.#ofEntry(this.walks, id), this.touchedOf(id));
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
    if (!which.primary) return;
    if (this.#flushes.length > 0) for (const id of set.ids()) this.#noteUncached('primary-a', { from: id, to: id + 1 });
    setMarks(this.mark('primary-a'), set, this.now);
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
   * The page's contents moved to another frame (migration, swap-out and -in): folio flags go with the old frame, SPTEs are dropped;
   * A bits survive a migration (young migration entries), not a swap; anon protection markers stay with the address, a reclaimed
   * shmem page loses its RWP mark (2.1, thread C7, C8).
   */
  remap(id: number, kind: 'migrate' | 'swap'): void {
    this.flag('moved').add(id);
    for (const name of ['idle', 'young', 'referenced', 'workingset'] as const) this.#flags.get(name)?.delete(id);
    const wasYoung = this.config.mmu === 'guest' ? this.youngOf(id) : this.#hostPrimaryOf(id);
    if (this.config.mmu === 'host') this.#dropSpte(id);
    // Unmapped for a while: the next touch walks, whatever was cached.
    if (kind === 'swap' || !wasYoung) {
      this.mark('primary-a')[id] = this.now;
      this.flag('primary-a uncached').add(id);
      this.flag('banked-young').delete(id);
      if (this.config.mmu === 'host') this.flag('spte-absent-at-clear').add(id);
    }
    // Unmapped: the next touch maps it unarmed, and shows as accessed all the same.
    if (kind === 'swap' && this.config.backing === 'shmem' && this.#marks.has('rwp') && this.touchedOf(id) > 0) {
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

  /**
   * A protection change under KVM: every SPTE of the range is dropped, no translation survives (1.5). Returns the SPTEs rebuilt since
   * the last call: one EPT violation each.
   */
  zap(range: PageRange): PageBitmap {
    if (this.config.mmu === 'guest') return new PageBitmap(this.nPages);
    const violations = this.takeViolations(range);
    this.#bankYoung(range);
    markNewer(this.touched(), this.mark('zap'), range, this.now);
    this.flag('spte-counted').andNot(rangeSet(this.nPages, range));
    this.flushTlb();
    return violations;
  }

  /** SPTEs that were zapped and have been built again since they were last asked for. */
  takeViolations(range: PageRange): PageBitmap {
    const built = new PageBitmap(this.nPages);
    if (this.config.mmu === 'guest' || !this.#marks.has('zap')) return built;
    const touched = this.touched();
    const zapped = this.mark('zap');
    for (let p = range.from; p < range.to; p = (p + 1) | 0) if (zapped[p]! > 0 && touched[p]! > zapped[p]!) built.add(p);
    const counted = this.flag('spte-counted');
    built.andNot(counted);
    counted.or(built);
    return built;
  }

  /** A PMD mapping ends; from now on its pages have entries of their own. */
  splitBlock(id: number): void {
    this.flag('pmd-split').add(id >>> BLOCK_SHIFT);
    for (const slot of this.#folded.values()) slot.frames = -1;
  }

  #addHostPrimary(range: PageRange, out: PageBitmap): void {
    // GUP marks the host's page only when an SPTE is missing: the first touch after a zap, or ever.
    const touched = this.touched();
    const cleared = this.mark('primary-a');
    const zapped = this.mark('zap');
    const absent = this.flag('spte-absent-at-clear');
    for (let p = range.from; p < range.to; p = (p + 1) | 0) {
      const clearedAt = cleared[p]!;
      const since = clearedAt === 0 || absent.has(p) ? clearedAt : zapped[p]! >= clearedAt ? zapped[p]! : 0x7fffffff;
      if (touched[p]! > since) out.add(p);
    }
    const banked = this.#flags.get('banked-young');
    if (banked !== undefined) out.or(banked.clone().and(rangeSet(this.nPages, range)));
  }
  #hostPrimaryOf(id: number): boolean {
    const one = new PageBitmap(this.nPages);
    this.#addHostPrimary({ from: id, to: id + 1 }, one);
    return one.has(id);
  }

  /** A zapped SPTE is built with A set; one that stayed gets it from a walk. */
  #addSecondary(range: PageRange, out: PageBitmap): void {
    const walked = new PageBitmap(this.nPages);
    this.#addWalkedSince('secondary-a', range, walked);
    if (!this.#marks.has('zap')) return void out.or(walked);
    const zapped = new PageBitmap(this.nPages);
    addStillMarked(this.mark('secondary-a'), this.mark('zap'), range, zapped);
    const rebuilt = new PageBitmap(this.nPages);
    addNewerThanMarks(this.touched(), this.mark('zap'), range, rebuilt);
    out.or(walked.andNot(zapped)).or(rebuilt.and(zapped));
  }

  /** Before SPTEs go: the host's A bits as they are, and, before 6.13, the SPTEs' own. */
  #bankYoung(range: PageRange): void {
    const banked = this.flag('banked-young');
    this.#addHostPrimary(range, banked);
    if (this.config.zapKeepsYoung) this.#addSecondary(range, banked);
  }
  /** The SPTE of one page, unmapped by its owner: nobody's tracking is charged for building it again. */
  #dropSpte(id: number): void {
    const one = { from: id, to: id + 1 };
    this.#bankYoung(one);
    markNewer(this.touched(), this.mark('zap'), one, this.now);
    this.flag('spte-counted').add(id);
  }

  /** Remembers which SPTEs are missing now: their next touch will go through GUP and set the primary A bit. */
  #noteAbsentSptes(range: PageRange): void {
    const present = new PageBitmap(this.nPages);
    addNewerThanMarks(this.touched(), this.mark('zap'), range, present);
    const absent = this.flag('spte-absent-at-clear');
    absent.or(rangeSet(this.nPages, range)).andNot(present);
  }

  /**
   * Adds the entries whose A bit a walk has set since it was cleared. The walks come from a TLB that is never flushed; with LRU
   * replacement a flushed one differs in this alone: a page not touched since the flush is not cached.
   */
  #addWalkedSince(name: 'primary-a' | 'secondary-a', range: PageRange, out: PageBitmap): void {
    const cleared = this.mark(name);
    const walked = this.#walked();
    addNewerThanMarks(walked, cleared, range, out);
    // Nothing was ever flushed or unmapped: the walks are all there is.
    if (this.walks === this.memory || (this.#flushes.length === 0 && !this.#flags.has(`${name} uncached`))) return;
    const touched = this.touched();
    for (let p = range.from; p < range.to; p = (p + 1) | 0) {
      if (touched[p]! > cleared[p]! && this.#isWalkedSince(name, p, walked[p]!, touched[p]!)) out.add(p);
    }
  }
  #isWalkedSince(name: 'primary-a' | 'secondary-a', id: number, walked: number, touched: number): boolean {
    const cleared = this.mark(name)[id]!;
    if (walked > cleared || touched <= cleared) return walked > cleared;
    return (this.#flags.get(`${name} uncached`)?.has(id) ?? false) || touched > this.#firstFlushFrom(cleared);
  }

  /** Remembers which entries no TLB holds while their A bits are cleared: their next touch will walk. */
  #noteUncached(name: 'primary-a' | 'secondary-a', range: PageRange): void {
    if (this.walks === this.memory || (this.#flushes.length === 0 && !this.#flags.has(`${name} uncached`) && !this.#marks.has('zap')))
      return;
    const uncached = this.flag(`${name} uncached`).andNot(rangeSet(this.nPages, range));
    const flushed = this.#flushes.at(-1) ?? -1;
    const touched = this.touched();
    const zapped = this.#marks.get('zap');
    for (let p = range.from; p < range.to; p = (p + 1) | 0)
      if (touched[p]! <= flushed || touched[p]! <= (zapped?.[p] ?? -1)) uncached.add(p);
  }

  /** Frames applied at the first flush not before `frames`. */
  #firstFlushFrom(frames: number): number {
    const flushes = this.#flushes;
    let low = 0;
    for (let high = flushes.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (flushes[middle]! >= frames) high = middle;
      else low = middle + 1;
    }
    return flushes[low] ?? Infinity;
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

function holdsAny({ words }: PageBitmap, from: number, to: number): boolean {
  for (let i = from >>> 5; i < to >>> 5; i++) if (words[i] !== 0) return true;
  return false;
}

function blockOf(id: number): PageRange {
  const from = (id >>> BLOCK_SHIFT) << BLOCK_SHIFT;
  return { from, to: from + BLOCK_PAGES };
}

/** Pages ever touched: the ones that have an entry. */
export function addPresent(world: World, range: PageRange, out: PageBitmap): void {
  addNewer(world.touched(), range, 0, out);
}
