/** Query answers as CSV (RFC 4180, LF), NULL = empty. */
import type { Cell, DataRow, QueryResult } from '../chart.ts';
import { cellText } from '../values.ts';

export function toCsv(result: QueryResult): string {
  const names = result.columns.map((column) => column.name);
  const lines = result.rows.map((row: DataRow) => names.map((name) => field(row[name] ?? null)).join(','));
  return `${[names.map(field).join(','), ...lines].join('\n')}\n`;
}

function field(value: Cell): string {
  const text = typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(9))) : cellText(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
