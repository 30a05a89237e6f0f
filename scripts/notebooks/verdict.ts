/**
 * Verdicts by stated rules. The evidence is a query with the columns measure, series, w, value: per measure the mean over windows and
 * series (runs, traces) with its 95% moving-block bootstrap interval. A rule is an SQL condition over the columns `<measure>`,
 * `<measure>_low`, `<measure>_high`, `<measure>_n`; the first that is true gives the verdict. When none is, the notebook fails.
 */
import { blockBootstrap, groupBy } from '@workset/analyze';
import type { Interval, QueryRow } from '@workset/analyze';

import { NotebookError } from './parse.ts';
import type { CodeCell } from './parse.ts';

export interface Rule {
  readonly verdict: string;
  readonly condition: string;
}
export interface VerdictSpec {
  readonly claim: string;
  readonly rules: readonly Rule[];
  /** `{measure}` stands for its mean and interval. */
  readonly because: string;
  readonly limits: string;
}
/** A measure whose values are all NULL has n = 0 and a mean that is not a number (NULL in rules). */
export interface Evidence extends Interval {
  readonly measure: string;
  readonly series: number;
}
export interface Verdict {
  readonly claim: string;
  readonly verdict: string;
  readonly rule: string;
  readonly because: string;
  readonly limits: string;
  readonly evidence: readonly Evidence[];
}

/** `supported`, `contradicted`, `these traces cannot say`, or `depends on …`. */
const ALLOWED = /^(?:supported|contradicted|these traces cannot say|depends on \S.*)$/;
const FIELDS = ['measure', 'series', 'w', 'value'] as const;

/** One `name: text` per line; a line that is indented continues the one before. Throws NotebookError. */
export function parseVerdict(cell: CodeCell): VerdictSpec {
  const entries = cell.text
    .replaceAll(/\n\s+/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => entryOf(line, cell.line));
  const rules = entries.filter(([name]) => ALLOWED.test(name)).map(([verdict, condition]) => ({ verdict, condition }));
  const text = (name: string): string => entries.find(([key]) => key === name)?.[1] ?? '';
  const unknown = entries.find(([name]) => !ALLOWED.test(name) && name !== 'because' && name !== 'limits');
  if (unknown !== undefined) throw new NotebookError(cell.line, `${JSON.stringify(unknown[0])} is no verdict`);
  for (const name of ['because', 'limits']) if (text(name) === '') throw new NotebookError(cell.line, `a verdict needs "${name}:"`);
  if (rules.length < 2) throw new NotebookError(cell.line, 'a verdict needs two rules or more: what would have spoken against it?');
  return { claim: cell.options['claim'] ?? '', rules, because: text('because'), limits: text('limits') };
}

function entryOf(line: string, at: number): [string, string] {
  const colon = line.indexOf(': ');
  if (colon < 0) throw new NotebookError(at, `no "name: text": ${line}`);
  return [line.slice(0, colon).trim(), line.slice(colon + 2).trim()];
}

/** Throws NotebookError when the rows lack a column; values that are NULL are left out. */
export function evidenceOf(rows: readonly QueryRow[], line: number): Evidence[] {
  const missing = rows.length === 0 ? undefined : FIELDS.find((name) => rows[0]![name] === undefined);
  if (rows.length === 0) throw new NotebookError(line, 'the evidence has no rows');
  if (missing !== undefined) throw new NotebookError(line, `the evidence has no column ${missing}`);
  const measures = groupBy(rows, (row) => String(row['measure']));
  return [...measures].map(([measure, all]) => {
    const known = all.filter((row) => typeof row['value'] === 'number');
    if (known.length === 0) return { measure, series: 0, mean: Number.NaN, low: null, high: null, n: 0 };
    const series = [...groupBy(known, (row) => String(row['series'])).values()].map((list) =>
      list.toSorted((a, b) => Number(a['w']) - Number(b['w'])).map((row) => row['value'] as number),
    );
    return { measure, series: series.length, ...blockBootstrap(series, { seed: measure }) };
  });
}

/** One-row SELECT with the columns that rules may name. */
export function evidenceSql(evidence: readonly Evidence[]): string {
  const number = (value: number | null): string => (value === null || Number.isNaN(value) ? 'NULL::DOUBLE' : `${value}::DOUBLE`);
  const columns = evidence.flatMap(({ measure, mean, low, high, n }) => [
    `${number(mean)} AS "${measure}"`,
    `${number(low)} AS "${measure}_low"`,
    `${number(high)} AS "${measure}_high"`,
    `${number(n)} AS "${measure}_n"`,
  ]);
  return `SELECT ${columns.join(', ')}`;
}

/** `{measure}` in `text` as mean, interval and count. Throws NotebookError for one that has no evidence. */
export function fillIn(text: string, evidence: readonly Evidence[], line: number): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const found = evidence.find(({ measure }) => measure === name);
    if (found === undefined) throw new NotebookError(line, `no measure ${name}: the query did not return it`);
    return intervalText(found);
  });
}

export function intervalText({ mean, low, high, n }: Interval): string {
  if (n === 0) return 'unknown';
  if (low === null || high === null) return n === 1 ? figure(mean) : `${figure(mean)} (n = ${n})`;
  if (low === high) return `${figure(mean)} (n = ${n}, all alike)`;
  return `${figure(mean)} [${figure(low)}, ${figure(high)}]`;
}

function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
