/** Confidence of a mean over windows. Neighbouring windows are alike, so blocks of them are drawn, not single ones. */
import { Prng } from '@workset/model';

export interface Interval {
  readonly mean: number;
  /** 95% interval; NULL with fewer than 3 values. */
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
}
export interface BootstrapOptions {
  readonly resamples?: number;
  /** Values per block; default the cube root of n, rounded. */
  readonly blockLength?: number;
  /** Names the random stream; equal seeds give equal intervals. */
  readonly seed?: string;
}

/**
 * Percentile interval of the mean from a circular moving-block bootstrap (Politis & Romano 1992). Circular: every value is
 * drawn equally often, whatever the block length. Empty input has no mean: use it for one value or more.
 * @param series one list per run (seed): a resample draws runs first, then blocks within each, so the interval covers both
 */
export function blockBootstrap(series: readonly (readonly number[])[], options: BootstrapOptions = {}): Interval {
  const lists = series.filter((values) => values.length > 0);
  const n = lists.reduce((total, values) => total + values.length, 0);
  if (n === 0) throw new Error('bootstrap of no values');
  const mean = meanOf(lists.map((values) => meanOf(values)));
  if (n < 3) return { mean, low: null, high: null, n };
  const random = new Prng(options.seed ?? 'bootstrap');
  const means = new Float64Array(options.resamples ?? 1000);
  for (let i = 0; i < means.length; i++) means[i] = resampledMean(lists, options.blockLength, random);
  means.sort();
  return { mean, low: quantile(means, 0.025), high: quantile(means, 0.975), n };
}

function resampledMean(lists: readonly (readonly number[])[], blockLength: number | undefined, random: Prng): number {
  let total = 0;
  for (let i = 0; i < lists.length; i++) {
    const values = lists.length === 1 ? lists[0]! : lists[random.below(lists.length)]!;
    total += blockMean(values, blockLength ?? Math.max(1, Math.round(Math.cbrt(values.length))), random);
  }
  return total / lists.length;
}

function blockMean(values: readonly number[], length: number, random: Prng): number {
  const n = values.length;
  let total = 0;
  for (let drawn = 0; drawn < n;) {
    const start = random.below(n);
    for (let i = 0; i < length && drawn < n; i++, drawn++) total += values[(start + i) % n]!;
  }
  return total / n;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

/** Of sorted values, interpolated. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}
