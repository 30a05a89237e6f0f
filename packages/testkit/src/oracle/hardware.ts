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
  readonly backing: 'anon' | 'shmem' | 'hugetlb';
  /** Numbers of the 512-page blocks (page / 512) that a PMD maps. */
  readonly hugeBlocks: readonly number[];
  /** Memory that no PMD maps is in folios of 2^order pages. */
  readonly folioOrder: number;
  readonly zapKeepsYoung: boolean;
  readonly tlb?: OracleTlbConfig;
}

export const PLAIN_WORLD: OracleWorldConfig = { mmu: 'guest', backing: 'shmem', hugeBlocks: [], folioOrder: 0, zapKeepsYoung: false };

export interface MachineCounts {
  rwpArm: number;
  rwpFault: number;
  wpFault: number;
  numaFault: number;
  violation: number;
}

export const NO_COUNTS: MachineCounts = { rwpArm: 0, rwpFault: 0, wpFault: 0, numaFault: 0, violation: 0 };

/** Memory, page tables and translations, and what every touch does to them. */
export class Hardware {
  readonly config: OracleWorldConfig;
  /** Page numbers, ascending, whole blocks. */
  readonly pages: readonly number[];
  readonly counts: MachineCounts = { ...NO_COUNTS };
  readonly #trace: PlainTrace;
  readonly #entries = new Map<number, Entry>();
  /** Write-protection markers live on 4 KiB pages: the first write splits what is larger. */
  protected readonly wp = new Set<number>();
  protected readonly dirtyLog = new Set<number>();
  protected readonly tlb: OracleTlb | undefined;
  protected readonly samplers: { period: number; seen: number; out: Set<number> }[] = [];
  /** Position among the pages of the trace: what a TLB is indexed by. */
  protected readonly index: ReadonlyMap<number, number>;

  constructor(trace: PlainTrace, pages: readonly number[], config: OracleWorldConfig) {
    this.#trace = trace;
    this.config = config;
    this.pages = pages;
    this.tlb = config.tlb && new OracleTlb(config.tlb);
    this.index = new Map(pages.map((page, i) => [page, i]));
    for (const page of pages) {
      if (this.#entries.has(page)) continue;
      const folio = new Folio(this.#folioWith(page));
      if (this.pagesWith(page).length > 1) this.map(folio.pages, folio);
      else for (const member of folio.pages) this.map([member], folio);
    }
  }

  /** Neighbours in one folio, all of one block and so of the traced memory. */
  #folioWith(page: number): number[] {
    const mapped = this.pagesWith(page);
    if (mapped.length > 1) return mapped;
    const size = 2 ** this.config.folioOrder;
    const head = page - (page % size);
    return Array.from({ length: size }, (_, i) => head + i);
  }

  /** The pages an entry of `page` maps at first. */
  protected pagesWith(page: number): number[] {
    const block = Math.floor(page / BLOCK);
    if (this.config.backing !== 'hugetlb' && !this.config.hugeBlocks.includes(block)) return [page];
    return Array.from({ length: BLOCK }, (_, i) => block * BLOCK + i);
  }
  protected map(pages: readonly number[], folio: Folio): Entry {
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
    if (touches.length > 0) this.tlb?.startFrame(frame);
    for (const touch of touches) this.touch(touch);
  }

  touch(touch: PlainTouch): void {
    const { page } = touch;
    const { writes, mapped, actor } = meaningOf(this.#trace, touch);
    // Devices work on pages pinned long ago; so they do with what GUP hands them, or the kernel copies it through a mapping of its own.
    const isCpuEvent = actor !== 'device' && actor !== 'gup' && actor !== 'gup-fast';
    if (isCpuEvent) for (const sampler of this.samplers) if (++sampler.seen % sampler.period === 0) sampler.out.add(page);
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
    if (this.tlb === undefined) return false;
    const index = this.index.get(page)!;
    const isHuge = this.pagesWith(page).length > 1;
    return this.tlb.access(isHuge ? Math.floor(index / BLOCK) : index, isHuge ? 'huge' : 'small', mapped ? 'user' : 'kernel', writes);
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
    this.dirtyLog.add(page);
    this.everLogged.add(page);
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
      hasFaulted = true;
      this.counts.numaFault++;
      this.#restoreHints(entry.folio);
    }
    if (writes && this.wp.has(page)) {
      hasFaulted = true;
      this.counts.wpFault++;
      for (const number of this.config.backing === 'hugetlb' ? entry.pages : [page]) {
        this.wp.delete(number);
        this.wpMessages.add(number);
      }
      if (this.config.backing !== 'hugetlb') this.split(entry);
    }
    const now = this.entry(page);
    if (writes && now.writeProtected) {
      now.writeProtected = false;
      hasFaulted = true;
    }
    if (hasFaulted) now.accessed = true;
    if (writes) {
      now.softDirty = true;
      this.everWritten.add(page);
    }
    return hasFaulted;
  }

  /** A hint fault restores every PROT_NONE entry of the folio, and leaves them young (9). */
  #restoreHints(folio: Folio): void {
    for (const entry of this.entriesOf(folio.pages)) {
      if (!entry.numa) continue;
      entry.numa = false;
      entry.accessed = true;
      for (const page of entry.pages) this.numaFaults.add(page);
    }
  }

  /** 512 entries that inherit the PMD's bits. */
  protected split(huge: Entry): void {
    if (!huge.isHuge) return;
    for (const page of huge.pages) {
      const small = this.map([page], huge.folio);
      const { pages: _pages, folio: _folio, others, spte: _spte, ...bits } = huge;
      Object.assign(small, bits, { others: { ...others } });
      if (huge.spte !== undefined) small.spte = { ...huge.spte };
    }
  }

  readonly numaFaults = new Set<number>();
  protected hasStarted = false;
  /** MGLRU ages this machine's memory: marking a page accessed leaves PG_idle alone. */
  usesMglru = false;
  protected readonly everWritten = new Set<number>();
  protected readonly everLogged = new Set<number>();
  protected readonly wpMessages = new Set<number>();

  /** A protection change: no stale translation survives, and KVM drops every SPTE. */
  protected protectionChanged(pages: readonly number[]): void {
    this.tlb?.flush();
    if (this.config.mmu === 'guest') return;
    for (const entry of this.entriesOf(pages)) this.zap(entry);
  }
  protected zap(entry: Entry): void {
    if (entry.spte === undefined) return;
    if (this.config.zapKeepsYoung && entry.spte.accessed) entry.accessed = true;
    entry.spte = undefined;
    entry.spteZapped = true;
  }
}
