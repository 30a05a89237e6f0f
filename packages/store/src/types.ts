/** Interfaces of the trace store and the results store. Layouts: docs/trace-format.md, docs/results-format.md. */
import type {
  CodedTouches,
  Diagnostic,
  HugeBlocks,
  Nanos,
  Observation,
  ObservationStream,
  PageBitmap,
  RemapKind,
  Row,
  Scope,
  SpaceId,
  SpaceInfo,
  TraceInput,
  TraceMarker,
  TraceSpan,
  TruthGrade,
} from '@workset/model';
import type { BulkColumn } from './bulk-rows.ts';
import type { PackedSet, PackedSets } from './page-set-buffer.ts';
import type { Compress } from './parquet/pages.ts';

/** `trace.json`: everything about a trace but its columns. */
export interface TraceManifest {
  readonly format: 'workset-trace';
  readonly version: number;
  /** Hash of all column files and of the inputs' hashes; equal inputs and options give equal ids. */
  readonly traceId: string;
  readonly name: string;
  /** Clock of all times, e.g. guest-monotonic. */
  readonly clock: string;
  /** Added to every time to get the clock's own reading, ns, as a decimal string (0 for most). */
  readonly epochNs: string;
  readonly quantumNs: number | null;
  readonly vcpus: number | null;
  readonly truth: TruthGrade;
  /** True when touches were generated (synth, or replayed from an observed trace), with the seed in `notes`. */
  readonly synthetic: boolean;
  readonly spaces: readonly SpaceInfo[];
  readonly spans: readonly TraceSpan[];
  readonly markers: readonly TraceMarker[];
  readonly inputs: readonly TraceInput[];
  readonly diagnostics: readonly Diagnostic[];
  readonly streams: readonly ObservationStream[];
  /** 2 MiB pages; a block may be in several entries. Absent in traces that were written before this was known. */
  readonly hugeBlocks?: readonly HugeBlocks[];
  readonly notes: Readonly<Record<string, string | number>>;
  readonly producer: { readonly version: string; readonly argv: readonly string[] };
}

export interface TraceWriterOptions {
  /** Directory to create; written as `<out>.part` and renamed at close. An existing trace is replaced, anything else is refused. */
  readonly out: string;
  /** Class bits per touch, per space, fixed before the first frame (see access.ts). Default 2. */
  readonly classBits?: SpaceInfo['classBits'];
}

/** What is only known at the end of an ingest. */
export type TraceFinal = Omit<TraceManifest, 'format' | 'version' | 'traceId' | 'spaces' | 'streams'> & {
  /** Maps the times given to `frame` onto the trace clock; monotonic. */
  readonly mapTime: (ns: number) => number;
  /** Truth grade per space. */
  readonly truthOf: Readonly<Partial<Record<SpaceId, TruthGrade>>>;
};

/** n frames: frame f has the touches [end[f - 1], end[f]), the first one [0, end[0]). Columns may be longer. */
export interface CodedFrames {
  readonly n: number;
  readonly t0Ns: Float64Array;
  readonly t1Ns: Float64Array;
  readonly end: Int32Array;
}

export interface TraceWriter {
  /**
   * Appends one frame (a quantum) to a space: n touches (page number, class). Frames come in time order per space (t0 ascending;
   * equal or overlapping quanta are allowed when a marker split one). `nAccesses` is what they stand for, default n.
   * Times are on the source clock until close() maps them.
   */
  frame(space: SpaceId, t0Ns: Nanos, t1Ns: Nanos, n: number, page: Float64Array | Uint32Array, cls: Uint8Array, nAccesses?: number): void;
  /** The same for many frames at once, touches in a reader's own numbering: page numbers are looked up once per block, not per touch. */
  codedFrames(space: SpaceId, frames: CodedFrames, coded: CodedTouches): void;
  /** A page's contents move to another frame at a time on the source clock; in any order. The page exists from then on, touched or not. */
  remap(space: SpaceId, tNs: Nanos, page: number, kind: RemapKind): void;
  /** Memory that exists even if never touched. */
  declareRange(space: SpaceId, startPage: number, nPages: number): void;
  stream(stream: ObservationStream): void;
  /** Times of observations are already on the trace clock. */
  observation(observation: Observation): void;
  /** Sorts the dense ids, writes small tables and checksums, fsyncs, renames. */
  close(final: TraceFinal): Promise<TraceManifest>;
  /** Removes everything written so far. Safe after a failed close. */
  abort(): Promise<void>;
}

/** Frames of one space as columns; frame f holds rows rowStart[f] .. rowStart[f+1]-1, so rowStart has n + 1 entries. */
export interface FrameColumns {
  readonly n: number;
  readonly t0Ns: Float64Array;
  readonly t1Ns: Float64Array;
  readonly rowStart: Float64Array;
  readonly nAccesses: Float64Array;
  /** Index into manifest.spans, -1 outside any. */
  readonly span: Int32Array;
}

