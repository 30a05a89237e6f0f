/** Rows of `scores` to one Parquet file, columns as in model/tables.ts. */
import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import { TABLES } from '@workset/model';
import type { ColumnSpec, Scope, Target } from '@workset/model';
import { ident, literal } from '../results/sql-text.ts';
import type { ScoreFigures } from './score-row.ts';

export interface ScoreRow extends ScoreFigures {
  readonly run_id: string;
  readonly w: number;
  readonly scope: Scope;
  readonly target: Target;
}

const COLUMNS: readonly ColumnSpec[] = TABLES.scores.columns;

/** Writes `rows` to `file`, replacing it. */
export async function writeScores(connection: DuckDBConnection, file: string, rows: readonly ScoreRow[]): Promise<void> {
  const fields = COLUMNS.map((c) => `${ident(c.name)} ${c.type}`).join(', ');
  await connection.run(`CREATE OR REPLACE TEMP TABLE new_scores (${fields})`);
  const appender = await connection.createAppender('new_scores');
  for (const row of rows) {
    for (const column of COLUMNS) append(appender, column, row[column.name as keyof ScoreRow]);
    appender.endRow();
  }
  appender.closeSync();
  await connection.run(`COPY new_scores TO ${literal(file)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, USE_TMP_FILE false)`);
  await connection.run('DROP TABLE new_scores');
}

function append(appender: DuckDBAppender, column: ColumnSpec, value: string | number | null): void {
  if (value === null) appender.appendNull();
  else if (typeof value === 'string') appender.appendVarchar(value);
  else if (column.type === 'BIGINT') appender.appendBigInt(BigInt(value));
  else appender.appendDouble(value);
}
