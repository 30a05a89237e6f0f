/**
 * A machine with real bits: page-table entries, secondary page tables, folios and a TLB, all objects, and every touch flips what the
 * hardware and the fault handlers would (kernel-semantics 1 to 10). Nothing here knows time: the caller says what happens next.
 */
import { meaningOf, type PlainTouch, type PlainTrace } from '../trace.ts';
import { OracleTlb, type OracleTlbConfig } from './tlb.ts';

const BLOCK = 512;

export interface OracleWorldConfig {
  readonly mmu: 'guest' | 'host';
  readonly backing: 'anon' | 'shmem';
  /** Numbers of the 512-page blocks (page / 512) that a PMD maps. */
  readonly hugeBlocks: readonly number[];
  readonly zapKeepsYoung: boolean;
  readonly tlb?: OracleTlbConfig;
}

export const PLAIN_WORLD: OracleWorldConfig = { mmu: 'guest', backing: 'shmem', hugeBlocks: [], zapKeepsYoung: false };

/** The memory behind one entry: flags that all users of the frame share. */
class Folio {
  idle = false;
  young = false;
  referenced = false;
  workingset = false;
  generation = 0;
  /** Its contents moved to another frame since it was marked. */
  moved = false;
}

/** A PTE, or a PMD that maps 512 pages. */
class Entry {
  readonly pages: readonly number[];
  readonly folio: Folio;
  everMapped = false;
  present = false;
  accessed = false;
  softDirty = false;
  /** PROT_NONE with the uffd bit. */
  rwp = false;
  /** Taken out of the page table while the page stayed in the cache. */
  unmapped = false;
  /** Plain PROT_NONE. */
  numa = false;
  spte: { accessed: boolean } | undefined;
  /** Its SPTE was taken away, so that building it again is somebody's fault. */
  spteZapped = false;

  constructor(pages: readonly number[], folio: Folio) {
    this.pages = pages;
    this.folio = folio;
  }
  get isHuge(): boolean {
    return this.pages.length > 1;
  }
}

export interface MachineCounts {
  rwpArm: number;
  rwpFault: number;
  wpFault: number;
  numaFault: number;
  violation: number;
}

const NO_COUNTS: MachineCounts = { rwpArm: 0, rwpFault: 0, wpFault: 0, numaFault: 0, violation: 0 };

export class Machine {
  readonly config: OracleWorldConfig;
  /** Page numbers, ascending, whole blocks. */
  readonly pages: readonly number[];
  readonly counts: MachineCounts = { ...NO_COUNTS };
  readonly #trace: PlainTrace;
  readonly #entries = new Map<number, Entry>();
  /** Write-protection markers live on 4 KiB pages: the first write splits what is larger. */
  readonly #wp = new Set<number>();
  readonly #dirtyLog = new Set<number>();
  readonly #tlb: OracleTlb | undefined;
  readonly #samplers: { period: number; seen: number; out: Set<number> }[] = [];
  /** Position among the pages of the trace: what a TLB is indexed by. */
  readonly #index: ReadonlyMap<number, number>;

