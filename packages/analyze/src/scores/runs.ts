/** The runs of a results directory and the parts that hold them. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { literal } from '../results/sql-text.ts';
import { ParquetReader } from '../parquet/parquet-reader.ts';
import type { RowGroup } from '../parquet/parquet-reader.ts';
import type { RunParts } from './score-group.ts';

export interface RunInfo {
  readonly id: string;
  readonly traceId: string;
  readonly scope: string;
  readonly target: string;
  readonly status: string;
  readonly nWindows: number;
  /** Its part of `runs`. */
  readonly file: string;
}

/** `<run id>-000.parquet` */
const PART = /^(.+)-\d{3,}\.parquet$/;

/**
 * Runs that did not fail, by id. Parts that workset did not write are read by DuckDB.
 * @param without names of parts to leave out
 */
export async function readRuns(root: string, without: ReadonlySet<string>): Promise<RunInfo[]> {
  const folder = join(root, 'runs');
  const files = parquetNames(folder)
    .filter((name) => !without.has(name))
    .map((name) => join(folder, name));
  const runs: RunInfo[] = [];
  const foreign: string[] = [];
  for (const file of files) {
    const found = readOwn(file);
    if (found === undefined) foreign.push(file);
    else runs.push(...found);
  }
  if (foreign.length > 0) runs.push(...(await readBySql(foreign)));
  return runs.filter(({ status }) => status !== 'failed').sort((a, b) => (a.id < b.id ? -1 : 1));
}

function readOwn(file: string): RunInfo[] | undefined {
  const reader = ParquetReader.open(file);
  if (reader === undefined) return undefined;
  try {
    return reader.groups.flatMap((group) => {
      const text = (name: string): string[] => reader.texts(columnOf(group, name));
      const [ids, traces, scopes, targets, statuses] = ['run_id', 'trace_id', 'scope', 'target', 'status'].map(text) as [
        string[],
        string[],
        string[],
        string[],
        string[],
      ];
      const windows = reader.integers(columnOf(group, 'n_windows'));
      return ids.map((id, i) => ({
        id,
        traceId: traces[i]!,
        scope: scopes[i]!,
        target: targets[i]!,
        status: statuses[i]!,
        nWindows: windows[i]!,
        file,
      }));
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined; // DuckDB says what is wrong with it
    throw error;
  } finally {
    reader.close();
  }
}

function columnOf(group: RowGroup, name: string) {
  const column = group.columns.get(name);
  if (column === undefined) throw new RangeError(`no column ${name}`);
  return column;
}

async function readBySql(files: readonly string[]): Promise<RunInfo[]> {
  const { withDuckDb } = await import('./score-by-sql.ts');
  return withDuckDb({ threads: 1 }, async (connection) => {
    const result = await connection.run(
      `SELECT run_id, trace_id, "scope", "target", status, n_windows, filename
       FROM read_parquet([${files.map((file) => literal(file.replaceAll(/[*?[]/g, '[$&]'))).join(', ')}], filename = true)`,
    );
    return (await result.getRows()).map(([id, traceId, scope, target, status, nWindows, file]) => ({
      id: String(id),
      traceId: String(traceId),
      scope: String(scope),
      target: String(target),
      status: String(status),
      nWindows: Number(nWindows),
      file: String(file),
    }));
  });
}

/**
 * Parts of `windows` and `page_sets` of each run; undefined when any file there may hold rows of a run without saying so in its name,
 * or is not our own: then only a query finds the rows.
 */
export function partsOf(root: string, runs: readonly RunInfo[]): RunParts[] | undefined {
  const windows = byRun(root, 'windows');
  const pageSets = byRun(root, 'page_sets');
  if (windows === undefined || pageSets === undefined) return undefined;
  const parts = runs.map(({ id }) => ({ runId: id, windows: windows.get(id) ?? [], pageSets: pageSets.get(id) ?? [] }));
  const own = parts.every(({ runId, windows: a, pageSets: b }) => [...a, ...b].every((path) => isOwn(path, runId)));
  return own ? parts : undefined;
}

function byRun(root: string, table: string): Map<string, string[]> | undefined {
  const found = new Map<string, string[]>();
  for (const name of parquetNames(join(root, table))) {
    const id = PART.exec(name)?.[1];
    if (id === undefined) return undefined;
    const path = join(root, table, name);
    const known = found.get(id);
    if (known === undefined) found.set(id, [path]);
    else known.push(path);
  }
  return found;
}

function isOwn(path: string, runId: string): boolean {
  const reader = ParquetReader.open(path);
  if (reader === undefined) return false;
  try {
    return reader.groups.every(({ columns }) => {
      // Earlier versions stored page sets another way.
      const bits = columns.get('bits');
      if (bits !== undefined && bits.frames === undefined) return false;
      const { min, max } = columns.get('run_id') ?? {};
      return min !== undefined && max !== undefined && Buffer.from(min).toString() === runId && Buffer.from(max).toString() === runId;
    });
  } finally {
    reader.close();
  }
}

/** Names of the whole parts in a folder, sorted; none when it does not exist. */
export function parquetNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.parquet'))
    .sort();
}

export function bytesOf(folder: string): number {
  return parquetNames(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
