/** The figures of score_summary: how each is printed and headed. */
import { nearest, UsageError } from '@workset/model';

import { count } from './describe/trace.ts';

/** Columns of score_summary that are figures, and how each is printed. */
export const FIGURES: Readonly<Record<string, (value: number) => string>> = {
  windows: count,
  precision: ratio,
  recall: ratio,
  recall_eligible: ratio,
  f1: ratio,
  jaccard: ratio,
  wss_error: (value) => (value > 0 ? '+' : '') + ratio(value),
  false_cold_rate: ratio,
  precision_mean: ratio,
  recall_mean: ratio,
  f1_mean: ratio,
  jaccard_mean: ratio,
  wss_error_mean: ratio,
  overhead: percent,
  tracker_share: percent,
  edge: count,
};
export const DEFAULT_FIGURES = ['windows', 'precision', 'recall', 'f1', 'wss_error', 'overhead'];
export const HEADERS: Readonly<Record<string, string>> = {
  wss_error: 'wss error',
  false_cold_rate: 'false cold',
  tracker_share: 'tracker cpu',
  recall_eligible: 'recall elig.',
};

/** `-` is unknown. */
export function figureText(name: string, value: unknown): string {
  if (value === null || value === undefined) return '-';
  return FIGURES[name]!(Number(value));
}

/** Throws UsageError naming the nearest figure (or one of `more`). */
export function checkFigure(name: string, more: readonly string[] = []): void {
  if (name in FIGURES) return;
  const near = nearest(name, [...Object.keys(FIGURES), ...more]);
  throw new UsageError(
    `no metric ${JSON.stringify(name)}`,
    (near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '') + `known: ${Object.keys(FIGURES).join(', ')}`,
  );
}

function ratio(value: number): string {
  return value.toFixed(3);
}

function percent(value: number): string {
  return `${Number((value * 100).toPrecision(3))}%`;
}
