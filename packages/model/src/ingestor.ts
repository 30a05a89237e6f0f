/** The shape of a capture reader: bytes in, batches of columns out. One file per format in packages/ingest/src/formats/. */
import type { SpaceId, TruthGrade } from './access.ts';
import type { Observation, ObservationStream } from './trace.ts';
import type { Descriptor } from './registry.ts';

/**
 * Batches an ingestor yields. Times are ns on the file's own clock (the assembler maps clocks through `sync` batches);
 * pages are page numbers. Arrays may be longer than `n` and may be reused after the consumer returns.
 */
export type IngestBatch =
  /** Touches of one quantum [t0Ns, t1Ns): each (page, class) at most once, order inside without meaning. */
  | {
      readonly kind: 'touches';
      readonly space: SpaceId;
      readonly t0Ns: number;
      readonly t1Ns: number;
      readonly n: number;
      readonly page: Float64Array | Uint32Array;
      readonly cls: Uint8Array;
    }
  /** Touches of many quanta as a trace stores them, from readers that number blocks themselves. */
  | CodedQuanta
  /** Single accesses in time order (or file order for ordinal logs). size: bytes from `addr offset`, for page straddles already split by the ingestor. */
  | {
      readonly kind: 'accesses';
      readonly space: SpaceId;
      readonly n: number;
      readonly timeNs: Float64Array;
      readonly page: Float64Array;
      readonly cls: Uint8Array;
      readonly pid?: Int32Array;
      readonly cpu?: Int32Array;
    }
  /** Everything was recorded from here (begin) to there (end). Logs without spans count as one span from first to last event. */
  | { readonly kind: 'span'; readonly edge: 'begin' | 'end'; readonly tNs: number; readonly label: string }
  | { readonly kind: 'marker'; readonly tNs: number; readonly code: number; readonly label: string }
  /** The file's own time `tNs` is `otherNs` on clock `clock`. */
  | { readonly kind: 'sync'; readonly tNs: number; readonly clock: string; readonly otherNs: number }
  /** Memory that exists and is tracked even if never touched. */
  | { readonly kind: 'range'; readonly space: SpaceId; readonly startPage: number; readonly nPages: number }
  /**
   * Virtual pages [vPage, vPage+n) with their frames; -1 = not present, -2 = in swap (arenas: -1). Gives an arena its address and
   * PFN↔VA maps; dumps of one process with times tell which pages moved.
   */
  | {
      readonly kind: 'mapping';
      /** Default gva. */
      readonly space?: SpaceId;
      readonly tNs: number | null;
      readonly vPage: number;
      readonly n: number;
      readonly frame: Float64Array;
      readonly arena: boolean;
    }
  /** Blocks of 512 pages (page >> 9) that one 2 MiB page backs or maps; `source` says how that is known. */
  | { readonly kind: 'huge'; readonly space: SpaceId; readonly blocks: Float64Array; readonly tNs: number | null; readonly source: string }
  /** Declares a stream before its first report; `range.startPage` null = relative to the arena of the same segment prefix ("A." of A.rwp.bin). */
  | { readonly kind: 'stream'; readonly stream: ObservationStream; readonly arenaRelative: boolean }
  /** A real tracker's report. For an arena-relative stream startPage counts from the arena's first page. */
  | { readonly kind: 'report'; readonly report: Observation }
  /** The recorded machine, when the file describes it. `kernel`: its release, as `uname -r` prints it. */
  | { readonly kind: 'machine'; readonly vcpus?: number; readonly kernel?: string }
  /** Grade of this file's accesses when its content decides it (perf data: page faults or sampled loads); comes before the first access and overrides `descriptor.truth`. */
  | { readonly kind: 'grade'; readonly truth: TruthGrade }
  /**
   * One row of a size-only output (smaps, wss, memtierd, kidled, lru_gen, DAMON_STAT): no pages, only amounts to compare with.
   * `subject` says what was measured (VMA, memcg, pid, age bucket); `values` are bytes, or ns and counts where the key ends in Ns or Count.
   */
  | { readonly kind: 'sizes'; readonly tNs: number | null; readonly subject: string; readonly values: Readonly<Record<string, number>> };

/** Quantum q is [t0Ns[q], t1Ns[q]) and has the touches [end[q - 1], end[q]), the first one [0, end[0]). */
export interface CodedQuanta {
  readonly kind: 'quanta';
  readonly space: SpaceId;
  /** Number of quanta. */
  readonly n: number;
  readonly t0Ns: Float64Array;
  readonly t1Ns: Float64Array;
  readonly end: Int32Array;
  readonly coded: CodedTouches;
}

/** Touches (index of block * 512 + page in block) << 2 | class. */
export interface CodedTouches {
  readonly touch: Int32Array;
  /** Block numbers (page >> 9) by index: one array per reader and space, which grows from batch to batch. */
  readonly blocks: readonly number[];
}

export interface IngestorDescriptor<Id extends string = string> extends Descriptor<Id> {
  /** What it yields, for `workset list` and `info`. */
  readonly produces: 'accesses' | 'touches' | 'faults' | 'reports' | 'mapping';
  readonly space: SpaceId | 'any';
  /** The clock of its times: guest-monotonic, trace (as recorded), ordinal, none. */
  readonly clock: string;
  readonly truth: TruthGrade;
  /** File suffixes that people use, for help only: recognition is by content. */
  readonly usualNames: readonly string[];
}

export interface Ingestor<Id extends string = string> {
  readonly descriptor: IngestorDescriptor<Id>;
  /** 0..1, pure, never throws. `head` is the first 64 KiB (or less) after decompression. */
  sniff(head: Uint8Array): number;
  ingest(source: ByteSource, ctx: IngestContext): AsyncIterable<IngestBatch>;
}

/** A decompressed stream of bytes with a name and a position. */
export interface ByteSource {
  /** Path as given by the user; "-" for stdin. */
  readonly path: string;
  /** Chunks in order; each may be any size from 1 byte. Can be iterated once. */
  chunks(): AsyncIterable<Uint8Array>;
}

export interface IngestContext {
  /** Counts a dropped or repaired record; with --strict the first one of severity warning or error ends the ingest. */
  reject(
    code: string,
    message: string,
    at?: { line?: number; byteOffset?: number; count?: number; severity?: 'info' | 'warning' | 'error' },
  ): void;
  /** Counts records kept. */
  accept(n: number): void;
  /** Records that the capture tool says it lost. */
  lost(n: number): void;
  /** Options from the command line or a manifest, as text: fields, space, aggregation, page-shift, … */
  readonly options: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}
