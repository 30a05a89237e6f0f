/** The results directory as SQL: one view per table with typed columns and comments, then macros and views. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { TABLES } from '@workset/model';
import type { ColumnSpec, TableSpec } from '@workset/model';
import { LATE_MACROS, MACROS } from '../views/macros.ts';
import { VIEWS } from '../views/registry.ts';
import type { MacroSpec } from '../views/macros.ts';
import type { ViewSpec } from '../views/view.ts';
import { globEscape, ident, literal } from './sql-text.ts';

/** Creates everything `workset sql` offers over `dir`, in the memory of this connection's database. */
export async function createCatalog(connection: DuckDBConnection, dir: string): Promise<void> {
  for (const table of Object.values(TABLES)) await createTable(connection, dir, table);
  for (const macro of MACROS) await createMacro(connection, macro);
  for (const view of VIEWS.all) await createView(connection, view);
  for (const macro of LATE_MACROS) await createMacro(connection, macro);
}

/** Text of the comment on a column: its unit in front, so that it shows first. */
export function columnComment(column: Pick<ColumnSpec, 'unit' | 'comment'>): string {
  return column.unit === '' ? column.comment : `[${column.unit}] ${column.comment}`;
}

async function createMacro(connection: DuckDBConnection, macro: MacroSpec): Promise<void> {
  const table = macro.table === true ? 'TABLE ' : '';
  await connection.run(`CREATE OR REPLACE MACRO ${macro.signature} AS ${table}${macro.body}`);
  await connection.run(`COMMENT ON MACRO ${table}${ident(macro.id)} IS ${literal(macro.comment)}`);
}

async function createTable(connection: DuckDBConnection, dir: string, table: TableSpec): Promise<void> {
  await connection.run(`CREATE OR REPLACE VIEW ${ident(table.id)} AS ${tableSelect(dir, table)}`);
  await connection.run(`COMMENT ON VIEW ${ident(table.id)} IS ${literal(table.comment)}`);
  await commentColumns(connection, table.id, table.columns);
}

/** SELECT over the parts of a table, or an empty one with the same columns. */
export function tableSelect(dir: string, table: TableSpec): string {
  const folder = join(dir, table.id);
  if (!existsSync(folder) || !readdirSync(folder).some((name) => name.endsWith('.parquet'))) {
    return `SELECT ${table.columns.map((c) => `NULL::${c.type} AS ${ident(c.name)}`).join(', ')} WHERE false`;
  }
  const columns = table.columns.map((c) => `${ident(c.name)}::${c.type} AS ${ident(c.name)}`).join(', ');
  return `SELECT ${columns} FROM read_parquet(${literal(`${globEscape(folder)}/*.parquet`)}, hive_partitioning = false)`;
}

async function createView(connection: DuckDBConnection, view: ViewSpec): Promise<void> {
  const { id, comment, sql } = view.descriptor;
  await connection.run(`CREATE OR REPLACE VIEW ${ident(id)} AS ${sql}`);
  await connection.run(`COMMENT ON VIEW ${ident(id)} IS ${literal(comment)}`);
  await commentColumns(connection, id, view.descriptor.columns);
}

async function commentColumns(connection: DuckDBConnection, view: string, columns: readonly Pick<ColumnSpec, 'name' | 'unit' | 'comment'>[]): Promise<void> {
  for (const column of columns) {
    await connection.run(`COMMENT ON COLUMN ${ident(view)}.${ident(column.name)} IS ${literal(columnComment(column))}`);
  }
}
