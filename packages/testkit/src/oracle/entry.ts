/** What a machine with real bits is made of: folios, and the page-table entries that map them. */

/** The memory behind one entry, or behind several: flags that all users of the frames share. */
export class Folio {
  readonly pages: readonly number[];
  idle = false;
  young = false;
  referenced = false;
  workingset = false;
  generation = 0;
  /** Its contents moved to another frame since it was marked. */
  moved = false;

  constructor(pages: readonly number[]) {
    this.pages = pages;
  }
  /** As new. */
  reset(): void {
    Object.assign(this, { ...new Folio(this.pages) });
  }
}

/** A PTE, or a PMD that maps 512 pages. */
export class Entry {
  readonly pages: readonly number[];
  readonly folio: Folio;
  everMapped = false;
  /** By a vCPU through an SPTE. */
  everUsedByGuest = false;
  present = false;
  /** Present again after a swap fault. */
  swappedOut = false;
  accessed = false;
  softDirty = false;
  /** Without W since soft-dirty bits were cleared. */
  writeProtected = false;
  /** Another process's entry for the same memory. */
  others = { everMapped: false, accessed: false };
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
