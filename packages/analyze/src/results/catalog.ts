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
import { packedSelect, packedSource } from './packed.ts';
import { globEscape, ident, literal } from './sql-text.ts';

/** Creates everything `workset sql` offers over `dir`, in the memory of this connection's database. */
export async function createCatalog(connection: DuckDBConnection, dir: string): Promise<void> {
  for (const statement of catalogSql(dir)) await connection.run(statement);
}

/**
 * The statements, in order. Views and macros use only those before them. DuckDB binds a view with all it stands on, so they are made over
 * empty tables, which are then replaced: else every one of them would list the parts of every table again.
 */
export function catalogSql(dir: string): string[] {
  const tables = Object.values(TABLES);
  return [
    ...tables.map((table) => `CREATE VIEW ${ident(table.id)} AS ${emptySelect(table)}`),
    ...MACROS.flatMap(macroSql),
    ...VIEWS.all.flatMap(viewSql),
    ...LATE_MACROS.flatMap(macroSql),
    ...tables.flatMap((table) => tableSql(dir, table)),
  ];
}

/** Text of the comment on a column: its unit in front, so that it shows first. */
export function columnComment(column: Pick<ColumnSpec, 'unit' | 'comment'>): string {
  return column.unit === '' ? column.comment : `[${column.unit}] ${column.comment}`;
}

function macroSql(macro: MacroSpec): string[] {
  const table = macro.table === true ? 'TABLE ' : '';
  return [
    `CREATE MACRO ${macro.signature} AS ${table}${macro.body}`,
    `COMMENT ON MACRO ${table}${ident(macro.id)} IS ${literal(macro.comment)}`,
  ];
}

/** A table over its parts, replacing what was there. */
export function tableSql(dir: string, table: TableSpec): string[] {
  return [
    `CREATE OR REPLACE VIEW ${ident(table.id)} AS ${tableSelect(dir, table)}`,
    ...commentsSql(table.id, table.comment, table.columns),
  ];
}

/** SELECT over the parts of a table, or an empty one with the same columns. */
export function tableSelect(dir: string, table: TableSpec): string {
  const folder = join(dir, table.id);
  if (!existsSync(folder) || !readdirSync(folder).some((name) => name.endsWith('.parquet'))) return emptySelect(table);
  const packed = packedSource(dir, table.id);
  if (packed !== undefined) return packedSelect(table, packed);
  const columns = table.columns.map((c) => `${ident(c.name)}::${c.type} AS ${ident(c.name)}`).join(', ');
  return `SELECT ${columns} FROM read_parquet(${literal(`${globEscape(folder)}/*.parquet`)}, hive_partitioning = false)`;
}

/** SELECT of rows that are nowhere on disk: text, numbers and NULL. */
export function valuesSelect(table: TableSpec, rows: readonly Readonly<Record<string, string | number | null>>[]): string {
  if (rows.length === 0) return emptySelect(table);
  const cell = (value: string | number | null): string => (typeof value === 'string' ? literal(value) : String(value ?? 'NULL'));
  const values = rows.map((row) => `(${table.columns.map(({ name }) => cell(row[name]!)).join(', ')})`);
  const columns = table.columns.map(({ name, type }) => `${ident(name)}::${type} AS ${ident(name)}`);
  return `SELECT ${columns.join(', ')} FROM (VALUES ${values.join(', ')}) v(${table.columns.map(({ name }) => ident(name)).join(', ')})`;
}

function emptySelect(table: TableSpec): string {
  return `SELECT ${table.columns.map((c) => `NULL::${c.type} AS ${ident(c.name)}`).join(', ')} WHERE false`;
}

function viewSql({ descriptor: { id, comment, columns, sql } }: ViewSpec): string[] {
  return [`CREATE VIEW ${ident(id)} AS ${sql}`, ...commentsSql(id, comment, columns)];
}

function commentsSql(view: string, comment: string, columns: readonly Pick<ColumnSpec, 'name' | 'unit' | 'comment'>[]): string[] {
  return [
    `COMMENT ON VIEW ${ident(view)} IS ${literal(comment)}`,
    ...columns.map((column) => `COMMENT ON COLUMN ${ident(view)}.${ident(column.name)} IS ${literal(columnComment(column))}`),
  ];
}
