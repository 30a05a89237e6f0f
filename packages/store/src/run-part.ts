/** One run's rows: buffered as columns, written to `.part` files, given their names at close, `runs` last. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TABLES } from '@workset/model';
import type { PageBitmap, Row, Scope, TableSpec } from '@workset/model';
import { allDone } from './files.ts';
import { BulkEncoder, type BulkColumn, type BulkRows } from './bulk-rows.ts';
import { PageSetBuffer, type PackedSet } from './page-set-buffer.ts';
import { ParquetFile, writeParquet } from './parquet/file.ts';
import { compressNow, type Cell } from './parquet/pages.ts';
import { partPath, publishParts, writePart } from './results-dir.ts';
import type { EvictionTable, RunPart, RunPartOptions, SetKind, WindowRow } from './types.ts';

const DEFAULT_FLUSH_BYTES = 64 << 20;
const TABLES_OF_A_RUN = ['windows', 'regions', 'costs', 'evictions', 'refaults', 'eviction_runs'] as const;
type RunTable = (typeof TABLES_OF_A_RUN)[number];
const PAGE_SETS = 'page_sets';

/** Starts writing a run; what an earlier try of the same run left is removed. */
export async function createRunPart(options: RunPartOptions): Promise<RunPart> {
  removeRun(options.dir, options.runId);
  return new BufferedRunPart(options);
}

/** `runs` goes first: without it the rest counts for nothing. */
function removeRun(dir: string, runId: string): void {
  for (const table of ['runs', ...TABLES_OF_A_RUN, PAGE_SETS, 'scores'] as const) {
    const folder = join(dir, table);
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) continue;
    const rest = table === 'scores' ? /^\.parquet$/ : /^-\d{3,}\.parquet(\.part)?$/;
    for (const name of readdirSync(folder)) {
      if (name.startsWith(runId) && rest.test(name.slice(runId.length))) rmSync(join(folder, name));
    }
  }
}

class BufferedRunPart implements RunPart {
  readonly #options: RunPartOptions;
  readonly #buffers: Readonly<Record<RunTable, TableBuffer>>;
  readonly #bulk = new Map<EvictionTable, BulkTable>();
  readonly #sets: PageSetBuffer;
  /** Paths of flushed parts, still called `.part`. */
  readonly #flushed: string[] = [];
  #bytes = 0;