  constructor(trace: PlainTrace, pages: readonly number[], config: OracleWorldConfig) {
    this.#trace = trace;
    this.config = config;
    this.pages = pages;
    this.#tlb = config.tlb && new OracleTlb(config.tlb);
    this.#index = new Map(pages.map((page, i) => [page, i]));
    for (const page of pages) if (!this.#entries.has(page)) this.#map(this.#pagesWith(page));
  }

  /** The pages an entry of `page` maps at first. */
  #pagesWith(page: number): number[] {
    const block = Math.floor(page / BLOCK);
    if (!this.config.hugeBlocks.includes(block)) return [page];
    return Array.from({ length: BLOCK }, (_, i) => block * BLOCK + i);
  }
  #map(pages: readonly number[], folio = new Folio()): Entry {
    const entry = new Entry(pages, folio);
    for (const page of pages) this.#entries.set(page, entry);
    return entry;
  }
  entry(page: number): Entry {
    return this.#entries.get(page)!;
  }
  entriesOf(pages: Iterable<number>): Set<Entry> {
    return new Set([...pages].map((page) => this.entry(page)));
  }
  has(page: number): boolean {
    return this.#entries.has(page);
  }

  /** One frame's touches. */
  runFrame(frame: number, touches: readonly PlainTouch[]): void {
    if (touches.length > 0) this.#tlb?.startFrame(frame);
    for (const touch of touches) this.touch(touch);
  }

  touch(touch: PlainTouch): void {
    const { writes, mapped, byDevice } = meaningOf(this.#trace, touch);
    // Through a pin made long ago: no CPU and no page table has a part in it.
    if (byDevice) return;
    for (const sampler of this.#samplers) if (++sampler.seen % sampler.period === 0) sampler.out.add(touch.page);
    // The write bit is not recorded without class bits: such a store is one like any load to the TLB.
    const storesToTlb = this.#trace.classBits > 0 && writes;
    if (this.#hitsTlb(touch.page, storesToTlb, mapped)) return;
    if (this.config.mmu === 'host') this.#guestAccess(touch.page, writes);
    else if (mapped) this.#userAccess(touch.page, writes);
  }

  #hitsTlb(page: number, writes: boolean, mapped: boolean): boolean {
    if (this.#tlb === undefined) return false;
    const index = this.#index.get(page)!;
    const isHuge = this.config.hugeBlocks.includes(Math.floor(page / BLOCK));
    return this.#tlb.access(isHuge ? Math.floor(index / BLOCK) : index, isHuge ? 'huge' : 'small', mapped ? 'user' : 'kernel', writes);
  }

  /** A page walk of the tracked tables by their own process. */
  #userAccess(page: number, writes: boolean): void {
    this.#faultIn(page, writes);
    this.entry(page).accessed = true;
  }

  /** A nested walk: the SPTE if there is one, else KVM asks for the host's entry as that process would. */
  #guestAccess(page: number, writes: boolean): void {
    if (this.entry(page).spte === undefined) {
      if (this.entry(page).spteZapped) this.counts.violation++;
      this.entry(page).spteZapped = false;
      this.#faultIn(page, writes);
      this.entry(page).accessed = true;
      this.entry(page).spte = { accessed: true };
    } else {
      this.#faultIn(page, writes);
      this.entry(page).spte!.accessed = true;
    }
    if (writes) this.#dirtyLog.add(page);
  }

  /** Page faults an access may take. */
  #faultIn(page: number, writes: boolean): void {
    const entry = this.entry(page);
    if (!entry.present) {
      entry.present = entry.accessed = entry.everMapped = true;
      entry.unmapped = false;
    }
    if (entry.rwp) {
      entry.rwp = false;
      entry.accessed = true;
      this.counts.rwpFault++;
    }
    if (entry.numa) {
      entry.numa = false;
      this.counts.numaFault++;
      for (const number of entry.pages) this.numaFaults.add(number);
    }
    if (writes && this.#wp.delete(page)) {
      this.counts.wpFault++;
      this.#wpMessages.add(page);
      this.#split(entry);
    }
    if (writes) {
      this.entry(page).softDirty = true;
      this.#everWritten.add(page);
      if (this.config.mmu === 'guest') this.#dirtyLog.add(page);
    }
  }

  /** 512 entries that inherit the PMD's bits. */
  #split(huge: Entry): void {
    if (!huge.isHuge) return;
    for (const page of huge.pages) {
      const small = this.#map([page], huge.folio);
      const { present, everMapped, accessed, softDirty, rwp, numa, unmapped, spteZapped } = huge;
      Object.assign(small, { present, everMapped, accessed, softDirty, rwp, numa, unmapped, spteZapped });
      if (huge.spte !== undefined) small.spte = { ...huge.spte };
    }
  }

  readonly numaFaults = new Set<number>();
  #hasStarted = false;
  readonly #everWritten = new Set<number>();
  readonly #wpMessages = new Set<number>();

  /** A protection change: no stale translation survives, and KVM drops every SPTE. */
  #protectionChanged(pages: readonly number[]): void {
    this.#tlb?.flush();
    if (this.config.mmu === 'guest') return;
    for (const entry of this.entriesOf(pages)) this.#zap(entry);
  }
  #zap(entry: Entry): void {
    if (entry.spte === undefined) return;
    if (this.config.zapKeepsYoung && entry.spte.accessed) entry.accessed = true;
    entry.spte = undefined;
    entry.spteZapped = true;
  }

  /** UFFDIO_RWPROTECT (2.1): a huge file page is unmapped, never armed; entries that are none stay as they are. */
  rwProtect(pages: readonly number[], registeredMinor = false): void {
    for (const entry of this.entriesOf(pages)) {
      if (!entry.present) continue;
      if (entry.isHuge && this.config.backing === 'shmem') {
        entry.folio.referenced ||= entry.accessed;
        Object.assign(entry, { present: false, unmapped: true, accessed: false, numa: false });
        // CONTINUE will install single entries.
        if (registeredMinor) this.#split(entry);
        continue;
      }
      if (!entry.rwp) this.counts.rwpArm++;
      entry.rwp = true;
      entry.numa = false;
    }
    this.#protectionChanged(pages);
  }
  /** PAGE_IS_ACCESSED: not none, and no uffd bit. */
  isRwpAccessed(page: number): boolean {
    const { present, rwp } = this.entry(page);
    return present && !rwp;
  }
  /** Armed, or out of the page table and waiting to be mapped again. */
  isRwpWatched(page: number): boolean {
    const { rwp, unmapped } = this.entry(page);
    return rwp || unmapped;
  }

  /** UFFDIO_WRITEPROTECT with markers where nothing is mapped; file memory loses its PMDs. */
  writeProtect(pages: readonly number[]): void {
    for (const page of pages) {
      if (this.config.backing === 'shmem') this.#split(this.entry(page));
      this.#wp.add(page);
    }
    this.#protectionChanged(pages);
  }
  /** PAGEMAP_SCAN(PAGE_IS_WRITTEN) with WP_MATCHING. */
  scanWritten(pages: readonly number[]): Set<number> {
    const written = new Set(pages.filter((page) => !this.#wp.has(page)));
    for (const page of written) this.#wp.add(page);
    this.#afterRearm(pages, written);
    return written;
  }
  /** Pages that sent a write-protection message since they were protected; protects them again. */
  takeWpMessages(pages: readonly number[]): Set<number> {
    const sent = new Set(pages.filter((page) => this.#wpMessages.has(page)));
    for (const page of sent) {
      this.#wpMessages.delete(page);
      this.#wp.add(page);
    }
    this.#afterRearm(pages, sent);
    return sent;
  }
  #afterRearm(pages: readonly number[], changed: ReadonlySet<number>): void {
    if (changed.size > 0) this.#tlb?.flush();
    if (this.config.mmu === 'host') for (const entry of this.entriesOf(pages)) this.#zap(entry);
    if (this.config.mmu === 'host') this.#tlb?.flush();
  }

  clearSoftDirty(pages: readonly number[]): void {
    for (const entry of this.entriesOf(pages)) entry.softDirty = false;
    this.#protectionChanged(pages);
  }

  /** KVM_GET_DIRTY_LOG and CLEAR. */
  takeDirtyLog(pages: readonly number[]): Set<number> {
    const dirty = new Set(pages.filter((page) => this.#dirtyLog.has(page)));
    for (const page of dirty) this.#dirtyLog.delete(page);
    if (dirty.size > 0) this.#tlb?.flush();
    return dirty;
  }

  clearRefs(pages: readonly number[]): void {
    for (const entry of this.entriesOf(pages)) entry.accessed = entry.folio.young = entry.folio.referenced = false;
  }
  isSmapsReferenced(page: number): boolean {
    const { unmapped, accessed, folio } = this.entry(page);
    return !unmapped && (accessed || folio.young || folio.referenced);
  }

  isYoung(entry: Entry): boolean {
    return entry.accessed || (entry.spte?.accessed ?? false);
  }
  makeOld(entry: Entry): boolean {
    const wasYoung = this.isYoung(entry);
    entry.accessed = false;
    if (entry.spte !== undefined) entry.spte.accessed = false;
    return wasYoung;
  }
  /** The proposed tracker's walk: both A bits of every entry. */
  takeYoung(pages: readonly number[], flush: boolean): Set<number> {
    const young = new Set(pages.filter((page) => this.isYoung(this.entry(page))));
    for (const entry of this.entriesOf(pages)) this.makeOld(entry);
    if (flush) this.#tlb?.flush();
    return young;
  }
  /** KVM's aging: SPTEs alone; without a secondary MMU the guest's own entries. */
  takeYoungSptes(pages: readonly number[]): Set<number> {
    const isYoung = (entry: Entry): boolean => (this.config.mmu === 'host' ? (entry.spte?.accessed ?? false) : entry.accessed);
    const young = new Set(pages.filter((page) => isYoung(this.entry(page))));
    for (const entry of this.entriesOf(pages)) {
      if (this.config.mmu === 'guest') entry.accessed = false;
      else if (entry.spte !== undefined) entry.spte.accessed = false;
    }
    return young;
  }

  /** page_idle (6). */
  idleMark(pages: readonly number[]): void {
    for (const entry of this.entriesOf(pages)) {
      if (this.makeOld(entry)) entry.folio.young = true;
      entry.folio.idle = true;
      entry.folio.moved = false;
    }
  }
  /** Pages of `marked` that are idle no more, as far as their frames can still be told. */
  idleRead(marked: readonly number[]): Set<number> {
    // The reverse map leads to every entry of an idle folio.
    const idle = [...this.entriesOf(marked)].filter(({ folio }) => folio.idle);
    for (const entry of idle) if (this.makeOld(entry)) Object.assign(entry.folio, { idle: false, young: true });
    return new Set(marked.filter((page) => !this.entry(page).folio.idle && !this.entry(page).folio.moved));
  }

  damonMkold(page: number): void {
    const entry = this.entry(page);
    if (!entry.everMapped) return;
    if (this.makeOld(entry)) entry.folio.young = true;
    entry.folio.idle = true;
  }
  damonIsAccessed(page: number): boolean {
    const entry = this.entry(page);
    return entry.everMapped && (this.isYoung(entry) || !entry.folio.idle);
  }

  /** NUMA balancing: PROT_NONE on present entries that are neither armed for RWP nor protected already. */
  numaProtect(pages: readonly number[]): Set<number> {
    const chosen = [...this.entriesOf(pages)].filter((entry) => entry.present && !entry.rwp && !entry.numa);
    for (const entry of chosen) entry.numa = true;
    this.#protectionChangedIf(chosen.length > 0, pages);
    return new Set(chosen.flatMap((entry) => entry.pages));
  }
  #protectionChangedIf(hasChanged: boolean, pages: readonly number[]): void {
    if (hasChanged) this.#tlb?.flush();
    if (this.config.mmu === 'guest') return;
    for (const entry of this.entriesOf(pages)) this.#zap(entry);
    this.#tlb?.flush();
  }

  sample(period: number): Set<number> {
    const out = new Set<number>();
    this.#samplers.push({ period, seen: 0, out });
    return out;
  }

  /** A page's contents move to another frame. The flags stay with the old one; protections stay with the address where they can. */
  remap(page: number, kind: 'migrate' | 'swap'): void {
    const entry = this.entry(page);
    Object.assign(entry.folio, { idle: false, young: false, referenced: false, workingset: false, moved: true });
    this.#zap(entry);
    this.#tlb?.forget(this.#index.get(page)!);
    if (kind === 'migrate') return;
    entry.accessed = false;
    if (this.config.backing === 'shmem' && entry.present) Object.assign(entry, { present: false, rwp: false, numa: false, unmapped: true });
  }

  /**
   * The trackers of the last span are gone with all their marks; what was mapped still is, used and dirty. Nobody knows what the TLB
   * held before the first tracker: nothing, by agreement.
   */
  restart(): void {
    if (!this.#hasStarted) this.#tlb?.flush();
    this.#hasStarted = true;
    this.#samplers.length = 0;
    this.#wp.clear();
    this.#wpMessages.clear();
    this.numaFaults.clear();
    this.#mapHugeAgain();
    for (const entry of this.entriesOf(this.pages)) {
      Object.assign(entry.folio, new Folio());
      Object.assign(entry, {
        rwp: false,
        numa: false,
        unmapped: false,
        spteZapped: false,
        present: entry.everMapped,
        accessed: entry.everMapped,
      });
      entry.softDirty = entry.pages.some((page) => this.#everWritten.has(page));
      entry.spte = this.config.mmu === 'host' && entry.everMapped ? { accessed: true } : undefined;
    }
    this.#dirtyLog.clear();
    for (const page of this.#everWritten) this.#dirtyLog.add(page);
    Object.assign(this.counts, NO_COUNTS);
  }

  /** By the next recording the kernel has collapsed again what a tracker split. */
  #mapHugeAgain(): void {
    for (const block of this.config.hugeBlocks) {
      if (!this.has(block * BLOCK) || this.entry(block * BLOCK).isHuge) continue;
      const pages = this.#pagesWith(block * BLOCK);
      const everMapped = pages.some((page) => this.entry(page).everMapped);
      this.#map(pages).everMapped = everMapped;
    }
  }

  takeCounts(): MachineCounts {
    const counts = { ...this.counts };
    Object.assign(this.counts, NO_COUNTS);
    return counts;
  }
}
