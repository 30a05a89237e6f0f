/** What a conversion reads, asks for and says. */
import type { Diagnostic, Observation, ObservationStream, SpaceId } from '@workset/model';

export const CONVERT_FORMATS = ['parquet', 'arrow', 'csv', 'oracleGeneral', 'damo.json', 'trace'] as const;
export type ConvertFormat = (typeof CONVERT_FORMATS)[number];

export interface ConvertOptions {
  /** File (for `trace` a directory) to write; it appears only when it is whole. */
  readonly out: string;
  /** Default: from the ending of `out`. */
  readonly format?: ConvertFormat;
  /** Keeps what lies wholly inside [from, to), ns on the clock of the input. */
  readonly time?: readonly [number, number];
  /** Keeps pages of the byte addresses [from, to); bounds are widened to whole pages. */
  readonly addr?: readonly [number, number];
  /** Keeps one process; only captures know processes. */
  readonly pid?: number;
  /** Needed when the input has accesses of several address spaces. */
  readonly space?: SpaceId;
  /** Format id of a capture, instead of recognising it. */
  readonly inputFormat?: string;
  /** Options of the capture's format, as in ingest. */
  readonly options?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rows: number) => void;
}

export interface ConvertResult {
  readonly out: string;
  readonly format: ConvertFormat;
  /** Accesses, or (when the input has none) the regions of its reports. */
  readonly content: 'accesses' | 'regions';
  /** Rows written: accesses or touches, or regions. */
  readonly rows: number;
  /** Rows left out because of time, addr or pid. */
  readonly outside: number;
  readonly space: SpaceId | null;
  readonly clock: string;
  /** What one time stands for, ns: the quantum of a trace, 1 for single accesses, 1e9 in oracleGeneral. */
  readonly timeUnitNs: number;
  /** What the target cannot hold, as sentences. */
  readonly lost: readonly string[];
  /** Of reading the input. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A run of accesses. Quanta: all in [t0Ns, t1Ns); single accesses: `timeNs` has one time each. */
export interface AccessRows {
  readonly kind: 'accesses';
  readonly space: SpaceId;
  readonly n: number;
  readonly t0Ns: number;
  readonly t1Ns: number;
  readonly timeNs: Float64Array | null;
  readonly page: Float64Array | Uint32Array;
  readonly cls: Uint8Array;
  readonly pid: Int32Array | null;
  readonly cpu: Int32Array | null;
}
export interface ReportRow {
  readonly kind: 'report';
  readonly stream: ObservationStream;
  readonly report: Observation;
}
export type ConvertRows = AccessRows | ReportRow;

/** Known before the first row (but for what only the end of a capture tells). */
export interface SourceFacts {
  readonly name: string;
  readonly clock: string;
  /** Added to every time to get the clock's own reading, ns. Of a capture known when its rows have been read. */
  readonly epochNs: () => bigint;
  /** Quantum of a trace, null for single accesses. */
  readonly quantumNs: number | null;
  readonly diagnostics: () => readonly Diagnostic[];
}

/** Takes the rows of one content kind and makes a file of them. */
export interface RowWriter {
  accesses(rows: AccessRows): void;
  report(row: ReportRow): void;
  /** Rows that were taken into the file so far. */
  readonly rows: number;
  readonly lost: readonly string[];
  /** Waits for the disk, where rows would pile up otherwise. */
  drain?(): Promise<void>;
  /** Finishes the file. */
  close(): Promise<void>;
  /** Frees what is open, deletes side files. Safe after close. */
  abort(): void;
}
