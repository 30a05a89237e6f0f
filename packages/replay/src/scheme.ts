/**
 * What a tracking scheme is, and what a kernel shows it.
 *
 * A scheme never sees an access. It holds a `TrackingKernel`: system calls and page-table operations that answer what the
 * real kernel would, each one charged to the run's cost ledger.
 */
import type { CostOp, Descriptor, Nanos, PageBitmap, ParamSpec, ParamValues, Target } from '@workset/model';
import type { Backing } from './primitive.ts';

export interface SchemeDescriptor<Id extends string = string> extends Descriptor<Id> {
  /** One line: the bits and calls it works with. */
  readonly mechanism: string;
  readonly sees: { readonly reads: boolean; readonly writes: boolean };
  /** Smallest unit it can tell apart. */
  readonly granularity: string;
  readonly domain: 'virtual' | 'physical';
  /** `host` for trackers that live in KVM: their world is a VMM's page tables unless the user says otherwise. Default guest. */
  readonly mmu?: 'guest' | 'host';
  /** What it cannot see; printed in captions and `list`. */
  readonly blindSpots: readonly string[];
  /** What its reports are compared with first. */
  readonly target: Target;
}

export interface TrackingScheme<Id extends string = string, Spec extends ParamSpec = ParamSpec> {
  readonly descriptor: SchemeDescriptor<Id>;
  /** Defaults are the kernel's where it has one. */
  readonly config: Spec;
  /** Starts the scheme at `kernel.now`; called again, with fresh kernel state, at the start of every recorded span. */
  attach(kernel: TrackingKernel, config: ParamValues<Spec>): Tracker;
}

/** A scheme at work. */
export interface Tracker {
  /** Time of the first wake-up; Infinity = never. */
  readonly firstWakeNs: Nanos;
  /** Runs one tick at `now`; returns the time of the next one (later than now), Infinity = never. */
  wake(now: Nanos): Nanos;
}

/** Half-open range of dense page ids. */
export interface PageRange {
  readonly from: number;
  readonly to: number;
}

/** Times of one cycle of a real tracker, to be repeated by the model. */
export interface RecordedCycle {
  readonly cycle: number;
  readonly setBeginNs: Nanos;
  readonly setEndNs: Nanos;
  readonly readBeginNs: Nanos;
  readonly readEndNs: Nanos;
  /** Pages the real tracker could hold, where the capture says (LRU bitmap at set time). */
  readonly eligible?: PageBitmap | undefined;
  /** Contiguous memory a region tracker monitored, in page numbers. */
  readonly monitored?: readonly { readonly startPage: number; readonly nPages: number }[] | undefined;
}

/** A scored region, in page numbers. */
export interface RegionReport {
  readonly startPage: number;
  readonly nPages: number;
  readonly score: number;
  readonly ageNs: number | null;
}

export interface Report {
  /** Marks were being set during [outerT0, claimT0] and read during [claimT1, outerT1]. claimT1 is now, unless the window was claimed before. */
  readonly outerT0Ns: Nanos;
  readonly claimT0Ns: Nanos;
  readonly claimT1Ns: Nanos;
  readonly outerT1Ns: Nanos;
  /** Pages it calls accessed. Copied by the engine. */
  readonly reported: PageBitmap;
  /** Pages it calls cold, where that is not simply the rest. */
  readonly cold?: PageBitmap;
  /** Pages it could hold at all; all tracked pages when absent. The scheme does not change it any more. */
  readonly eligible?: PageBitmap;
  readonly regions?: readonly RegionReport[];
  /** True when the report carries no information by construction. */
  readonly warmup?: boolean;
}

export interface TrackingKernel {
  readonly now: Nanos;
  /** The tracked pages. */
  readonly range: PageRange;
  /** Size of the dense id space, for bitmaps. */
  readonly nPages: number;
  /** An empty set over the id space. */
  emptySet(): PageBitmap;
  /** The same for as long as the tracker lives, where whole sets are combined faster. */
  keptSet(): PageBitmap;
  /** True when some of the memory is mapped by PMDs. */
  readonly huge: boolean;
  /** Times of the real tracker to follow, when the run repeats a capture's schedule. */
  readonly recorded: readonly RecordedCycle[] | null;
  /** Uniform integer in [0, n), from the run's own seeded stream. */
  random(n: number): number;
  /** Page number of a dense id, and back (-1 = no such page). */
  pageOf(id: number): number;
  idOf(page: number): number;
  /** Adds the tracked pages among the page numbers [startPage, startPage + nPages) to a set. */
  addPages(set: PageBitmap, startPage: number, nPages: number): void;
  /** Contiguous runs of page numbers that exist, ascending (for physical-address trackers). */
  memoryRuns(): readonly { readonly startPage: number; readonly nPages: number }[];
  /** The same of the 2 MiB areas that this mm has touched before. */
  mappedRuns(): readonly { readonly startPage: number; readonly nPages: number }[];

  /** Adds the pages that have a page-table entry (touched before). */
  present(out: PageBitmap): void;
  /** Adds the pages whose folio is on an LRU list: mapped by this or another page table before. */
  onLru(out: PageBitmap): void;

