/** Rows as an aligned table for a terminal. Numbers are never cut; text is, with …; columns that do not fit are counted below. */
import type { QueryColumn, QueryRow } from '../results/results.ts';
import { oneLine, shownText } from './cell.ts';

const GAP = 2;
const NARROWEST = 8;
const NUMBERS = /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL.*)$/;

interface Shown {
  readonly title: string;
  readonly right: boolean;
  readonly cells: readonly string[];
  /** Characters of the longest cell or the title. */
  readonly width: number;
}

/** @param width characters per line; 0 = as many as needed */
export function formatTable(columns: readonly QueryColumn[], rows: readonly QueryRow[], width: number): string {
  if (columns[0]?.name === 'explain_key') return explainText(rows);
  const all = columns.map((column) => shownColumn(column, rows));
  const fitted = width === 0 ? all : fit(all, width);
  const lines = [headLine(fitted), ruleLine(fitted), ...rows.map((_, i) => rowLine(fitted, i))];
  const hidden = all.length - fitted.length;
  const notes = [`${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`];
  if (hidden > 0)
    notes.push(
      `${hidden} more ${hidden === 1 ? 'column' : 'columns'}: ${all
        .slice(fitted.length)
        .map((c) => c.title)
        .join(', ')}`,
    );
  return `${[...lines, `(${notes.join('; ')})`].join('\n')}\n`;
}

function shownColumn({ name, type }: QueryColumn, rows: readonly QueryRow[]): Shown {
  const title = oneLine(name);
  const cells = rows.map((row) => shownText(row[name]!));
  return { title, right: NUMBERS.test(type), cells, width: cells.reduce((widest, cell) => Math.max(widest, length(cell)), length(title)) };
}

/** Drops columns from the right until the rest fits with its text columns cut to NARROWEST, then gives the spare room back. */
function fit(columns: readonly Shown[], width: number): Shown[] {
  const least = (c: Shown): number => (c.right ? c.width : Math.min(c.width, NARROWEST));
  let kept = 0;
  let used = -GAP;
  while (kept < columns.length && (kept === 0 || used + GAP + least(columns[kept]!) <= width)) used += GAP + least(columns[kept++]!);
  let spare = width - used;
  return columns.slice(0, kept).map((column) => {
    const extra = Math.max(0, Math.min(spare, column.width - least(column)));
    spare -= extra;
    return { ...column, width: least(column) + extra };
  });
}

function headLine(columns: readonly Shown[]): string {
  return columns
    .map((c) => pad(c.title, c))
    .join(' '.repeat(GAP))
    .trimEnd();
}
function ruleLine(columns: readonly Shown[]): string {
  return columns.map((c) => '─'.repeat(c.width)).join(' '.repeat(GAP));
}
function rowLine(columns: readonly Shown[], i: number): string {
  return columns
    .map((c) => pad(c.cells[i]!, c))
    .join(' '.repeat(GAP))
    .trimEnd();
}

function pad(text: string, { width, right }: Shown): string {
  const cut = length(text) > width ? `${[...text].slice(0, width - 1).join('')}…` : text;
  const fill = ' '.repeat(width - length(cut));
  return right ? fill + cut : cut + fill;
}

function length(text: string): number {
  let n = 0;
  for (const _ of text) n++;
  return n;
}

/** Plans are drawings of several lines. */
function explainText(rows: readonly QueryRow[]): string {
  return rows.map((row) => String(row['explain_value']).split('\n').map(oneLine).join('\n')).join('\n');
}
