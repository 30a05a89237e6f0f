/**
 * A machine with real bits: page-table entries, secondary page tables, folios and a TLB, all objects, and every touch flips what the
 * hardware and the fault handlers would (kernel-semantics 1 to 10). Nothing here knows time: the caller says what happens next.
 */
import { meaningOf, type PlainTouch, type PlainTrace } from '../trace.ts';
import { Entry, Folio } from './entry.ts';
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
    const { page } = touch;
    const { writes, mapped, actor } = meaningOf(this.#trace, touch);
    // Devices work on pages pinned long ago; so they do with what GUP hands them, or the kernel copies it through a mapping of its own.
    const isCpuEvent = actor !== 'device' && actor !== 'gup' && actor !== 'gup-fast';
    if (isCpuEvent) for (const sampler of this.#samplers) if (++sampler.seen % sampler.period === 0) sampler.out.add(page);
    if (actor === 'host' && this.config.mmu === 'host') this.#hostAccess(page, writes);
    if (actor === 'gup') this.#gup(page, writes);
    if (actor === 'gup-fast') this.#gupFast(page, writes);
    if (actor === 'other') this.entry(page).others = { everMapped: true, accessed: true };
    if (actor !== 'user' && actor !== 'kernel') return;
    // The write bit is not recorded without class bits: such a store is one like any load to the TLB.
    const storesToTlb = this.#trace.classBits > 0 && writes;
    if (this.#hitsTlb(page, storesToTlb, mapped)) return;
    if (this.config.mmu === 'host') this.#guestAccess(page, writes);
    else if (mapped) this.#userAccess(page, writes);
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
    if (writes) this.#log(page);
  }

  /** A nested walk: the SPTE if there is one, else KVM asks for the host's entry as that process would, and marks the page accessed. */
  #guestAccess(page: number, writes: boolean): void {
    const before = this.entry(page).spte;
    const hasFaulted = this.#faultIn(page, writes);
    const entry = this.entry(page);
    if (before === undefined && entry.spteZapped) {
      this.counts.violation++;
      entry.spteZapped = false;
    }
    if (before === undefined || hasFaulted) this.#markAccessed(entry.folio);
    entry.spte = { accessed: true };
    entry.everUsedByGuest = true;
    if (writes) this.#log(page);
  }

  /** A thread of the VMM, or vhost's: an access through the host's page tables like any other. */
  #hostAccess(page: number, writes: boolean): void {
    this.#faultIn(page, writes);
    this.entry(page).accessed = true;
  }
  #gup(page: number, writes: boolean): void {
    this.#faultIn(page, writes);
    this.#markAccessed(this.entry(page).folio);
  }
  /** Falls back to the slow path where it would have to fault. */
  #gupFast(page: number, writes: boolean): void {
    if (this.#faultIn(page, writes)) this.#markAccessed(this.entry(page).folio);
    else this.entry(page).folio.referenced = true;
  }
  /** folio_mark_accessed. */
  #markAccessed(folio: Folio): void {
    if (!this.usesMglru) folio.idle = false;
    folio.referenced = true;
  }
  #log(page: number): void {
    this.#dirtyLog.add(page);
    this.#everLogged.add(page);
  }

  /** Page faults an access may take; any of them makes the entry young. True when there was one. */
  #faultIn(page: number, writes: boolean): boolean {
    const entry = this.entry(page);
    let hasFaulted = false;
    if (!entry.present || entry.swappedOut) {
      entry.present = entry.everMapped = hasFaulted = true;
      entry.unmapped = entry.swappedOut = false;
    }
    if (entry.rwp) {
      entry.rwp = false;
      hasFaulted = true;
      this.counts.rwpFault++;
    }
    if (entry.numa) {
      entry.numa = false;
      hasFaulted = true;
      this.counts.numaFault++;
      for (const number of entry.pages) this.numaFaults.add(number);
    }
    if (writes && this.#wp.delete(page)) {
      hasFaulted = true;
      this.counts.wpFault++;
      this.#wpMessages.add(page);
      this.#split(entry);
    }
    const now = this.entry(page);
    if (writes && now.writeProtected) {
      now.writeProtected = false;
      hasFaulted = true;
    }
    if (hasFaulted) now.accessed = true;
    if (writes) {
      now.softDirty = true;
      this.#everWritten.add(page);
    }
    return hasFaulted;
  }

  /** 512 entries that inherit the PMD's bits. */
  #split(huge: Entry): void {
    if (!huge.isHuge) return;
    for (const page of huge.pages) {
      const small = this.#map([page], huge.folio);
      const { pages: _pages, folio: _folio, others, spte: _spte, ...bits } = huge;
      Object.assign(small, bits, { others: { ...others } });
      if (huge.spte !== undefined) small.spte = { ...huge.spte };
    }
  }

  readonly numaFaults = new Set<number>();
  #hasStarted = false;
  /** MGLRU ages this machine's memory: marking a page accessed leaves PG_idle alone. */
  usesMglru = false;
  readonly #everWritten = new Set<number>();
  readonly #everLogged = new Set<number>();
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
    for (const entry of this.entriesOf(pages)) Object.assign(entry, { softDirty: false, writeProtected: true });
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
  /** The same through the reverse map. */
  isYoungAnywhere(entry: Entry): boolean {
    return this.isYoung(entry) || entry.others.accessed;
  }
  makeOldAnywhere(entry: Entry): boolean {
    const wasYoung = this.isYoungAnywhere(entry);
    this.makeOld(entry);
    entry.others.accessed = false;
    return wasYoung;
  }
  isOnLru(page: number): boolean {
    return this.entry(page).everMapped || this.entry(page).others.everMapped;
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
      if (this.makeOldAnywhere(entry)) entry.folio.young = true;
      entry.folio.idle = true;
      entry.folio.moved = false;
    }
  }
  /** Pages of `marked` that are idle no more, as far as their frames can still be told. */
  idleRead(marked: readonly number[]): Set<number> {
    // The reverse map leads to every entry of an idle folio.
    const idle = [...this.entriesOf(marked)].filter(({ folio }) => folio.idle);
    for (const entry of idle) if (this.makeOldAnywhere(entry)) Object.assign(entry.folio, { idle: false, young: true });
    return new Set(marked.filter((page) => !this.entry(page).folio.idle && !this.entry(page).folio.moved));
  }

  damonMkold(page: number, rmap: boolean): void {
    const entry = this.entry(page);
    if (!(rmap ? this.isOnLru(page) : entry.everMapped)) return;
    if (rmap ? this.makeOldAnywhere(entry) : this.makeOld(entry)) entry.folio.young = true;
    entry.folio.idle = true;
  }
  damonIsAccessed(page: number, rmap: boolean): boolean {
    const entry = this.entry(page);
    if (!(rmap ? this.isOnLru(page) : entry.everMapped)) return false;
    return (rmap ? this.isYoungAnywhere(entry) : this.isYoung(entry)) || !entry.folio.idle;
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
    Object.assign(entry, { accessed: false, swappedOut: true });
    entry.others.accessed = false;
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
        swappedOut: false,
        writeProtected: false,
      });
      entry.softDirty = entry.pages.some((page) => this.#everWritten.has(page));
      entry.spte = this.config.mmu === 'host' && entry.everUsedByGuest ? { accessed: true } : undefined;
      entry.others.accessed = entry.others.everMapped;
    }
    this.#dirtyLog.clear();
    for (const page of this.#everLogged) this.#dirtyLog.add(page);
    this.usesMglru = false;
    Object.assign(this.counts, NO_COUNTS);
  }

  /** By the next recording the kernel has collapsed again what a tracker split. */
  #mapHugeAgain(): void {
    for (const block of this.config.hugeBlocks) {
      if (!this.has(block * BLOCK) || this.entry(block * BLOCK).isHuge) continue;
      const pages = this.#pagesWith(block * BLOCK);
      const before = pages.map((page) => this.entry(page));
      const others = { everMapped: before.some((entry) => entry.others.everMapped), accessed: false };
      Object.assign(this.#map(pages), {
        everMapped: before.some(({ everMapped }) => everMapped),
        everUsedByGuest: before.some(({ everUsedByGuest }) => everUsedByGuest),
        others,
      });
    }
  }

  takeCounts(): MachineCounts {
    const counts = { ...this.counts };
    Object.assign(this.counts, NO_COUNTS);
    return counts;
  }
}
