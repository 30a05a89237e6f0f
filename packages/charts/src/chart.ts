/** What a chart is: one question, one SQL query that bins the data, one vega-lite 6 specification. */
import type { Descriptor, Scope, Target } from '@workset/model';
import type { BlindSpots } from './blind-spots.ts';
import type { Theme } from './style.ts';

/** A value as a query returns it; BIGINT may come as number or bigint. */
export type Cell = string | number | bigint | boolean | null | Uint8Array;
export type DataRow = Readonly<Record<string, Cell>>;
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly DataRow[];
}
/** All that charts and the report need of a results store (`Results` of @workset/analyze is one). */
export interface QuerySource {
  query(sql: string): Promise<QueryResult>;
}

/** A vega-lite 6 specification as plain JSON. */
export type Spec = Readonly<Record<string, unknown>>;

/** What the user may choose; everything has a default. */
export interface ChartParams {
  /** Name of the trace; default: the one with the most runs. */
  readonly trace?: string;
  /** Scheme ids (`uffd-rwp`, `observed:uffd-rwp`) or run ids to show; default: all. */
  readonly runs?: readonly string[];
  /** Address space; default: for charts of one space the one with the most runs, else all. */
  readonly space?: string;
  readonly scope?: Scope;
  readonly target?: Target;
  /** At most this many runs are drawn (the rest is named in the subtitle). */
  readonly maxRuns?: number;
}

/** One run as charts name and colour it. */
export interface RunInfo {
  readonly runId: string;
  readonly trace: string;
  /** Scheme id without `observed:`. */
  readonly family: string;
  readonly kind: 'simulated' | 'observed';
  readonly stream: string | null;
  /** Family, plus the parameters in which it differs from its siblings, or the capture stream it follows. */
  readonly variant: string;
  /** Variant, plus "observed" for a real report. */
  readonly label: string;
  readonly params: string;
  /** Address space of its pages. */
  readonly space: string;
  readonly truth: string;
  readonly target: string;
  readonly costProfile: string;
  readonly nPages: number;
  readonly nWindows: number;
  readonly durationNs: number;
  readonly vcpus: number;
}

/** What a chart is drawn for, with every default filled in. */
export interface ChartContext {
  readonly trace: string;
  readonly traces: readonly string[];
  /** Address space that the runs are limited to. */
  readonly space?: string;
  /** Address spaces that the trace has runs in. */
  readonly spaces: readonly string[];
  /** Runs of the trace that are drawn. */
  readonly runs: readonly RunInfo[];
  /** Usable runs of every trace. */
  readonly allRuns: readonly RunInfo[];
  /** Tables, views and `table.column` that the source has. */
  readonly tables: ReadonlySet<string>;
  /** Runs that the results hold, asked for or not. */
  readonly nStored: number;
  /** Runs left out because they differ from another in their eviction alone. */
  readonly variants: number;
  /** Runs left out because of `maxRuns`. */
  readonly omitted: number;
  readonly scope: Scope;
  readonly target: Target;
  readonly truth: string;
  readonly costProfile: string;
  readonly theme: Theme;
  /** What schemes cannot see, by id; for captions. */
  readonly blindSpots: BlindSpots;
  /** Width of the whole chart, px. */
  readonly width: number;
}

export interface ChartDescriptor<Id extends string = string> extends Descriptor<Id> {
  /** Tables and views (`table` or `table.column`) the query reads; when one is missing, the chart says so. */
  readonly reads: readonly string[];
  /** What to run when there is no data. */
  readonly advice: string;
  /** True: drawn for all traces at once. */
  readonly acrossTraces?: boolean;
  /** True: drawn from the table curves, so that results need no run. */
  readonly ofCurves?: boolean;
  /** True: draws pages of one address space. */
  readonly oneSpace?: boolean;
}

export interface Chart<Id extends string = string> {
  /** `title` is the one question the chart answers. */
  readonly descriptor: ChartDescriptor<Id>;
  /** At most about 20 000 rows, binned. */
  sql(ctx: ChartContext): string;
  /** @param rows the answer to `sql`, never empty */
  spec(rows: readonly DataRow[], ctx: ChartContext): Spec;
}

/** Marks that one chart may have. */
export const MAX_MARKS = 20_000;
