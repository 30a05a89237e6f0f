/** The kernel operations that trackers use, on hardware with real bits (kernel-semantics 2 to 10). */
import type { Entry, Folio } from './entry.ts';
import { Hardware, NO_COUNTS, type MachineCounts } from './hardware.ts';

const BLOCK = 512;

export class Machine extends Hardware {
  get isHugetlb(): boolean {
    return this.config.backing === 'hugetlb';
  }
  foliosOf(pages: Iterable<number>): Set<Folio> {
    return new Set([...this.entriesOf(pages)].map(({ folio }) => folio));
  }
  /** Calls for every entry of the folio; true when one of the answers was. */
  #anyEntry(folio: Folio, ask: (entry: Entry) => boolean): boolean {
    return [...this.entriesOf(folio.pages)].map(ask).includes(true);
  }

  /** UFFDIO_RWPROTECT (2.1): a huge file page is unmapped, never armed; entries that are none stay as they are. */
  rwProtect(pages: readonly number[], registeredMinor = false): void {
    for (const entry of this.entriesOf(pages)) {
      if (!entry.present) continue;
      if (entry.isHuge && this.config.backing === 'shmem') {
        entry.folio.referenced ||= entry.accessed;
        Object.assign(entry, { present: false, unmapped: true, accessed: false, numa: false });
        // CONTINUE will install single entries.
        if (registeredMinor) this.split(entry);
        continue;
      }
      if (!entry.rwp) this.counts.rwpArm++;
      entry.rwp = true;
      entry.numa = false;
    }
    this.protectionChanged(pages);
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
      if (this.config.backing === 'shmem') this.split(this.entry(page));
      this.wp.add(page);
    }
    this.protectionChanged(pages);
  }
  /** PAGEMAP_SCAN(PAGE_IS_WRITTEN) with WP_MATCHING. */
  scanWritten(pages: readonly number[]): Set<number> {
    // A hole of hugetlb is not written, and gets a marker; any other hole is.
    const isWritten = (page: number): boolean => !this.wp.has(page) && (!this.isHugetlb || this.entry(page).present);
    const written = new Set(pages.filter(isWritten));
    for (const page of pages) this.wp.add(page);
    this.#afterRearm(pages, written);
    return written;
  }
  /** Pages that sent a write-protection message since they were protected; protects them again. */
  takeWpMessages(pages: readonly number[]): Set<number> {
    const sent = new Set(pages.filter((page) => this.wpMessages.has(page)));
    for (const page of sent) {
      this.wpMessages.delete(page);
      this.wp.add(page);
    }
    this.#afterRearm(pages, sent);
    return sent;
  }
  #afterRearm(pages: readonly number[], changed: ReadonlySet<number>): void {
    if (changed.size > 0) this.tlb?.flush();
    if (this.config.mmu === 'host') for (const entry of this.entriesOf(pages)) this.zap(entry);
    if (this.config.mmu === 'host') this.tlb?.flush();
  }

  clearSoftDirty(pages: readonly number[]): void {
    if (!this.isHugetlb) for (const entry of this.entriesOf(pages)) Object.assign(entry, { softDirty: false, writeProtected: true });
    this.protectionChanged(pages);
  }
  isSoftDirty(page: number): boolean {
    return !this.isHugetlb && this.entry(page).softDirty;
  }

  /** KVM_GET_DIRTY_LOG and CLEAR. */
  takeDirtyLog(pages: readonly number[]): Set<number> {
    const dirty = new Set(pages.filter((page) => this.dirtyLog.has(page)));
    for (const page of dirty) this.dirtyLog.delete(page);
    if (dirty.size > 0) this.tlb?.flush();
    return dirty;
  }

  clearRefs(pages: readonly number[]): void {
    if (this.isHugetlb) return;
    for (const entry of this.entriesOf(pages)) entry.accessed = entry.folio.young = entry.folio.referenced = false;
  }
  isSmapsReferenced(page: number): boolean {
    const { unmapped, accessed, folio, everMapped, swappedOut } = this.entry(page);
    if (this.isHugetlb || unmapped) return false;
    return accessed || (((everMapped && !swappedOut) || folio.pages.length === 1) && (folio.young || folio.referenced));
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
    return !this.isHugetlb && this.#anyEntry(this.entry(page).folio, ({ everMapped, others }) => everMapped || others.everMapped);
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
    if (flush) this.tlb?.flush();
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

  /** page_idle (6): folio by folio, through every entry that maps a page of it. */
  idleMark(pages: readonly number[]): void {
    for (const folio of this.foliosOf(pages)) {
      if (this.#anyEntry(folio, (entry) => this.makeOldAnywhere(entry))) folio.young = true;
      folio.idle = true;
      folio.moved = false;
    }
  }
  /** Pages of `marked` that are idle no more, as far as their frames can still be told. */
  idleRead(marked: readonly number[]): Set<number> {
    const idle = [...this.foliosOf(marked)].filter((folio) => folio.idle);
    for (const folio of idle)
      if (this.#anyEntry(folio, (entry) => this.makeOldAnywhere(entry))) Object.assign(folio, { idle: false, young: true });
    return new Set(marked.filter((page) => !this.entry(page).folio.idle && !this.entry(page).folio.moved));
  }

  /** The reverse map leads to all entries of the folio; a walk of one mm to the entry of the address. */
  damonMkold(page: number, rmap: boolean): void {
    const entry = this.entry(page);
    if (!(rmap ? this.isOnLru(page) : entry.everMapped)) return;
    const wasYoung = rmap ? this.#anyEntry(entry.folio, (one) => this.makeOldAnywhere(one)) : this.makeOld(entry);
    if (wasYoung) entry.folio.young = true;
    entry.folio.idle = true;
  }
  damonIsAccessed(page: number, rmap: boolean): boolean {
    const entry = this.entry(page);
    if (!(rmap ? this.isOnLru(page) : entry.everMapped)) return false;
    const isYoung = rmap ? this.#anyEntry(entry.folio, (one) => this.isYoungAnywhere(one)) : this.isYoung(entry);
    return isYoung || !entry.folio.idle;
  }
  isTail(page: number): boolean {
    return this.entry(page).folio.pages[0] !== page;
  }

  /** NUMA balancing: PROT_NONE on present entries that are neither armed for RWP nor protected already. */
  numaProtect(pages: readonly number[]): Set<number> {
    if (this.isHugetlb) return new Set();
    const chosen = [...this.entriesOf(pages)].filter((entry) => entry.present && !entry.swappedOut && !entry.rwp && !entry.numa);
    for (const entry of chosen) entry.numa = true;
    this.#protectionChangedIf(chosen.length > 0, pages);
    return new Set(chosen.flatMap((entry) => entry.pages));
  }
  #protectionChangedIf(hasChanged: boolean, pages: readonly number[]): void {
    if (hasChanged) this.tlb?.flush();
    if (this.config.mmu === 'guest') return;
    for (const entry of this.entriesOf(pages)) this.zap(entry);
    this.tlb?.flush();
  }

  sample(period: number): Set<number> {
    const out = new Set<number>();
    this.samplers.push({ period, seen: 0, out });
    return out;
  }

  /** A page's contents move to another frame. The flags stay with the old one; protections stay with the address where they can. */
  remap(page: number, kind: 'migrate' | 'swap'): void {
    const { folio } = this.entry(page);
    folio.reset();
    folio.moved = true;
    for (const number of folio.pages) this.tlb?.forget(this.index.get(number)!);
    for (const entry of this.entriesOf(folio.pages)) {
      this.zap(entry);
      // hugetlb is not swapped: somebody moved it.
      if (kind === 'migrate' || this.isHugetlb) continue;
      Object.assign(entry, { accessed: false, swappedOut: true, numa: false });
      entry.others.accessed = false;
      if (this.config.backing === 'shmem' && entry.present) Object.assign(entry, { present: false, rwp: false, unmapped: true });
    }
  }

  /**
   * The trackers of the last span are gone with all their marks; what was mapped still is, used and dirty. Nobody knows what the TLB
   * held before the first tracker: nothing, by agreement.
   */
  restart(): void {
    if (!this.hasStarted) this.tlb?.flush();
    this.hasStarted = true;
    this.samplers.length = 0;
    this.wp.clear();
    this.wpMessages.clear();
    this.numaFaults.clear();
    this.#mapHugeAgain();
    for (const entry of this.entriesOf(this.pages)) {
      entry.folio.reset();
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
      entry.softDirty = entry.pages.some((page) => this.everWritten.has(page));
      entry.spte = this.config.mmu === 'host' && entry.everUsedByGuest ? { accessed: true } : undefined;
      entry.others.accessed = entry.others.everMapped;
    }
    this.dirtyLog.clear();
    for (const page of this.everLogged) this.dirtyLog.add(page);
    this.usesMglru = false;
    Object.assign(this.counts, NO_COUNTS);
  }

  /** By the next recording the kernel has collapsed again what a tracker split. */
  #mapHugeAgain(): void {
    for (const block of this.config.hugeBlocks) {
      if (!this.has(block * BLOCK) || this.entry(block * BLOCK).isHuge) continue;
      const pages = this.pagesWith(block * BLOCK);
      const before = pages.map((page) => this.entry(page));
      const others = { everMapped: before.some((entry) => entry.others.everMapped), accessed: false };
      Object.assign(this.map(pages, before[0]!.folio), {
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
