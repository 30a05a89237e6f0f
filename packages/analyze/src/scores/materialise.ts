/**
 * Computes the table `scores` from the page sets, one part per run. DuckDB reads and writes the Parquet; the set sizes are
 * counted in TypeScript, because DuckDB's bit_count reads 0.3 GB/s and this loop over 1 (docs/metrics.md, "How it is computed").
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBBlobValue, DuckDBConnection } from '@duckdb/node-api';
import { InterruptedError, RunError, SCOPES, TABLES, TARGETS } from '@workset/model';
import type { Scope, Target } from '@workset/model';
import { tableSelect } from '../results/catalog.ts';
import { literal } from '../results/sql-text.ts';
import { writeScores } from './score-writer.ts';
import type { ScoreRow } from './score-writer.ts';
import { scoreFigures } from './score-row.ts';
import { scoreInWorkers } from './score-pool.ts';
import { KINDS_OF, WindowSets } from './window-sets.ts';

export interface ScoreOptions {
  /** Score runs again whose part of `scores` is already newer than their row in `runs`. */
  readonly force?: boolean;
  /** CPU threads. Default 2. */
  readonly threads?: number;
  /** Worker threads over runs. Default: `threads` when the page sets exceed 32 MiB, else none. The scores are the same. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
  /** Called after each run. */
  readonly onRun?: (runId: string, rows: number) => void;
}
export interface ScoreSummary {
  readonly scored: number;
  /** Runs left alone because their scores were there. */
  readonly skipped: number;
  readonly rows: number;
}

export interface RunInfo {
  readonly id: string;
  readonly scope: string;
  readonly target: string;
  readonly file: string;
}
interface WindowInfo {
  readonly w: number;
  readonly nPages: number;
}
interface Pair {
  readonly scope: Scope;
  readonly target: Target;
}

/** Page sets on disk from which workers pay for their start. */
const WORKER_BYTES = 32 * 2 ** 20;

/** Scores every run in `dir` that has no scores yet. Throws RunError when the stored sets contradict one another, InterruptedError. */
export async function materialiseScores(dir: string, options: ScoreOptions = {}): Promise<ScoreSummary> {
  const root = resolve(dir);
  const runs = await withDuckDb(1, (connection) => readRuns(connection, root));
  const due = runs.filter((run) => options.force === true || !isNewer(partOf(root, run), run.file));
  const threads = options.threads ?? 2;
  const workers = options.workers ?? (bytesOf(join(root, 'page_sets')) > WORKER_BYTES ? threads : 1);
  const rows =
    workers > 1 && due.length > 1 ? await scoreInWorkers(root, due, workers, options) : await scoreRuns(root, due, threads, options);
  return { scored: due.length, skipped: runs.length - due.length, rows };
}

/** Scores these runs one after the other; returns the rows written. */
export function scoreRuns(
  root: string,
  runs: readonly RunInfo[],
  threads: number,
  { signal, onRun }: Pick<ScoreOptions, 'signal' | 'onRun'>,
): Promise<number> {
  return withDuckDb(threads, async (connection) => {
    let rows = 0;
    for (const run of runs) {
      if (signal?.aborted === true) throw new InterruptedError();
      const scores = await scoreRun(connection, root, run);
      await writePart(connection, partOf(root, run), scores);
      onRun?.(run.id, scores.length);
      rows += scores.length;
    }
    return rows;
  });
}

