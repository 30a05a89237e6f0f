/**
 * Thousands of small parts are slow to open, so those of a large results directory are kept a second time, packed into one Parquet file per
 * table under `DIR/packed/`. A pack is only a cache: it names the parts it was made from with their times and sizes, and a part that is
 * new, changed or gone since is read (or left out) by itself. Deleting the folder loses nothing.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TABLES } from '@workset/model';
import type { TableSpec } from '@workset/model';
import { globEscape, ident, literal } from './sql-text.ts';

/** Tables with a part per run, small enough to keep twice. */
const PACKED = ['runs', 'windows', 'costs', 'scores'] as const;
type PackedTable = (typeof PACKED)[number];

/** From this many parts on a table is packed; again when this many are not in the pack. */
const PACK_PARTS = 256;
/** What a pack may hold, bytes of its parts. */
const PACK_BYTES = 2 ** 30;
/** Times of folders are exact to some ms: one that changed this shortly before it was packed may have changed again within the same tick. */
const SETTLED_MS = 2000;
const VERSION = 1;

interface PackedParts {
  /** Name of the pack. */
  readonly file: string;
  /** When the folder had changed last, and when it was packed. */
  readonly folderMs: number;
  readonly packedMs: number;
  /** Name, time of change and size of each part. */
  readonly parts: readonly (readonly [name: string, mtimeMs: number, size: number])[];
}
interface PackIndex {
  readonly version: number;
  readonly tables: Readonly<Partial<Record<PackedTable, PackedParts>>>;
}

/** How to read a table: its pack but for some runs, and parts by name. */
export interface TableSource {
  /** Path of the pack. */
  readonly pack: string | undefined;
  /** Runs whose rows in the pack are out of date. */
  readonly staleRuns: readonly string[];
  /** Paths of the parts that are not in it. */
  readonly rest: readonly string[];
  /** Names of the parts that are. */
  readonly packed: ReadonlySet<string>;
}

/** Undefined when the table has no pack that can be used. */
export function packedSource(dir: string, table: string): TableSource | undefined {
  const entry = readIndex(dir).tables[table as PackedTable];
  return entry === undefined ? undefined : sourceOf(dir, table, entry);
}

function sourceOf(dir: string, table: string, { file, folderMs, packedMs, parts }: PackedParts): TableSource | undefined {
  const folder = join(dir, table);
  const pack = join(dir, 'packed', file);
  const now = statSync(folder, { throwIfNoEntry: false });
  if (now === undefined || statSync(pack, { throwIfNoEntry: false }) === undefined) return undefined;
  if (now.mtimeMs === folderMs && packedMs - folderMs > SETTLED_MS)
    return { pack, staleRuns: [], rest: [], packed: new Set(parts.map(([name]) => name)) };
  const same = parts.filter(([name, mtimeMs, size]) => {
    const part = statSync(join(folder, name), { throwIfNoEntry: false });
    return part !== undefined && part.mtimeMs === mtimeMs && part.size === size;
  });
  const packed = new Set(same.map(([name]) => name));
  const stale = new Set(parts.flatMap(([name]) => (packed.has(name) ? [] : [runOf(table, name)!])));
  // A run's parts are in the pack together or not at all.
  for (const name of packed) if (stale.has(runOf(table, name)!)) packed.delete(name);
  const rest = partNames(folder).filter((name) => !packed.has(name));
  return { pack, staleRuns: [...stale], rest: rest.map((name) => join(folder, name)), packed };
}

/** SELECT of the columns of a table from such a source. */
export function packedSelect(table: TableSpec, { pack, staleRuns, rest }: TableSource): string {
  const columns = table.columns.map((c) => `${ident(c.name)}::${c.type} AS ${ident(c.name)}`).join(', ');
  const select = (files: readonly string[]): string => `SELECT ${columns} FROM ${parquetFiles(files)}`;
  if (pack === undefined) return select(rest);
  if (staleRuns.length === 0) return select([pack, ...rest]);
  const live = `${select([pack])} WHERE run_id NOT IN (${staleRuns.map(literal).join(', ')})`;
  return rest.length === 0 ? live : `${live} UNION ALL ${select(rest)}`;
}

