/** Numbers as the report prints them. */
import { formatBytes, formatDuration } from '@workset/model';
import type { DataRow } from '../chart.ts';
import { num, text } from '../values.ts';
import { html } from './html.ts';
import type { Child, Markup } from './html.ts';

const THIN_SPACE = '\u2009';

/** 1 234 567 */
export function count(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, THIN_SPACE);
}

export function unknown(): Markup {
  return html`<span class="na" title="unknown or not applicable">n/a</span>`;
}

/** A path by its last two parts; the whole is the tooltip. */
export const pathColumn = (key: string, title: string): Column => ({
  key,
  title,
  cell: (row) => html`<code title="${text(row, key)}">${text(row, key).split('/').slice(-2).join('/')}</code>`,
});

export interface Column {
  readonly key: string;
  readonly title: string;
  /** Shown under the title; empty for names. */
  readonly unit?: string;
  readonly numeric?: boolean;
  /** Long text: may wrap. */
  readonly wide?: boolean;
  readonly cell?: (row: DataRow) => Child;
  /** Title attribute of the heading: the definition. */
  readonly help?: string;
}

const known = (row: DataRow, key: string, show: (n: number) => string): Child => {
  const n = num(row, key);
  return Number.isFinite(n) ? show(n) : unknown();
};

export const textColumn = (key: string, title: string): Column => ({ key, title, cell: (row) => text(row, key) });
export const wideColumn = (key: string, title: string): Column => ({ ...textColumn(key, title), wide: true });
export const codeColumn = (key: string, title: string): Column => ({ key, title, cell: (row) => html`<code>${text(row, key)}</code>` });
export const countColumn = (key: string, title: string, unit: string, help?: string): Column => numberColumn(key, title, unit, count, help);
export const ratioColumn = (key: string, title: string, help?: string): Column =>
  numberColumn(key, title, '0–1', (n) => n.toFixed(3), help);
export const signedPercentColumn = (key: string, title: string, help?: string): Column =>
  numberColumn(key, title, '%', (n) => `${n > 0 ? '+' : n < 0 ? '−' : ''}${Math.abs(n * 100).toFixed(1)}`, help);
export const percentColumn = (key: string, title: string, help?: string): Column =>
  numberColumn(key, title, '%', (n) => significant(n * 100), help);
export const bytesColumn = (key: string, title: string): Column => numberColumn(key, title, 'bytes', formatBytes);
export const durationColumn = (key: string, title: string, help?: string): Column =>
  numberColumn(key, title, 'time', (n) => (n === 0 ? '0' : formatDuration(n)), help);
export const secondsColumn = (key: string, title: string): Column => numberColumn(key, title, 's', (n) => n.toFixed(3));

export function numberColumn(key: string, title: string, unit: string, show: (n: number) => string, help?: string): Column {
  return { key, title, unit, numeric: true, cell: (row) => known(row, key, show), ...(help === undefined ? {} : { help }) };
}

/** Three significant digits, without an exponent. */
export function significant(n: number): string {
  if (n === 0) return '0';
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(n)))));
  return n.toFixed(digits);
}
