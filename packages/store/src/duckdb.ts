/** The only file that loads DuckDB (import it lazily: 190 ms): column buffers → sorted Parquet files, and small queries over them. */
import assert from 'node:assert/strict';
import { BIGINT, BLOB, blobValue, BOOLEAN, DOUBLE, DuckDBDataChunk, DuckDBInstance, INTEGER, UBIGINT, VARCHAR } from '@duckdb/node-api';
import type { DuckDBConnection, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import type { ColumnSpec, Row, SqlType, TableSpec } from '@workset/model';

/** A value of a results table as `Row` holds it. */
export type Cell = Row[string];
/** Column-major cells, in the order of the table's columns. */
export type CellColumns = readonly (readonly Cell[])[];

const CHUNK_ROWS = 2048;
const TYPES: Readonly<Record<SqlType, DuckDBType>> = { VARCHAR, BIGINT, UBIGINT, INTEGER, DOUBLE, BOOLEAN, BLOB };

let instance: Promise<DuckDBInstance> | undefined;

/** One thread and one in-memory database per process: the same rows then give the same bytes. */
async function connect(): Promise<DuckDBConnection> {
  instance ??= DuckDBInstance.create(':memory:', { threads: '1' });
  return (await instance).connect();
}

/** Writes rows, ordered by the table's key, to a Parquet file at `path`. */
export async function writeParquet(path: string, table: TableSpec, columns: CellColumns): Promise<void> {
  const connection = await connect();
  try {
    const definition = table.columns.map(
      (column) => `${identifier(column.name)} ${column.type}${column.nullable === true ? '' : ' NOT NULL'}`,
    );
    await connection.run(`CREATE TEMP TABLE part (${definition.join(', ')})`);
    await appendColumns(connection, table, columns);
    const order = table.key.map(identifier).join(', ');
    await connection.run(
      `COPY (SELECT * FROM part ORDER BY ${order}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)`,
    );
  } finally {
    connection.closeSync();
  }
}

/** The first column of a query's rows, as text. */
export async function queryTexts(sql: string): Promise<string[]> {
  const connection = await connect();
  try {
    return (await (await connection.run(sql)).getRows()).map(([text]) => String(text));
  } finally {
    connection.closeSync();
  }
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
/** A path for `read_parquet` that stands for itself: glob characters are taken literally. */
export function pathLiteral(path: string): string {
  return literal(path.replaceAll(/[[*?]/g, '[$&]'));
}

async function appendColumns(connection: DuckDBConnection, table: TableSpec, columns: CellColumns): Promise<void> {
  const appender = await connection.createAppender('part', null, 'temp');
  const types = table.columns.map((column) => TYPES[column.type]);
  const converters = table.columns.map(converterOf);
  const rows = columns[0]?.length ?? 0;
  for (let from = 0; from < rows; from += CHUNK_ROWS) {
    const to = Math.min(rows, from + CHUNK_ROWS);
    const chunk = DuckDBDataChunk.create(types, to - from);
    chunk.setColumns(converters.map((convert, i) => columns[i]!.slice(from, to).map(convert)));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

/** Times are rounded to whole ns; any other integer column that gets a fraction is a bug of the caller. */
function converterOf({ name, type, unit }: ColumnSpec): (cell: Cell) => DuckDBValue {
  if (type === 'BLOB') return (cell) => (cell === null ? null : blobValue(cell as Uint8Array));
  if (type !== 'BIGINT' && type !== 'UBIGINT') return (cell) => cell as DuckDBValue;
  return (cell) => {
    if (cell === null) return null;
    const value = unit === 'ns' ? Math.round(cell as number) : (cell as number);
    assert(Number.isSafeInteger(value), `column ${name} takes integers, not ${String(cell)}`);
    return BigInt(value);
  };
}
