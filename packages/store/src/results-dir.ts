/** The results directory: DIR/workset.json, and DIR/<table>/<part>.parquet that appear whole or not at all. */
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunError, TABLES, TraceFormatError, UnreadableInputError, UsageError } from '@workset/model';
import type { Row, TableId, TableSpec } from '@workset/model';
import { makeDirectory, syncPath } from './files.ts';
import { writeParquet } from './parquet/file.ts';

export const RESULTS_FORMAT = 'workset-results';
export const RESULTS_VERSION = 1;
const INFO_NAME = 'workset.json';

/** What `createResultsDir` records. */
export interface ResultsMeta {
  /** Version of workset. */
  readonly version: string;
  readonly argv: readonly string[];
  /** Trace of the replay that started the directory; more may follow. */
  readonly traceId?: string;
}
/** `workset.json` of a results directory. */
export interface ResultsInfo {
  readonly format: typeof RESULTS_FORMAT;
  readonly version: number;
  readonly producer: { readonly version: string; readonly argv: readonly string[] };
  readonly traceId?: string;
}

/**
 * Makes `dir` a results directory; one that exists is kept with all its runs. Throws UsageError when it holds anything else,
 * UnreadableInputError when a newer workset wrote it.
 */
export async function createResultsDir(dir: string, meta: ResultsMeta): Promise<ResultsInfo> {
  if (isResults(dir)) return resultsInfo(dir);
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (stat !== undefined && (!stat.isDirectory() || readdirSync(dir).length > 0)) {
    throw new UsageError(`${dir} exists and does not hold workset results`, 'choose another --out, or an empty directory');
  }
  const { version, argv, traceId } = meta;
  const info: ResultsInfo = {
    format: RESULTS_FORMAT,
    version: RESULTS_VERSION,
    producer: { version, argv },
    ...(traceId === undefined ? {} : { traceId }),
  };
  makeDirectory(dir);
  publish(join(dir, INFO_NAME), (part) => writeFileSync(part, `${JSON.stringify(info, null, 1)}\n`));
  return info;
}

/** True when `path` is a directory that says it holds workset results (of any version). Never throws. */
export function isResults(path: string): boolean {
  try {
    const json: unknown = JSON.parse(readFileSync(join(path, INFO_NAME), 'utf8'));
    return typeof json === 'object' && json !== null && 'format' in json && json.format === RESULTS_FORMAT;
  } catch {
    return false;
  }
}

/** Reads `workset.json`. Throws UnreadableInputError when `path` does not hold results that this version reads. */
export function resultsInfo(path: string): ResultsInfo {
  const file = join(path, INFO_NAME);
  if (!isResults(path))
    throw new UnreadableInputError(`${path} does not hold workset results`, { file }, 'make them with `workset replay TRACE --out DIR`');
  const info = JSON.parse(readFileSync(file, 'utf8')) as ResultsInfo;
  if (info.version !== RESULTS_VERSION) {
    const message = `${path} holds results of format version ${String(info.version)}; this workset reads version ${RESULTS_VERSION}`;
    throw new UnreadableInputError(message, { file }, 'use the workset version that wrote them, or replay again into a new directory');
  }
  return info;
}

/** Writes rows, ordered by the table's key, as DIR/<table>/<part>.parquet, replacing a part of that name. No rows give no file. */
export async function writeTablePart(dir: string, table: TableId, part: string, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return rmSync(partPath(dir, table, part), { force: true });
  publishParts([await writePart(dir, table, part, rows)]);
}

/** The same, but for `publishParts` of the path returned, which gives it its name. */
export async function writePart(dir: string, table: TableId, part: string, rows: readonly Row[]): Promise<string> {
  const spec: TableSpec = TABLES[table];
  const path = partPath(dir, table, part);
  const columns = spec.columns.map(({ name }) => rows.map((row) => cellOf(spec, name, row)));
  await writeParquet(`${path}.part`, spec, columns);
  return path;
}

function cellOf(spec: TableSpec, name: string, row: Row): Row[string] {
  const cell = row[name];
  if (cell === undefined) throw new RunError(`a row for table ${spec.id} has no column ${name}`);
  return cell;
}

/** Run ids in `dir` whose part of `runs` is there and says they did not fail. */
export async function finishedRuns(dir: string): Promise<Set<string>> {
  const folder = join(dir, 'runs');
  const files = partNames(folder).map((name) => join(folder, name));
  if (files.length === 0) return new Set();
  const { queryTexts, pathLiteral } = await import('./duckdb.ts');
  try {
    return new Set(await queryTexts(`SELECT run_id FROM read_parquet([${files.map(pathLiteral).join(', ')}]) WHERE status <> 'failed'`));
  } catch (cause) {
    throw new TraceFormatError(
      `a file in ${folder} is damaged: ${String(cause)}`,
      { file: folder },
      'remove it; its run is then done again',
      cause,
    );
  }
}

/** Names of the whole parts in a table's folder, sorted; none when the folder does not exist. */
export function partNames(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.parquet'))
    .sort();
}

/** Path of a part, with its folder made. */
export function partPath(dir: string, table: TableId, part: string): string {
  if (!/^[\w.-]+$/.test(part)) throw new RunError(`"${part}" cannot name a part file`);
  const folder = join(dir, table);
  makeDirectory(folder);
  return join(folder, `${part}.parquet`);
}

/** Gives each `<path>.part`, which is on the disk, its name. */
export function publishParts(paths: readonly string[]): void {
  for (const path of paths) renameSync(`${path}.part`, path);
}

function publish(path: string, write: (part: string) => void): void {
  write(`${path}.part`);
  syncPath(`${path}.part`);
  renameSync(`${path}.part`, path);
}