/**
 * Packs the tables of `dir` that have many parts outside a pack. `run` executes a statement in a DuckDB that may write there.
 * Does nothing where it may not write.
 * @param minParts parts outside a pack that make it worth while
 */
export async function packParts(dir: string, run: (sql: string) => Promise<unknown>, minParts = PACK_PARTS): Promise<void> {
  const index = readIndex(dir);
  const tables: Partial<Record<PackedTable, PackedParts>> = { ...index.tables };
  try {
    for (const table of PACKED) {
      const made = await packTable(dir, table, tables[table], minParts, run);
      if (made !== undefined) tables[table] = made;
    }
    if (PACKED.every((table) => tables[table] === index.tables[table])) return;
    writeIndex(dir, { version: VERSION, tables });
    removeOthers(dir, [index, { version: VERSION, tables }]);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** True when packParts would do something. */
export function needsPacking(dir: string): boolean {
  const { tables } = readIndex(dir);
  return PACKED.some((table) => partsToPack(dir, table, tables[table], PACK_PARTS) !== undefined);
}

function partsToPack(dir: string, table: PackedTable, old: PackedParts | undefined, minParts: number): TableSource | undefined {
  const folder = join(dir, table);
  const names = partNames(folder);
  const all = names.map((name) => join(folder, name));
  const source = (old && sourceOf(dir, table, old)) ?? { pack: undefined, staleRuns: [], rest: all, packed: new Set<string>() };
  return source.rest.length >= minParts && names.every((name) => runOf(table, name) !== undefined) ? source : undefined;
}

async function packTable(
  dir: string,
  table: PackedTable,
  old: PackedParts | undefined,
  minParts: number,
  run: (sql: string) => Promise<unknown>,
): Promise<PackedParts | undefined> {
  const source = partsToPack(dir, table, old, minParts);
  if (source === undefined) return undefined;
  const folder = join(dir, table);
  const packedMs = Date.now();
  const folderMs = statSync(folder).mtimeMs;
  const stats = partNames(folder).map((name) => ({ name, stat: statSync(join(folder, name)) }));
  if (stats.reduce((sum, { stat }) => sum + stat.size, 0) > PACK_BYTES) return undefined;
  mkdirSync(join(dir, 'packed'), { recursive: true });
  const file = `${table}-${packedMs.toString(36)}.parquet`;
  const path = join(dir, 'packed', file);
  const order = TABLES[table].key.map(ident).join(', ');
  await run(
    `COPY (SELECT * FROM (${packedSelect(TABLES[table], source)}) ORDER BY ${order}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE true)`,
  );
  return { file, folderMs, packedMs, parts: stats.map(({ name, stat }) => [name, stat.mtimeMs, stat.size] as const) };
}

function readIndex(dir: string): PackIndex {
  try {
    const index = JSON.parse(readFileSync(join(dir, 'packed', 'parts.json'), 'utf8')) as PackIndex;
    if (index.version === VERSION) return index;
  } catch {
    // none, or not readable: the parts are all there is
  }
  return { version: VERSION, tables: {} };
}

function writeIndex(dir: string, index: PackIndex): void {
  const path = join(dir, 'packed', 'parts.json');
  writeFileSync(`${path}.part`, JSON.stringify(index));
  renameSync(`${path}.part`, path);
}

/** Packs of the index before stay: a reader may have them open. */
function removeOthers(dir: string, indexes: readonly PackIndex[]): void {
  const used = new Set(indexes.flatMap(({ tables }) => Object.values(tables).map(({ file }) => file)));
  for (const name of readdirSync(join(dir, 'packed')))
    if (name.endsWith('.parquet') && !used.has(name)) rmSync(join(dir, 'packed', name), { force: true });
}

/** `<run id>-000.parquet`, or `<run id>.parquet` of scores. */
function runOf(table: string, name: string): string | undefined {
  return (table === 'scores' ? /^(.+)\.parquet$/ : /^(.+)-\d{3,}\.parquet$/).exec(name)?.[1];
}

function partNames(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.parquet'))
    .sort();
}

function parquetFiles(files: readonly string[]): string {
  return `read_parquet([${files.map((file) => literal(globEscape(file))).join(', ')}], hive_partitioning = false)`;
}
