/**
 * Scores of runs whose parts workset did not write itself (made by hand, or by another program): DuckDB reads the Parquet, sets are counted
 * in TypeScript.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBBlobValue, DuckDBConnection } from '@duckdb/node-api';
import { InterruptedError, TABLES, TraceFormatError } from '@workset/model';
import type { Row, TableId } from '@workset/model';
import { tableSelect } from '../results/catalog.ts';
import { ident, literal, messageOf } from '../results/sql-text.ts';
import { PAIRS } from './score-group.ts';
import { pairsOf, scoreRow } from './score-rows.ts';
import type { ScoreRow } from './score-rows.ts';
import type { RunInfo } from './runs.ts';
import { WindowSets } from './window-sets.ts';

interface WindowInfo {
  readonly w: number;
  readonly nPages: number;
}

/** Calls `onRun` with the rows of each run. Throws RunError, InterruptedError. */
export function scoreBySql(
  root: string,
  runs: readonly RunInfo[],
  database: DatabaseOptions,
  signal: AbortSignal | undefined,
  onRun: (run: RunInfo, rows: readonly (ScoreRow & Row)[]) => Promise<void>,
): Promise<void> {
  return withDuckDb(database, async (connection) => {
    for (const run of runs) {
      if (signal?.aborted === true) throw new InterruptedError();
      await onRun(run, await scoreRun(connection, root, run));
    }
  });
}

export interface DatabaseOptions {
  readonly threads: number;
  /** DuckDB size text. */
  readonly memoryLimit?: string | undefined;
}

/** What DuckDB says about a file that it cannot read; other errors as they are. */
function unreadable(error: unknown): unknown {
  const message = messageOf(error);
  if (!/^(?:Invalid Input|IO|Binder|Conversion) Error/.test(message)) return error;
  return new TraceFormatError(
    `a file of the results cannot be read: ${message}`,
    {},
    'remove the part it names and the part of that run in runs/: the next replay into the directory does the run again',
    error,
  );
}

/** Throws TraceFormatError when a part is damaged. */
export async function withDuckDb<T>(
  { threads, memoryLimit }: DatabaseOptions,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    ...(memoryLimit === undefined ? {} : { memory_limit: memoryLimit }),
  });
  const connection = await instance.connect();
  try {
    await connection.run(`SET streaming_buffer_size = '256MB'`); // let DuckDB decompress ahead of the counting
    return await work(connection);
  } catch (error) {
    throw unreadable(error);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function scoreRun(connection: DuckDBConnection, root: string, run: RunInfo): Promise<(ScoreRow & Row)[]> {
  const windows = await scoredWindows(connection, root, run.id);
  const pairs = await scoredPairs(connection, root, run);
  const rows: (ScoreRow & Row)[] = [];
  let next = 0;
  const finish = (sets: WindowSets, window: WindowInfo): void => {
    for (const pair of pairs) rows.push(scoreRow(run.id, window.w, PAIRS[pair]!, sets.overlaps(PAIRS[pair]!, window.nPages)));
  };
  for await (const { w, sets } of windowSets(connection, root, run.id)) {
    while (next < windows.length && windows[next]!.w < w) finish(new WindowSets(), windows[next++]!);
    if (next < windows.length && windows[next]!.w === w) finish(sets, windows[next++]!);
  }
  while (next < windows.length) finish(new WindowSets(), windows[next++]!);
  return rows;
}

async function scoredWindows(connection: DuckDBConnection, root: string, runId: string): Promise<WindowInfo[]> {
  const result = await connection.run(
    `SELECT w, n_pages FROM (${tableSelect(root, TABLES.windows)}) WHERE run_id = ${literal(runId)} AND scored ORDER BY w`,
  );
  return (await result.getRows()).map(([w, nPages]) => ({ w: Number(w), nPages: Number(nPages) }));
}

/** Places in PAIRS. */
async function scoredPairs(connection: DuckDBConnection, root: string, run: RunInfo): Promise<number[]> {
  const result = await connection.run(
    `SELECT DISTINCT kind, "scope" FROM (${tableSelect(root, TABLES.page_sets)}) WHERE run_id = ${literal(run.id)} AND "scope" <> ''`,
  );
  return pairsOf(run, new Set((await result.getRows()).map(([kind, scope]) => `${kind} ${scope}`)));
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

/** A part without rows says that there is nothing to score. */
export async function writeNoRows(table: TableId, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const columns = TABLES[table].columns.map(({ name, type }) => `NULL::${type} AS ${ident(name)}`).join(', ');
  const part = `${path}.part`;
  await withDuckDb({ threads: 1 }, async (connection) => {
    await connection.run(`COPY (SELECT ${columns} WHERE false) TO ${literal(part)} (FORMAT parquet, USE_TMP_FILE false)`);
  });
  renameSync(part, path);
}
