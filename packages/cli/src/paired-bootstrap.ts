/** Difference of micro scores between two runs over the same windows, with a 95% interval from a moving-block bootstrap. */
import { Prng } from '@workset/model';

/** Counts of one window, pages. */
export interface WindowCounts {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly truth: number;
  readonly reported: number;
}

/** Higher is better for all but those in `LOWER_IS_BETTER`. NaN = undefined for these counts. */
export const MICRO = {
  precision: ({ tp, fp }) => tp / (tp + fp),
  recall: ({ tp, truth }) => tp / truth,
  f1: ({ tp, fp, fn }) => (2 * tp) / (2 * tp + fp + fn),
  jaccard: ({ tp, fp, fn }) => (tp + fp + fn === 0 ? 1 : tp / (tp + fp + fn)),
  wss_error_abs: ({ reported, truth }) => Math.abs(reported - truth) / truth,
  false_cold_rate: ({ fn, truth }) => fn / truth,
} as const satisfies Record<string, (sums: WindowCounts) => number>;
export type MicroMetric = keyof typeof MICRO;
export const LOWER_IS_BETTER: ReadonlySet<string> = new Set(['wss_error_abs', 'false_cold_rate', 'overhead']);

export interface Difference {
  readonly a: number;
  readonly b: number;
  /** b - a */
  readonly difference: number;
  /** 95% interval of b - a; both NaN with fewer than 3 windows. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1000;
const FIELDS = ['tp', 'fp', 'fn', 'truth', 'reported'] as const;

/**
 * Windows are neighbours in time and alike, so blocks of n^(1/3) windows are drawn, the same for both runs.
 * @param a windows of the first run
 * @param b the same windows of the second
 * @param seed names the random stream
 */
export function pairedDifferences(a: readonly WindowCounts[], b: readonly WindowCounts[], seed: string): Record<MicroMetric, Difference> {
  const n = a.length;
  const names = Object.keys(MICRO) as MicroMetric[];
  const whole = [...a.keys()];
  const scores = (windows: readonly WindowCounts[], picks: readonly number[]): number[] => {
    const sums = sumOf(windows, picks);
    return names.map((name) => MICRO[name](sums));
  };
  const atA = scores(a, whole);
  const atB = scores(b, whole);
  const drawn: number[][] = names.map(() => []);
  const random = new Prng(seed);
  for (let i = 0; n >= 3 && i < RESAMPLES; i++) {
    const picks = drawBlocks(n, random);
    const fromA = scores(a, picks);
    const fromB = scores(b, picks);
    for (const [k, values] of drawn.entries()) values.push(fromB[k]! - fromA[k]!);
  }
  const result = (k: number): Difference => ({ a: atA[k]!, b: atB[k]!, difference: atB[k]! - atA[k]!, ...interval(drawn[k]!) });
  return Object.fromEntries(names.map((name, k) => [name, result(k)])) as Record<MicroMetric, Difference>;
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

function sumOf(windows: readonly WindowCounts[], picks: readonly number[]): WindowCounts {
  const sums = { tp: 0, fp: 0, fn: 0, truth: 0, reported: 0 };
  for (const pick of picks) for (const field of FIELDS) sums[field] += windows[pick]![field];
  return sums;
}

function interval(values: readonly number[]): { low: number; high: number } {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((x, y) => x - y);
  if (sorted.length === 0) return { low: NaN, high: NaN };
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!;
  return { low: at(0.025), high: at(0.975) };
}
