/** Set sizes and overlaps of several runs, window by window, straight from the parts that replay wrote. */
import { setImmediate } from 'node:timers/promises';
import { InterruptedError, SCOPES, TARGETS } from '@workset/model';
import type { Scope, Target } from '@workset/model';
import { ParquetReader } from '../parquet/parquet-reader.ts';
import { EMPTY, SetArena } from './set-arena.ts';
import type { StoredSet } from './set-arena.ts';
import { indexSets } from './set-index.ts';
import type { SetRows, WindowRange } from './set-index.ts';
import { KINDS_OF } from './window-sets.ts';
import type { Overlaps } from './window-sets.ts';

/** Files of one run, by name. */
export interface RunParts {
  readonly runId: string;
  readonly windows: readonly string[];
  readonly pageSets: readonly string[];
}
export interface GroupTask {
  /** Runs of one trace are scored together, so that their common truth is read once. */
  readonly runs: readonly RunParts[];
  readonly range: WindowRange;
}
/** Of one run in the range of the task. */
export interface RunOverlaps {
  readonly runId: string;
  /** `kind scope` of the sets found. */
  readonly stored: readonly string[];
  /** Window numbers, ascending. */
  readonly ws: readonly number[];
  /** Per window, per PAIRS, the FIELDS. */
  readonly values: Float64Array;
}

export const PAIRS: readonly { readonly scope: Scope; readonly target: Target }[] = SCOPES.flatMap((scope) =>
  TARGETS.map((target) => ({ scope, target })),
);
const FIELDS = [
  'nPages',
  'reported',
  'eligible',
  'truth',
  'edge',
  'hit',
  'reportedEdge',
  'truthEligible',
  'hitEligible',
] as const satisfies readonly (keyof Overlaps)[];

/** Between looks at the signal, ms. */
const PAUSE_MS = 50;

interface OpenRun {
  readonly runId: string;
  readonly index: ReadonlyMap<number, readonly SetRows[]>;
  /** Scored windows and their tracked pages. */
  readonly nPages: ReadonlyMap<number, number>;
  readonly stored: Set<string>;
  readonly rows: { readonly w: number; readonly values: readonly number[] }[];
}

/** Throws InterruptedError, RangeError when a part is damaged. */
export async function groupOverlaps({ runs, range }: GroupTask, signal: AbortSignal | undefined): Promise<RunOverlaps[]> {
  const readers: ParquetReader[] = [];
  const open = (paths: readonly string[]): ParquetReader[] =>
    paths.map((path) => {
      const reader = ParquetReader.open(path);
      if (reader === undefined) throw new RangeError(`${path} is not a part that workset wrote`);
      readers.push(reader);
      return reader;
    });
  try {
    const opened = runs.map((run): OpenRun => ({
      runId: run.runId,
      nPages: scoredWindows(open(run.windows), range),
      index: indexSets(open(run.pageSets), range),
      stored: new Set(),
      rows: [],
    }));
    await eachWindow(opened, signal);
    return opened.map(({ runId, stored, rows }) => ({
      runId,
      stored: [...stored],
      ws: rows.map(({ w }) => w),
      values: Float64Array.from(rows.flatMap(({ values }) => values)),
    }));
  } finally {
    for (const reader of readers) reader.close();
  }
}

async function eachWindow(runs: readonly OpenRun[], signal: AbortSignal | undefined): Promise<void> {
  const arena = new SetArena();
  const ws = [...new Set(runs.flatMap(({ nPages }) => [...nPages.keys()]))].sort((a, b) => a - b);
  for (const { index, stored } of runs)
    for (const sets of index.values()) for (const { kind, scope } of sets) stored.add(`${kind} ${scope}`);
  let paused = performance.now();
  for (const w of ws) {
    arena.reset();
    for (const run of runs) {
      const nPages = run.nPages.get(w);
      if (nPages !== undefined) run.rows.push({ w, values: windowOverlaps(arena, run.index.get(w) ?? [], nPages) });
    }
    if (performance.now() - paused < PAUSE_MS) continue;
    await setImmediate();
    if (signal?.aborted === true) throw new InterruptedError();
    paused = performance.now();
  }
}

function scoredWindows(readers: readonly ParquetReader[], { from, to }: WindowRange): Map<number, number> {
  const found = new Map<number, number>();
  for (const reader of readers) {
    for (const { rows, columns } of reader.groups) {
      const ws = reader.integers(columns.get('w')!);
      const nPages = reader.integers(columns.get('n_pages')!);
      const scored = reader.flags(columns.get('scored')!);
      for (let i = 0; i < rows; i++) if (scored[i] && ws[i]! >= from && ws[i]! < to) found.set(ws[i]!, nPages[i]!);
    }
  }
  return found;
}

function windowOverlaps(arena: SetArena, rows: readonly SetRows[], nPages: number): number[] {
  const pieces = new Map<string, SetRows[]>();
  for (const row of rows) {
    const key = `${row.kind} ${row.scope}`;
    const known = pieces.get(key);
    if (known === undefined) pieces.set(key, [row]);
    else known.push(row);
  }
  const sets = new Map([...pieces].map(([key, list]) => [key, arena.set(list)]));
  const set = (kind: string, scope: string): StoredSet => sets.get(`${kind} ${scope}`) ?? EMPTY;
  return PAIRS.flatMap(({ scope, target }) => {
    const { truth, edge } = KINDS_OF[target];
    const overlaps = overlapsOf(arena, set('reported', ''), set('eligible', ''), set(truth, scope), set(edge, scope), nPages);
    return FIELDS.map((field) => overlaps[field]);
  });
}

/** Without an eligible set every page is eligible. */
function overlapsOf(
  arena: SetArena,
  reported: StoredSet,
  eligible: StoredSet,
  truth: StoredSet,
  edge: StoredSet,
  nPages: number,
): Overlaps {
  const nTruth = arena.size(truth);
  const hit = arena.common(truth, reported);
  const all = eligible === EMPTY;
  return {
    nPages,
    reported: arena.size(reported),
    eligible: all ? nPages : arena.size(eligible),
    truth: nTruth,
    edge: arena.size(edge),
    hit,
    reportedEdge: arena.common(edge, reported),
    truthEligible: all ? nTruth : arena.common(truth, eligible),
    hitEligible: all ? hit : arena.common3(truth, reported, eligible),
  };
}

/** The overlaps of window `i` of a run under PAIRS[pair]. */
export function overlapsAt({ values }: RunOverlaps, i: number, pair: number): Overlaps {
  const at = (i * PAIRS.length + pair) * FIELDS.length;
  return Object.fromEntries(FIELDS.map((field, j) => [field, values[at + j]!])) as unknown as Overlaps;
}
