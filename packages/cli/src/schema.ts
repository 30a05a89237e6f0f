/** Tables, views, columns and macros of a results directory, with their units: `sql --schema`, `\d` and completion. */
import type { Results } from '@workset/analyze';

import type { Output } from './output.ts';
import { sanitise } from './sanitise.ts';

export interface SchemaColumn {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}
export interface SchemaTable {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly SchemaColumn[];
}
export interface SchemaMacro {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly comment: string;
}
export interface Schema {
  readonly tables: readonly SchemaTable[];
  readonly macros: readonly SchemaMacro[];
}

export async function readSchema(results: Results): Promise<Schema> {
  const tables = await results.query('SELECT view_name AS name, comment FROM duckdb_views() WHERE NOT internal ORDER BY view_name');
  const columns = await results.query(
    'SELECT c.table_name, c.column_name AS name, c.data_type AS type, c.comment FROM duckdb_columns() c WHERE NOT c.internal ORDER BY c.table_name, c.column_index',
  );
  const macros = await results.query(
    `SELECT function_name AS name, parameters, comment FROM duckdb_functions() WHERE function_type IN ('macro', 'table_macro') AND NOT internal ORDER BY 1`,
  );
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    tables: tables.rows.map((row) => ({
      name: text(row['name']),
      comment: text(row['comment']),
      columns: columns.rows
        .filter((column) => column['table_name'] === row['name'])
        .map((column) => ({ name: text(column['name']), type: text(column['type']), comment: text(column['comment']) })),
    })),
    macros: macros.rows.map((row) => ({ name: text(row['name']), parameters: asNames(row['parameters']), comment: text(row['comment']) })),
  };
}

export function printSchema(schema: Schema, out: Output): void {
  for (const table of schema.tables) {
    printTable(table, out);
    out.line();
  }
  if (schema.macros.length > 0) out.line(out.paint('bold', 'macros'));
  out.table(
    ['', ''],
    schema.macros.map(({ name, parameters, comment }) => [`  ${name}(${parameters.join(', ')})`, comment]),
  );
}

export function printTable(table: SchemaTable, out: Output): void {
  out.line(`${out.paint('bold', table.name)}  ${sanitise(table.comment)}`);
  out.table(
    ['', '', ''],
    table.columns.map(({ name, type, comment }) => [`  ${name}`, type, comment]),
  );
}

/** A list value comes as an array or, depending on the reader, as JSON text. */
function asNames(value: unknown): string[] {
  const list: unknown = typeof value === 'string' ? JSON.parse(value) : value;
  return Array.isArray(list) ? list.map(String) : [];
}