  readonly backing: Backing;
  /** Page-table entries that map the pages of a set. */
  entriesOf(set: PageBitmap): number;
  /**
   * UFFDIO_RWPROTECT(MODE_RWP): arms present entries; `pte none` stays untouched; PMD-mapped shmem is unmapped instead (2.1, 1.4).
   * `minor`: registered for MINOR too, so that unmapped pages come back one by one.
   */
  uffdRwProtect(range: PageRange, how?: { minor: boolean }): void;
  /** MINOR messages since the arm: cached pages whose first touch had to wait for a CONTINUE (2.4). Charged; returns how many. */
  uffdMinorMessages(range: PageRange): number;
  /** Adds the pages whose next access will be noticed: armed, or unmapped by the arm. */
  uffdRwWatched(range: PageRange, out: PageBitmap): void;
  /** Adds the pages whose next access takes an RWP fault. */
  uffdRwArmed(range: PageRange, out: PageBitmap): void;
  /** PAGEMAP_SCAN(PAGE_IS_ACCESSED): adds entries that are not none and have no uffd bit (2.2). */
  pagemapScanAccessed(range: PageRange, out: PageBitmap): void;

  /** UFFDIO_WRITEPROTECT(MODE_WP) with WP_UNPOPULATED: present pages and markers for the others (3). */
  uffdWriteProtect(range: PageRange): void;
  /** PAGEMAP_SCAN(PAGE_IS_WRITTEN) with PM_SCAN_WP_MATCHING: adds written pages and re-protects them atomically. */
  pagemapScanWritten(range: PageRange, out: PageBitmap): void;

  /** Adds the pages whose first write since they were protected sent a message, protects them again; returns how many. */
  uffdWpMessages(range: PageRange, out: PageBitmap): number;

  /** clear_refs 4: W and the soft-dirty bit cleared in the whole process, one flush (4). */
  clearSoftDirty(range: PageRange): void;
  /** Adds pages with pagemap bit 55. */
  readSoftDirty(range: PageRange, out: PageBitmap): void;

  /** KVM_GET_DIRTY_LOG and CLEAR: adds 4 KiB pages written since the last call and protects them again; returns how many (10.2). */
  getDirtyLog(range: PageRange, out: PageBitmap): number;

  /** clear_refs 1: clears primary A bits, PG_young and PG_referenced; no flush, no notifier (5). */
  clearRefs(range: PageRange): void;
  /** What smaps counts as Referenced. The kernel exports only its size. */
  smapsReferenced(range: PageRange, out: PageBitmap): void;

  /** The proposed per-mm tracker's walk: test and clear primary and secondary A bits by virtual address, no rmap (thread C3). */
  testAndClearYoung(range: PageRange, out: PageBitmap, how: { flush: boolean }): void;
  /** KVM's clear_young over guest memory: SPTE A bits only, no flush even where RWX is taken away instead (1.3, 10.3); the guest's own A bits when no secondary MMU is modelled. */
  ageSptes(range: PageRange, out: PageBitmap): void;

  /** Writes ones to page_idle/bitmap: for the listed pages, those on an LRU list, an rmap walk, A cleared, PG_idle set (6). */
  pageIdleMark(range: PageRange, listed: PageBitmap): void;
  /** Reads page_idle/bitmap: adds the pages of `marked` that are no longer idle. */
  pageIdleRead(range: PageRange, marked: PageBitmap, accessed: PageBitmap): void;

  /** DAMON's mkold of pages[0, n): clear A, set PG_idle; nothing where there is no such page, or it is on no LRU list (8.1). */
  damonMkold(pages: Float64Array, n: number, how: DamonWalk): void;
  /** DAMON's young check of pages[0, n): young[i] = 1 when A is set or PG_idle clear, else 0. */
  damonYoung(pages: Float64Array, n: number, how: DamonWalk, young: Uint8Array): void;
  /** DAMOS filter "young": checks one page, and makes it old when it was young. */
  damosFilterYoung(page: number, how: { rmap: boolean }): boolean;

  /** One MGLRU aging pass (7.2); `force` walks every page table, else the Bloom filter's. */
  lruGenAge(range: PageRange, how: { force: boolean }): void;
  /** Adds pages that the last pass moved to the youngest generation. The kernel exports only a histogram. */
  lruGenYoungest(range: PageRange, out: PageBitmap): void;

  /** NUMA balancing's scan: PROT_NONE on present entries that are neither protected nor armed for RWP (9); adds them to `out`, returns how many entries. */
  numaProtect(range: PageRange, out: PageBitmap): number;
  /** Adds the pages of `watched` that took a hint fault since they were protected. */
  numaFaulted(range: PageRange, watched: PageBitmap, out: PageBitmap): void;

  /** Hardware event sampling: from now on every `period`-th touch is added to `out` (10.1). Returns the samples taken into `out` so far. */
  sampleTouches(period: number, out: PageBitmap): number;

  /** Charges costs that are not part of an operation above (messages, exits). */
  charge(op: CostOp, count: number): void;
  /** Fixes the truth of a claim whose report will come later. Call at claimT1. */
  claim(window: Pick<Report, 'outerT0Ns' | 'claimT0Ns' | 'claimT1Ns' | 'outerT1Ns'>): void;
  /** Hands a report to the scorer, which copies its sets. */
  report(report: Report): void;
}

/** How DAMON gets from a page to its A bits. */
export interface DamonWalk {
  /** In every page table that maps the page, else in one mm's. */
  readonly rmap: boolean;
  /** A page of a large folio other than its head is left alone. */
  readonly skipsTails: boolean;
}

/** @see TrackingScheme; keeps the literal id and parameter types. */
export function defineScheme<const Id extends string, const Spec extends ParamSpec>(
  scheme: TrackingScheme<Id, Spec>,
): TrackingScheme<Id, Spec> {
  return scheme;
}

/** Schemes that change the protection of entries, which zaps SPTEs. */
export function protectsEntries(id: string): boolean {
  return /^(uffd-|soft-dirty|numa-hint)/.test(id);
}