  constructor(options: RunPartOptions) {
    this.#options = options;
    const path = (): string => this.#nextPart(PAGE_SETS, 0);
    this.#sets = new PageSetBuffer(options.runId, options.blocks, options.compress ?? compressNow, path, options.packed);
    this.#buffers = {
      windows: new TableBuffer(TABLES.windows),
      regions: new TableBuffer(TABLES.regions),
      costs: new TableBuffer(TABLES.costs),
      evictions: new TableBuffer(TABLES.evictions),
      refaults: new TableBuffer(TABLES.refaults),
      eviction_runs: new TableBuffer(TABLES.eviction_runs),
    };
  }

  window(row: WindowRow): void {
    const { w, claimT0Ns, claimT1Ns, outerT0Ns, outerT1Ns, reportNs, span, warmup, scored, nPages } = row;
    this.#push('windows', [this.#options.runId, w, claimT0Ns, claimT1Ns, outerT0Ns, outerT1Ns, reportNs, span, warmup, scored, nPages]);
  }
  pageSet(w: number, kind: SetKind, scope: Scope | '', set: PageBitmap): void {
    this.#sets.add(w, kind, scope, this.#sets.pack(set));
  }
  pack(set: PageBitmap): PackedSet {
    return this.#sets.pack(set);
  }
  packedSet(w: number, kind: SetKind, scope: Scope | '', set: PackedSet): void {
    this.#sets.add(w, kind, scope, set);
  }
  region(w: number, startPage: number, nPages: number, score: number, ageNs: number | null): void {
    this.#push('regions', [this.#options.runId, w, startPage, nPages, score, ageNs]);
  }
  cost(w: number, op: string, count: number, vcpuNs: number, trackerNs: number): void {
    this.#push('costs', [this.#options.runId, w, op, count, vcpuNs, trackerNs]);
  }
  row(table: EvictionTable, row: Row): void {
    const cells = TABLES[table].columns.map(({ name }) => (name === 'run_id' ? this.#options.runId : row[name]));
    const missing = cells.findIndex((cell) => cell === undefined);
    if (missing >= 0) throw new Error(`${table} row without ${TABLES[table].columns[missing]!.name}`);
    this.#push(table, cells as Cell[]);
  }
  columns(table: EvictionTable, rows: number, columns: Readonly<Record<string, BulkColumn>>): void {
    let bulk = this.#bulk.get(table);
    if (bulk === undefined) this.#bulk.set(table, (bulk = { encoder: new BulkEncoder(TABLES[table]), groups: [] }));
    const group = bulk.encoder.encode(rows, { ...columns, run_id: this.#options.runId });
    bulk.groups.push(group);
    this.#bytes += group.bytes;
  }

  drain(): Promise<void> | undefined {
    const { flushBytes = DEFAULT_FLUSH_BYTES } = this.#options;
    return this.#bytes >= flushBytes ? this.#flush() : this.#sets.room(flushBytes / 2);
  }

  async close(run: Row): Promise<void> {
    const sets = this.#sets.end();
    // Other runs that are closed with this one hand over their sets first: the disk is busy while this thread encodes small tables.
    await allDone([sets, Promise.resolve().then(() => this.#flush())]);
    const runs = await writePart(this.#options.dir, 'runs', `${this.#options.runId}-000`, [run]);
    // `runs` last: then all is there.
    publishParts([...this.#flushed, runs]);
  }

  async abort(): Promise<void> {
    await this.#sets.stop();
    removeRun(this.#options.dir, this.#options.runId);
  }

  #push(table: RunTable, cells: readonly Cell[]): void {
    this.#buffers[table].push(cells);
    this.#bytes += 16 * cells.length;
  }

  /** Writes what has come so far; no more may come until it is written. */
  async #flush(): Promise<void> {
    const files: Promise<void>[] = [];
    for (const table of TABLES_OF_A_RUN) {
      const buffer = this.#buffers[table];
      if (buffer.rows > 0) files.push(writeParquet(this.#nextPart(table, buffer.parts++), buffer.table, buffer.take()));
    }
    for (const [table, bulk] of this.#bulk) if (bulk.groups.length > 0) files.push(this.#writeBulk(table, bulk));
    this.#bytes = 0;
    await allDone(files);
  }

  #writeBulk(table: EvictionTable, bulk: BulkTable): Promise<void> {
    const file = new ParquetFile(TABLES[table]);
    for (const { rows, columns } of bulk.groups) file.rowGroup(rows, columns);
    bulk.groups = [];
    return file.write(this.#nextPart(table, this.#buffers[table].parts++));
  }

  /** Path to write the n-th part of a table to. */
  #nextPart(table: RunTable | typeof PAGE_SETS, n: number): string {
    const path = partPath(this.#options.dir, table, `${this.#options.runId}-${String(n).padStart(3, '0')}`);
    this.#flushed.push(path);
    return `${path}.part`;
  }
}

interface BulkTable {
  readonly encoder: BulkEncoder;
  groups: BulkRows[];
}

/** Rows of one table as growing columns. */
class TableBuffer {
  readonly table: TableSpec;
  parts = 0;
  #columns: Cell[][];

  constructor(table: TableSpec) {
    this.table = table;
    this.#columns = table.columns.map(() => []);
  }
  get rows(): number {
    return this.#columns[0]!.length;
  }
  push(cells: readonly Cell[]): void {
    for (let i = 0; i < cells.length; i++) this.#columns[i]!.push(cells[i]!);
  }
  take(): Cell[][] {
    const taken = this.#columns;
    this.#columns = this.table.columns.map(() => []);
    return taken;
  }
}
