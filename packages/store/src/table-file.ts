/** Tables for other programs: Arrow files that grow batch by batch, and Parquet out of CSV. Both libraries are loaded when called. */
import type { ArrowFileWriter, ColumnTypes } from './arrow.ts';
import type { ArrowContainer, ArrowRows, RowField } from './arrow-rows.ts';

/** An Arrow file at `path`, which must not exist; close() forces it to disk. `metadata` goes into its schema. */
export async function createArrowFile(
  path: string,
  types: ColumnTypes,
  metadata: Readonly<Record<string, string>>,
): Promise<ArrowFileWriter> {
  const { ArrowFileWriter: Writer } = await import('./arrow.ts');
  return new Writer(path, types, metadata, false);
}

/** Arrow IPC as bytes, for columns with NULLs and of more types than `createArrowFile` has. */
export async function createArrowRows(fields: readonly RowField[], container: ArrowContainer): Promise<ArrowRows> {
  const { ArrowRows: Writer } = await import('./arrow-rows.ts');
  return new Writer(fields, container);
}

/** Column name → SQL type. */
export type SqlColumns = Readonly<Record<string, string>>;

/**
 * Writes the CSV file `csv` (with a header line) as Parquet, row by row in bounded memory.
 * Empty cells are NULL. `metadata` becomes the file's key-value metadata. Returns the rows.
 */
export async function csvToParquet(
  csv: string,
  parquet: string,
  columns: SqlColumns,
  metadata: Readonly<Record<string, string>>,
): Promise<number> {
  const [{ DuckDBInstance }, { literal, pathLiteral }] = await Promise.all([import('@duckdb/node-api'), import('./duckdb.ts')]);
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  try {
    const types = Object.entries(columns).map(([name, type]) => `${literal(name)}: ${literal(type)}`);
    const pairs = Object.entries(metadata).map(([key, value]) => `${literal(key)}: ${literal(value)}`);
    const options = [
      'FORMAT parquet',
      'COMPRESSION zstd',
      'PARQUET_VERSION v2',
      ...(pairs.length > 0 ? [`KV_METADATA {${pairs.join(', ')}}`] : []),
    ];
    const source = `read_csv(${pathLiteral(csv)}, header = true, delim = ',', quote = '"', columns = {${types.join(', ')}}, auto_detect = false)`;
    const result = await connection.run(`COPY (SELECT * FROM ${source}) TO ${literal(parquet)} (${options.join(', ')})`);
    return Number(result.rowsChanged);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
