/** Differences of micro scores between two runs over the same windows, with a 95% interval from a paired moving-block bootstrap. */
import { Prng } from '@workset/model';

/** Counts of one window, pages. */
export interface WindowCounts {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly truth: number;
  readonly reported: number;
}

/** NaN = undefined for these counts. */
export const MICRO_METRICS = {
  precision: ({ tp, fp }) => tp / (tp + fp),
  recall: ({ tp, truth }) => tp / truth,
  f1: ({ tp, fp, fn, truth }) => (tp + fp === 0 || truth === 0 ? Number.NaN : (2 * tp) / (2 * tp + fp + fn)),
  jaccard: ({ tp, fp, fn }) => (tp + fp + fn === 0 ? 1 : tp / (tp + fp + fn)),
  wss_error_abs: ({ reported, truth }) => Math.abs(reported - truth) / truth,
  false_cold_rate: ({ fn, truth }) => fn / truth,
} as const satisfies Record<string, (sums: WindowCounts) => number>;
export type MicroMetric = keyof typeof MICRO_METRICS;
const METRIC_NAMES = Object.keys(MICRO_METRICS) as MicroMetric[];

/** Figures for which less is better. */
export const LESS_IS_BETTER: ReadonlySet<string> = new Set(['wss_error_abs', 'false_cold_rate', 'overhead']);

export interface Difference {
  readonly a: number;
  readonly b: number;
  /** b - a; NaN when either is undefined. */
  readonly difference: number;
  /** 95% interval of b - a; NULL with fewer than 3 windows, or when no resample defines it. */
  readonly low: number | null;
  readonly high: number | null;
}

const RESAMPLES = 1000;
const FIELDS = ['tp', 'fp', 'fn', 'truth', 'reported'] as const;

/**
 * Neighbouring windows are alike, so blocks of n^(1/3) windows are drawn, the same for both runs.
 * @param a windows of the first run, in time order
 * @param b the same windows of the second
 * @param seed names the random stream
 */
export function pairedDifferences(a: readonly WindowCounts[], b: readonly WindowCounts[], seed: string): Record<MicroMetric, Difference> {
  const n = a.length;
  const whole = [...a.keys()];
  const atA = scoresOf(a, whole);
  const atB = scoresOf(b, whole);
  const drawn: number[][] = METRIC_NAMES.map(() => []);
  const random = new Prng(seed);
  for (let i = 0; n >= 3 && i < RESAMPLES; i++) {
    const picks = drawBlocks(n, random);
    const fromA = scoresOf(a, picks);
    const fromB = scoresOf(b, picks);
    for (const [k, values] of drawn.entries()) values.push(fromB[k]! - fromA[k]!);
  }
  const result = (k: number): Difference => ({ a: atA[k]!, b: atB[k]!, difference: atB[k]! - atA[k]!, ...intervalOf(drawn[k]!) });
  return Object.fromEntries(METRIC_NAMES.map((name, k) => [name, result(k)])) as Record<MicroMetric, Difference>;
}

function scoresOf(windows: readonly WindowCounts[], picks: readonly number[]): number[] {
  const sums = { tp: 0, fp: 0, fn: 0, truth: 0, reported: 0 };
  for (const pick of picks) for (const field of FIELDS) sums[field] += windows[pick]![field];
  return METRIC_NAMES.map((name) => MICRO_METRICS[name](sums));
}

function drawBlocks(n: number, random: Prng): number[] {
  const length = Math.max(1, Math.round(Math.cbrt(n)));
  const picks: number[] = [];
  while (picks.length < n) {
    const start = random.below(n);
    for (let i = 0; i < length && picks.length < n; i++) picks.push((start + i) % n);
  }
  return picks;
}

function intervalOf(values: readonly number[]): { low: number | null; high: number | null } {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((x, y) => x - y);
  if (sorted.length === 0) return { low: null, high: null };
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  return { low: at(0.025), high: at(0.975) };
}
