/** Reading query values, and writing values into SQL. */
import type { Cell, DataRow } from './chart.ts';

/** The number in `row[name]`; NaN when it is NULL or not a number. */
export function num(row: DataRow, name: string): number {
  const value = row[name];
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return Number.NaN;
}

/** The same, with null for "unknown" so that vega leaves a gap. */
export function numOrNull(row: DataRow, name: string): number | null {
  const value = num(row, name);
  return Number.isFinite(value) ? value : null;
}

export function text(row: DataRow, name: string): string {
  return cellText(row[name] ?? null);
}

/** One value as text; NULL is the empty string. */
export function cellText(value: Cell): string {
  if (value === null) return '';
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  return String(value);
}

/** A name from a trace as charts print it: control characters and line separators become visible. */
export function printable(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A text literal. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** `('a', 'b')` for IN; an empty list matches nothing. */
export function inList(values: readonly string[]): string {
  return values.length === 0 ? '(NULL)' : `(${values.map(quote).join(', ')})`;
}

export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
}
