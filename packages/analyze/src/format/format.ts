/** Query results as text: table, csv, json, jsonl, markdown. Parquet: Results.copyTo. */
import { UsageError } from '@workset/model';
import type { QueryColumn, QueryRow } from '../results/results.ts';
import { jsonValue, plainText, shownText, oneLine } from './cell.ts';
import { formatTable } from './table.ts';

export const FORMATS = ['table', 'csv', 'json', 'jsonl', 'markdown'] as const;
export type Format = (typeof FORMATS)[number];

export interface FormatOptions {
  /** Characters per line of a table; 0 (piped) = as many as needed. */
  readonly width?: number;
}

/** Throws UsageError naming the formats. */
export function parseFormat(text: string): Format {
  if ((FORMATS as readonly string[]).includes(text)) return text as Format;
  throw new UsageError(`unknown format ${JSON.stringify(text)}`, `one of ${FORMATS.join(', ')}`);
}

/** The whole text, ending in a newline. */
export function formatResult(
  { columns, rows }: { columns: readonly QueryColumn[]; rows: readonly QueryRow[] },
  format: Format,
  options: FormatOptions = {},
): string {
  const names = columns.map(({ name }) => name);
  switch (format) {
    case 'table':
      return formatTable(columns, rows, options.width ?? 0);
    case 'csv':
      return csvLine(names) + rows.map((row) => csvRow(names, row)).join('');
    case 'json':
      return rows.length === 0 ? '[]\n' : `[\n${rows.map((row) => JSON.stringify(jsonValue(row))).join(',\n')}\n]\n`;
    case 'jsonl':
      return rows.map((row) => `${JSON.stringify(jsonValue(row))}\n`).join('');
    case 'markdown':
      return markdown(names, rows);
  }
}

/** csv and jsonl batch by batch; the other formats need every row first. */
export async function* formatStream(
  stream: { columns: readonly QueryColumn[]; rows: AsyncIterable<readonly QueryRow[]> },
  format: Format,
  options: FormatOptions = {},
): AsyncGenerator<string> {
  const { columns } = stream;
  if (format !== 'csv' && format !== 'jsonl') {
    const rows: QueryRow[] = [];
    for await (const batch of stream.rows) rows.push(...batch);
    yield formatResult({ columns, rows }, format, options);
    return;
  }
  if (format === 'csv') yield formatResult({ columns, rows: [] }, format);
  const names = columns.map(({ name }) => name);
  for await (const batch of stream.rows) {
    yield format === 'csv' ? batch.map((row) => csvRow(names, row)).join('') : formatResult({ columns, rows: batch }, format);
  }
}

/** RFC 4180; NULL is an empty field, an empty text is "". */
function csvRow(names: readonly string[], row: QueryRow): string {
  return csvLine(names.map((name) => (row[name] === null || row[name] === undefined ? null : plainText(row[name]))));
}

function csvLine(fields: readonly (string | null)[]): string {
  return `${fields.map((field) => (field === null ? '' : field === '' || /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}\r\n`;
}

function markdown(names: readonly string[], rows: readonly QueryRow[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |\n`;
  return (
    line(names.map(oneLine)) +
    `|${names.map(() => ' --- |').join('')}\n` +
    rows.map((row) => line(names.map((name) => shownText(row[name]!)))).join('')
  );
}
