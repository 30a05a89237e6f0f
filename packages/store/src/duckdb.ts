/** The only file that loads DuckDB (import it lazily: 190 ms): small queries over results. */
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';

let instance: Promise<DuckDBInstance> | undefined;

/** One thread and one in-memory database per process. */
async function connect(): Promise<DuckDBConnection> {
  instance ??= DuckDBInstance.create(':memory:', { threads: '1' });
  return (await instance).connect();
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
