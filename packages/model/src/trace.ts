/** What a trace holds: the contract between ingest (writes) and replay (reads). File layout: docs/trace-format.md. */
import type { SpaceId, TruthGrade } from './access.ts';

export const TRACE_FORMAT = 'workset-trace';
export const TRACE_VERSION = 2;

/** A stretch of time over which every access was recorded; between spans nothing is known. */
export interface TraceSpan {
  readonly t0Ns: number;
  readonly t1Ns: number;
  /** Label of the capture segment, e.g. "1"; empty when the log has none. */
  readonly label: string;
}

/** A named instant of the capture (workload phase, segment start). */
export interface TraceMarker {
  readonly tNs: number;
  readonly code: number;
  readonly label: string;
}

/** One input file, as the table `inputs` shows it. */
export interface TraceInput {
  readonly inputId: string;
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly format: string;
  readonly truth: TruthGrade;
  readonly space: SpaceId | null;
  readonly clock: string;
  readonly tFirstNs: number | null;
  readonly tLastNs: number | null;
  readonly nEvents: number;
  readonly nLost: number | null;
  readonly nRejected: number;
  readonly vcpus: number | null;
}

export type Severity = 'info' | 'warning' | 'error';
export interface Diagnostic {
  readonly inputId: string;
  readonly severity: Severity;
  readonly code: string;
  readonly line: number | null;
  readonly byteOffset: number | null;
  readonly count: number;
  readonly message: string;
}

/** One address space of a trace. Dense ids: block `blocks[i]` (512 pages) holds ids i*512 .. i*512+511. */
export interface SpaceInfo {
  readonly id: SpaceId;
  /** Class bits per touch: 0 = none recorded, 1 = read/write, 2 = also user/kernel, 3 = also device/host, 4 = all actors (see access.ts). */
  readonly classBits: 0 | 1 | 2 | 3 | 4;
  readonly nPages: number;
  readonly nTouches: number;
  /** Accesses the touches stand for (larger when the log was compacted); equals nTouches when unknown. */
  readonly nAccesses: number;
  readonly nFrames: number;
  /** Pages that moved to another frame, as far as recorded; absent = nothing is known, none is assumed. */
  readonly nRemaps?: number;
  readonly truth: TruthGrade;
}

/** How the contents of a page came into another frame: by migration (compaction, NUMA, a COW break of KSM), or out to swap and back. */
export const REMAP_KINDS = ['migrate', 'swap'] as const;
export type RemapKind = (typeof REMAP_KINDS)[number];

/** Blocks of a space that are known to have been huge pages at some time of the capture. Ascending block numbers (page number >> 9). */
export interface HugeBlocks {
  readonly space: SpaceId;
  readonly blocks: readonly number[];
  /** Segment of the capture ("A" of A.pagemap.bin) in which they were huge; empty = all of it. */
  readonly segment: string;
  /** Which files say so and how; "inferred …" when no kernel flag does. */
  readonly source: string;
}

/** A stream of real reports by one tracker over one capture segment. */
export interface ObservationStream {
  /** Unique within the trace, from the file name: "A.rwp". */
  readonly stream: string;
  /** Scheme id it is a report of: uffd-rwp, uffd-wp, idle-page, damon-paddr, damon-vaddr, soft-dirty. */
  readonly tracker: string;
  readonly space: SpaceId;
  readonly inputId: string;
  /** Monitored pages [startPage, startPage+nPages), page numbers, when the stream is about one range. */
  readonly range: { readonly startPage: number; readonly nPages: number } | null;
  readonly target: 'touched' | 'written';
  /** Granularity the tracker reports at, bytes (4096, or 2 MiB on huge pages), when known. */
  readonly granuleBytes: number | null;
  readonly notes: Readonly<Record<string, string | number>>;
}

/** One report: a page set, or scored regions, with its claim window on the trace clock. */
export interface Observation {
  readonly stream: string;
  readonly cycle: number;
  readonly setBeginNs: number;
  readonly setEndNs: number;
  readonly readBeginNs: number;
  readonly readEndNs: number;
  /** False when lines or records of this report were lost. */
  readonly complete: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly reported: PageRangeBits | null;
  readonly eligible: PageRangeBits | null;
  readonly regions: RegionColumns | null;
}

/** Bits over the page numbers [startPage, startPage+nPages): bit i%8 of byte i>>3 is page startPage+i. */
export interface PageRangeBits {
  readonly startPage: number;
  readonly nPages: number;
  readonly bits: Uint8Array;
}

export interface RegionColumns {
  readonly startPage: Float64Array;
  readonly nPages: Float64Array;
  readonly nrAccesses: Float64Array;
  /** Aggregation intervals; -1 = unknown. */
  readonly age: Float64Array;
}
