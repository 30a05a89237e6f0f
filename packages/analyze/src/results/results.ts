/** A results directory, open for questions in SQL. */
import { existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { TABLES, UnreadableInputError, UsageError } from '@workset/model';
import type { ArrowContainer } from '@workset/store';
import { arrowBytes } from './arrow.ts';
import { asksForLatencies } from '../latency/asks.ts';
import { createCatalog, tableSql, valuesSelect } from './catalog.ts';
import { attempt, checkReadOnly, sqlError } from './guard.ts';
import { globEscape, ident, literal } from './sql-text.ts';
import { plain } from './values.ts';
import type { Value } from './values.ts';

export interface ResultsOptions {
  /** DuckDB size text, e.g. `4GB`. Default: DuckDB's own, 80% of the memory. */
  readonly memoryLimit?: string;
  readonly threads?: number;
  /** Files outside the directory that SQL may read and `copyTo` may write. */
  readonly allowFiles?: readonly string[];
}

export interface QueryColumn {
  readonly name: string;
  /** SQL type, e.g. BIGINT. */
  readonly type: string;
}
export type QueryRow = Readonly<Record<string, Value>>;
export interface QueryResult {
  readonly columns: readonly QueryColumn[];
  readonly rows: readonly QueryRow[];
  /** True when `limit` cut rows off. */
  readonly truncated: boolean;
}
/** Columns at once, rows as they come. */
export interface QueryStream {
  readonly columns: readonly QueryColumn[];
  readonly rows: AsyncIterable<readonly QueryRow[]>;
}
export type BindValue = string | number | boolean | null;

export class Results {
  readonly dir: string;
  #instance: DuckDBInstance;
  #connection: DuckDBConnection;
  #allowFiles: readonly string[];
  /** The table latencies, once it was asked for. */
  #latencies: Promise<void> | undefined;

  private constructor(dir: string, instance: DuckDBInstance, connection: DuckDBConnection, allowFiles: readonly string[]) {
    this.dir = dir;
    this.#instance = instance;
    this.#connection = connection;
    this.#allowFiles = allowFiles;
  }

  /** Opens `dir` (it may lack any table). Parts added later are seen when the table had one before, but in a directory so large that it is packed. Throws UnreadableInputError. */
  static async open(dir: string, options: ResultsOptions = {}): Promise<Results> {
    if (!existsSync(dir) || !statSync(dir).isDirectory()) {
      throw new UnreadableInputError(`no results directory: ${dir}`, { file: dir }, 'workset replay TRACE -o DIR makes one');
    }
    const root = resolve(dir);
    const allowFiles = (options.allowFiles ?? []).map((file) => resolve(file));
    const instance = await DuckDBInstance.create(':memory:', {
      temp_directory: join(tmpdir(), `workset-${process.pid}`),
      autoinstall_known_extensions: 'false',
      ...(options.memoryLimit === undefined ? {} : { memory_limit: options.memoryLimit }),
      ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
    });
    try {
      const connection = await instance.connect();
      await createCatalog(connection, root);
      await lockDown(connection, root, allowFiles);
      return new Results(root, instance, connection, allowFiles);
    } catch (error) {
      instance.closeSync();
      throw openError(root, error);
    }
  }

  /**
   * Runs one or more read-only statements and returns the rows of the last.
   * @param options.limit rows to return at most
   * @param options.bind values of `$name` parameters
   * Throws UsageError with DuckDB's message.
   */
  async query(sql: string, options: { limit?: number; bind?: Readonly<Record<string, BindValue>> } = {}): Promise<QueryResult> {
    const { columns, rows } = await this.stream(sql, options.bind);
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const all: QueryRow[] = [];
    for await (const batch of rows) {
      for (const row of batch) {
        if (all.length >= limit) return { columns, rows: all, truncated: true };
        all.push(row);
      }
    }
    return { columns, rows: all, truncated: false };
  }

  /** Like `query`, rows in batches as DuckDB makes them. Stop iterating to abandon the rest. */
  async stream(sql: string, bind?: Readonly<Record<string, BindValue>>): Promise<QueryStream> {
    const count = await this.#check(sql);
    const result = await attempt(() => this.#runStatements(sql, count, bind ?? {}));
    const names = result.deduplicatedColumnNames();
    const columns = names.map((name, i) => ({ name, type: String(result.columnType(i)) }));
    return { columns, rows: batches(result, names) };
  }

  /** How many statements; what they read and only queries need is computed now. */
  async #check(sql: string): Promise<number> {
    const count = await checkReadOnly(this.#connection, sql);
    if (asksForLatencies(sql)) await (this.#latencies ??= this.#bringLatencies());
    return count;
  }

  async #bringLatencies(): Promise<void> {
    try {
      const { storeLatencies } = await import('../latency/store-latencies.ts');
      const rows = await storeLatencies(this);
      const table = TABLES.latencies;
      const statements =
        rows === undefined ? tableSql(this.dir, table) : [`CREATE OR REPLACE VIEW latencies AS ${valuesSelect(table, rows)}`];
      for (const statement of statements) await this.#connection.run(statement);
    } catch (error) {
      this.#latencies = undefined;
      throw error;
    }
  }

  async #runStatements(sql: string, count: number, bind: Readonly<Record<string, BindValue>>): Promise<DuckDBResult> {
    const statements = await this.#connection.extractStatements(sql);
    for (let i = 0; i < count - 1; i++) {
      const earlier = await statements.prepare(i);
      await earlier.run();
      earlier.destroySync();
    }
    const last = await statements.prepare(count - 1);
    last.bind({ ...bind });
    return last.stream();
  }

  /** Like `query`, as the bytes of an Arrow IPC file or stream. Throws UsageError, also for numbers of more than 38 digits. */
  async arrow(sql: string, container: ArrowContainer): Promise<AsyncIterable<Uint8Array>> {
    const count = await this.#check(sql);
    const result = await attempt(() => this.#runStatements(sql, count, {}));
    return arrowBytes(result, container);
  }

  /** Writes the rows of one question to a Parquet file named in `allowFiles`; HUGEINT, which Parquet lacks, as DECIMAL(38, 0). Throws UsageError. */
  async copyTo(sql: string, file: string): Promise<void> {
    const path = resolve(file);
    if (!this.#allowFiles.includes(path)) throw new UsageError(`not opened for writing: ${file}`);
    const count = await this.#check(sql);
    if (count !== 1) throw new UsageError('one statement at a time can be written to a file');
    const question = await this.#withoutHugeint(sql.replace(/;\s*$/, ''));
    await attempt(() =>
      this.#connection.run(
        `COPY (${question}\n) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, USE_TMP_FILE false)`,
      ),
    );
  }

  /** DuckDB would round HUGEINT, the type of a sum, to a double. */
  async #withoutHugeint(question: string): Promise<string> {
    const statement = await attempt(() => this.#connection.prepare(question));
    const types = Array.from({ length: statement.columnCount }, (_, i) => String(statement.columnType(i)));
    const names = types.map((_, i) => statement.columnName(i));
    statement.destroySync();
    if (!types.some((type) => type.includes('HUGEINT'))) return question;
    const columns = types.map((type, i) => {
      const exact = type.replaceAll('UHUGEINT', 'VARCHAR').replaceAll('HUGEINT', 'DECIMAL(38, 0)');
      return `${exact === type ? `c${i}` : `c${i}::${exact}`} AS ${ident(names[i]!)}`;
    });
    return `SELECT ${columns.join(', ')} FROM (${question}\n) q(${names.map((_, i) => `c${i}`).join(', ')})`;
  }

  /** Stops the running query; its promise rejects with a UsageError that says so. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** From here on: no file but the results and the allowed ones, and no way to change that. */
async function lockDown(connection: DuckDBConnection, root: string, allowFiles: readonly string[]): Promise<void> {
  await connection.run(`SET allowed_directories = [${literal(root)}, ${literal(globEscape(root))}]`);
  if (allowFiles.length > 0) await connection.run(`SET allowed_paths = [${allowFiles.map(literal).join(', ')}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

async function* batches(result: DuckDBResult, names: readonly string[]): AsyncGenerator<readonly QueryRow[]> {
  for (;;) {
    const chunk = await attempt(() => result.fetchChunk());
    if (chunk === null || chunk.rowCount === 0) return;
    yield rowsOf(chunk, names);
  }
}

/** Column by column: a summary of many runs is a million values. */
function rowsOf(chunk: DuckDBDataChunk, names: readonly string[]): QueryRow[] {
  const rows = Array.from({ length: chunk.rowCount }, (): Record<string, Value> => ({}));
  for (const [i, values] of chunk.getColumns().entries()) {
    const name = names[i]!;
    for (let row = 0; row < rows.length; row++) rows[row]![name] = plain(values[row]!);
  }
  return rows;
}

function openError(dir: string, error: unknown): Error {
  const { message } = sqlError(error);
  return new UnreadableInputError(
    `cannot read the results in ${dir}: ${message}`,
    { file: dir },
    'every file under DIR/<table>/ must be Parquet with the columns of that table',
    error,
  );
}