async function withDuckDb<T>(threads: number, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:', { threads: String(threads) });
  const connection = await instance.connect();
  try {
    await connection.run(`SET streaming_buffer_size = '256MB'`); // let DuckDB decompress ahead of the counting
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function partOf(root: string, { id }: RunInfo): string {
  return join(root, 'scores', `${id}.parquet`);
}

function bytesOf(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

function isNewer(part: string, source: string): boolean {
  return existsSync(part) && statSync(part).mtimeMs >= statSync(source).mtimeMs;
}

async function readRuns(connection: DuckDBConnection, root: string): Promise<RunInfo[]> {
  const files = join(root, 'runs');
  if (!existsSync(files)) return [];
  const result = await connection.run(
    `SELECT run_id, "scope", "target", filename FROM read_parquet(${literal(`${files}/*.parquet`)}, filename = true) WHERE status <> 'failed' ORDER BY run_id`,
  );
  return (await result.getRows()).map(([id, scope, target, file]) => ({
    id: String(id),
    scope: String(scope),
    target: String(target),
    file: String(file),
  }));
}

async function scoreRun(connection: DuckDBConnection, root: string, run: RunInfo): Promise<ScoreRow[]> {
  const windows = await scoredWindows(connection, root, run.id);
  const pairs = await scoredPairs(connection, root, run);
  const rows: ScoreRow[] = [];
  let next = 0;
  const finish = (sets: WindowSets, window: WindowInfo): void => {
    for (const { scope, target } of pairs) rows.push(scoreWindow(run.id, window, sets, scope, target));
  };
  for await (const { w, sets } of windowSets(connection, root, run.id)) {
    while (next < windows.length && windows[next]!.w < w) finish(new WindowSets(), windows[next++]!);
    if (next < windows.length && windows[next]!.w === w) finish(sets, windows[next++]!);
  }
  while (next < windows.length) finish(new WindowSets(), windows[next++]!);
  return rows;
}

function scoreWindow(runId: string, window: WindowInfo, sets: WindowSets, scope: Scope, target: Target): ScoreRow {
  const figures = scoreFigures(sets.overlaps(scope, target, window.nPages));
  if (figures.fp < 0 || figures.tn < 0) {
    throw new RunError(
      `run ${runId}, window ${window.w}: page sets contradict one another (${scope} ${target}: fp ${figures.fp}, tn ${figures.tn} of ${window.nPages} pages)`,
      'truth and edge must not overlap, and no set may hold more than the tracked pages; replay the run again',
    );
  }
  return { run_id: runId, w: window.w, scope, target, ...figures };
}

async function scoredWindows(connection: DuckDBConnection, root: string, runId: string): Promise<WindowInfo[]> {
  const result = await connection.run(
    `SELECT w, n_pages FROM (${tableSelect(root, TABLES.windows)}) WHERE run_id = ${literal(runId)} AND scored ORDER BY w`,
  );
  return (await result.getRows()).map(([w, nPages]) => ({ w: Number(w), nPages: Number(nPages) }));
}

/**
 * Scopes and targets the run has truth for: a trace without read/write or user/kernel classes stores no such sets, and
 * no rows is "unknown", not "nothing was touched". Touches by anyone, and what the run itself claims, are always scored.
 */
async function scoredPairs(connection: DuckDBConnection, root: string, run: RunInfo): Promise<Pair[]> {
  const result = await connection.run(
    `SELECT DISTINCT kind, "scope" FROM (${tableSelect(root, TABLES.page_sets)}) WHERE run_id = ${literal(run.id)} AND "scope" <> ''`,
  );
  const stored = new Set((await result.getRows()).map(([kind, scope]) => `${kind} ${scope}`));
  const pairs = SCOPES.flatMap((scope) => TARGETS.map((target) => ({ scope, target })));
  return pairs.filter(({ scope, target }) => {
    const { truth, edge } = KINDS_OF[target];
    const own = scope === run.scope && target === run.target;
    return own || (scope === 'any' && target === 'touched') || stored.has(`${truth} ${scope}`) || stored.has(`${edge} ${scope}`);
  });
}

/** Page sets grouped by window, windows ascending. Parts are written in that order; others are sorted first. */
async function* windowSets(connection: DuckDBConnection, root: string, runId: string): AsyncGenerator<{ w: number; sets: WindowSets }> {
  const rows = `(${tableSelect(root, TABLES.page_sets)}) WHERE run_id = ${literal(runId)}`;
  const check = await connection.run(`SELECT coalesce(bool_and(ok), true) FROM (SELECT w >= lag(w, 1, w) OVER () AS ok FROM ${rows})`);
  const sorted = (await check.getRows())[0]![0] === true;
  const result = await connection.stream(`SELECT w, kind, "scope", chunk, bits FROM ${rows}${sorted ? '' : ' ORDER BY w'}`);
  let w = -1;
  let sets = new WindowSets();
  for (;;) {
    const batch = await result.fetchChunk();
    if (batch === null || batch.rowCount === 0) break;
    const [ws, kinds, scopes, chunks, bits] = batch.getColumns();
    for (let i = 0; i < batch.rowCount; i++) {
      const row = Number(ws![i]);
      if (row !== w) {
        if (w >= 0) yield { w, sets };
        w = row;
        sets = new WindowSets();
      }
      sets.add(kinds![i] as string, scopes![i] as string, Number(chunks![i]), (bits![i] as DuckDBBlobValue).bytes);
    }
  }
  if (w >= 0) yield { w, sets };
}

/** A whole part or none: written beside it and renamed. */
async function writePart(connection: DuckDBConnection, part: string, rows: readonly ScoreRow[]): Promise<void> {
  mkdirSync(join(part, '..'), { recursive: true });
  const temporary = `${part}.part`;
  try {
    await writeScores(connection, temporary, rows);
    renameSync(temporary, part);
  } finally {
    rmSync(temporary, { force: true });
  }
}
