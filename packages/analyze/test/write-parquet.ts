/** Rows as a Parquet file through a DuckDB appender, without any code of the package under test. */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBAppender } from '@duckdb/node-api';
import type { ColumnSpec, Row } from '@workset/model';

export async function writeParquet(columns: readonly ColumnSpec[], rows: readonly Row[], file: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run(`CREATE TABLE t (${columns.map((c) => `"${c.name}" ${c.type}`).join(', ')})`);
  const appender = await connection.createAppender('t');
  for (const row of rows) {
    for (const { name, type } of columns) append(appender, type, row[name] ?? null);
    appender.endRow();
  }
  appender.closeSync();
  await connection.run(`COPY t TO '${file.replaceAll("'", "''")}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
}

function append(appender: DuckDBAppender, type: string, value: Row[string]): void {
  if (value === null) appender.appendNull();
  else if (value instanceof Uint8Array) appender.appendBlob(value);
  else if (typeof value === 'boolean') appender.appendBoolean(value);
  else if (type === 'BIGINT') appender.appendBigInt(BigInt(value));
  else if (type === 'DOUBLE') appender.appendDouble(Number(value));
  else appender.appendVarchar(String(value));
}