/** Pages whose contents moved to another frame, in time order. */
export interface RemapColumns {
  readonly n: number;
  readonly tNs: Float64Array;
  /** Page number. */
  readonly page: Float64Array;
  /** Index into REMAP_KINDS. */
  readonly kind: Int32Array;
}

/** The checksum of touches, as `TouchSums` gives it. */
export type SumTouches = (touches: Int32Array) => string;

/** Where the touches of a space lie. */
export interface TouchPlaces {
  /** Of the touch file; open until the trace is closed. */
  readonly fd: number;
  /** Byte offset of each batch in it. */
  readonly offsets: Float64Array;
  /** Of each batch, as `TouchSums` prints them. */
  readonly sums: readonly string[];
}

export interface SpaceReader {
  readonly info: SpaceInfo;
  /** Block numbers (page number >> 9), ascending; dense id i is page blocks[i >> 9] * 512 + (i & 511). */
  readonly blocks: Float64Array;
  readonly frames: FrameColumns;
  /** Rows per batch; all batches but the last are full. */
  readonly batchRows: number;
  readonly nBatches: number;
  /**
   * Reads batch i (`touch = dense id << classBits | class`) into `into` (batchRows long, may be on a SharedArrayBuffer), checks its
   * sums, returns its rows. Throws TraceFormatError. `sum` does what `TouchSums` does, perhaps faster.
   */
  readBatch(i: number, into: Int32Array, sum?: SumTouches): number;
  /** For readers of parts of batches, who check them; undefined where only whole batches can be checked (trace format 1). */
  touchPlaces(): TouchPlaces | undefined;
  /** Page number of a dense id. */
  pageOf(id: number): number;
  /** Dense id of a page number, -1 when the space does not hold it. */
  idOf(page: number): number;
}

export interface TraceReader {
  readonly path: string;
  readonly manifest: TraceManifest;
  /** Throws UsageError naming the spaces the trace has. */
  space(id: SpaceId): SpaceReader;
  /** Pages of a space that moved; empty when the trace says nothing of them. Throws TraceFormatError. */
  remaps(space: SpaceId): RemapColumns;
  /** Reports of one stream, by cycle. */
  observations(stream: string): readonly Observation[];
  close(): void;
}

export interface WindowRow {
  readonly w: number;
  readonly claimT0Ns: number;
  readonly claimT1Ns: number;
  readonly outerT0Ns: number;
  readonly outerT1Ns: number;
  readonly reportNs: number;
  readonly span: number;
  readonly warmup: boolean;
  readonly scored: boolean;
  readonly nPages: number;
}

export type SetKind = 'reported' | 'eligible' | 'cold' | 'truth' | 'edge' | 'truth_writes' | 'edge_writes';

/** Tables that only eviction runs have. */
export type EvictionTable = 'evictions' | 'refaults' | 'eviction_runs';

/** Writes one run's part of every table. The row in `runs` is written last: its presence means the run is whole. */
export interface RunPart {
  window(row: WindowRow): void;
  /** Scope '' for reported, eligible and cold. The bitmap may change afterwards. */
  pageSet(w: number, kind: SetKind, scope: Scope | '', set: PageBitmap): void;
  /** A set in stored form, which any part of the same space takes. The bitmap may change afterwards. */
  pack(set: PageBitmap): PackedSet;
  packedSet(w: number, kind: SetKind, scope: Scope | '', set: PackedSet): void;
  region(w: number, startPage: number, nPages: number, score: number, ageNs: number | null): void;
  cost(w: number, op: string, count: number, vcpuNs: number, trackerNs: number): void;
  /** One row of an eviction table, all its columns but run_id. Throws Error when one is missing. */
  row(table: EvictionTable, row: Row): void;
  /**
   * Many rows of an eviction table as columns, all but run_id, in the order of the table's key; encoded before returning. A table
   * takes its rows one way only. Throws Error when a column is missing.
   */
  columns(table: EvictionTable, rows: number, columns: Readonly<Record<string, BulkColumn>>): void;
  /**
   * Writes what is buffered once it exceeds flushBytes; gives what to wait for, if anything. Call it between windows: the calls above
   * cannot wait for the disk, so without it what they bring stays in memory. Rejects with RunError.
   */
  drain(): Promise<void> | undefined;
  close(run: Row): Promise<void>;
  /** Removes everything of this run. Safe after a failed close. */
  abort(): Promise<void>;
}

export interface RunPartOptions {
  readonly dir: string;
  readonly runId: string;
  /** Of the space whose dense ids the bitmaps use. */
  readonly blocks: Float64Array;
  /** Bytes buffered before rows are flushed to disk. Default 64 MiB. */
  readonly flushBytes?: number;
  /** Compresses page sets; default: at once. */
  readonly compress?: Compress | undefined;
  /** Shared by parts of the same space that are written side by side: equal sets are compressed once. */
  readonly packed?: PackedSets | undefined;
}
