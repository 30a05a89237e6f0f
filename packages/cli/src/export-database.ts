/** A results directory as one DuckDB file: tables, views, macros, and comments with their units. */
import { existsSync, readdirSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { columnComment, LATE_MACROS, MACROS, VIEWS } from '@workset/analyze';
import type { MacroSpec } from '@workset/analyze';
import { TABLES, throwIfAborted } from '@workset/model';
import type { TableSpec } from '@workset/model';

export interface ExportOptions {
  /** False leaves page_sets empty. */
  readonly sets: boolean;
  readonly signal: AbortSignal;
}

/** Writes `file`, whole or not at all, from the Parquet parts in `dir`. Returns the rows of each table. */
export async function exportDatabase(dir: string, file: string, options: ExportOptions): Promise<Record<string, number>> {
  const part = `${file}.part`;
  await rm(part, { force: true });
  try {
    const rows = await fill(dir, part, options);
    await syncFile(part);
    await rename(part, file);
    return rows;
  } catch (error) {
    await rm(part, { force: true });
    await rm(`${part}.wal`, { force: true });
    throw error;
  }
}

async function fill(dir: string, part: string, { sets, signal }: ExportOptions): Promise<Record<string, number>> {
  const instance = await DuckDBInstance.create(part);
  const connection = await instance.connect();
  try {
    const rows: Record<string, number> = {};
    for (const table of Object.values(TABLES)) {
      throwIfAborted(signal);
      rows[table.id] = await copyTable(connection, dir, table, sets || table.id !== 'page_sets');
    }
    for (const statement of [...MACROS.flatMap(macroStatements), ...viewStatements(), ...LATE_MACROS.flatMap(macroStatements)])
      await connection.run(statement);
    await connection.run('CHECKPOINT');
    return rows;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function copyTable(connection: DuckDBConnection, dir: string, table: TableSpec, filled: boolean): Promise<number> {
  const name = ident(table.id);
  await connection.run(`CREATE TABLE ${name} (${table.columns.map((column) => `${ident(column.name)} ${column.type}`).join(', ')})`);
  await connection.run(`COMMENT ON TABLE ${name} IS ${literal(table.comment)}`);
  for (const column of table.columns)
    await connection.run(`COMMENT ON COLUMN ${name}.${ident(column.name)} IS ${literal(columnComment(column))}`);
  const folder = join(resolve(dir), table.id);
  if (!filled || !existsSync(folder) || !readdirSync(folder).some((file) => file.endsWith('.parquet'))) return 0;
  const columns = table.columns.map((column) => ident(column.name)).join(', ');
  const source = `read_parquet(${literal(`${globEscape(folder)}/*.parquet`)}, hive_partitioning = false)`;
  const result = await connection.run(`INSERT INTO ${name} (${columns}) SELECT ${columns} FROM ${source}`);
  return Number(result.rowsChanged);
}

function macroStatements(macro: MacroSpec): string[] {
  const table = macro.table === true ? 'TABLE ' : '';
  return [
    `CREATE MACRO ${macro.signature} AS ${table}${macro.body}`,
    `COMMENT ON MACRO ${table}${ident(macro.id)} IS ${literal(macro.comment)}`,
  ];
}

function viewStatements(): string[] {
  return VIEWS.all.flatMap(({ descriptor: { id, sql, comment } }) => [
    `CREATE VIEW ${ident(id)} AS ${sql}`,
    `COMMENT ON VIEW ${ident(id)} IS ${literal(comment)}`,
  ]);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync();
  await file.close();
}

function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** DuckDB globs the path: its own characters are taken literally. */
function globEscape(path: string): string {
  return path.replaceAll(/[*?[]/g, (char) => `[${char}]`);
}
