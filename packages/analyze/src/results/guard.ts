/** Which statements a user may run: questions only. */
import { StatementType } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { UsageError } from '@workset/model';
import { messageOf } from './sql-text.ts';

const HINT = 'results are read-only: use SELECT, FROM, WITH, PIVOT, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN';

/** Splits SQL into statements and refuses anything that is not a question. Returns how many there are. Throws UsageError. */
export async function checkReadOnly(connection: DuckDBConnection, sql: string): Promise<number> {
  const statements = await attempt(() => connection.extractStatements(sql));
  if (statements.count === 0) throw new UsageError('no SQL statement given', HINT);
  if (isPivot(sql)) return statements.count; // DuckDB expands it to CREATE TYPE (in memory) and SELECT
  for (let i = 0; i < statements.count; i++) {
    const prepared = await attempt(() => statements.prepare(i));
    const type = prepared.statementType;
    prepared.destroySync();
    if (type === StatementType.EXPLAIN) await checkExplained(connection, sql, statements.count);
    else if (type !== StatementType.SELECT) throw new UsageError(`not a question: ${StatementType[type]} statement`, HINT);
  }
  return statements.count;
}

/** EXPLAIN ANALYZE runs what it explains, so that must be a question too. */
async function checkExplained(connection: DuckDBConnection, sql: string, count: number): Promise<void> {
  // EXPLAIN [ANALYZE | (options)] statement
  const match = /^\s*EXPLAIN\b\s*(?:ANALYZE\b|\([^)]*\))?\s*/i.exec(stripComments(sql));
  if (match === null || count !== 1) throw new UsageError('EXPLAIN must be the only statement', HINT);
  await checkReadOnly(connection, stripComments(sql).slice(match[0].length));
}

function isPivot(sql: string): boolean {
  const text = stripComments(sql);
  return /^\s*PIVOT\b/i.test(text) && !/;\s*\S/.test(text);
}

/** Comments before the first word. */
function stripComments(sql: string): string {
  return sql.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '');
}

/** Runs a DuckDB call and turns its failure into a UsageError. */
export async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw sqlError(error);
  }
}

export function sqlError(error: unknown): UsageError {
  const message = messageOf(error).replace(/^Failed to extract statements: /, '');
  return new UsageError(`SQL: ${message}`, 'workset sql DIR --schema lists the tables, views, columns and macros');
}
