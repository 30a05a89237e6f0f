/** DAMON's aggregation interval, which its trace events do not carry, from the times of its snapshots. */

/** The kernel's default (mm/damon/sysfs.c). */
export const DEFAULT_AGGREGATION_NS = 100e6;
/** Snapshots come late, never early: kdamond sleeps too long, and prints. */
const DEFAULT_UP_TO_NS = 130e6;
/** What people set: 1, 1.2, 1.5, 2, … times a power of ten. */
const USUAL = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
/** A usual interval must explain so much of the distance. */
const EXPLAINED = 0.85;
/** Times are cut to 1 µs, and sampling checks are what is counted: a distance may be a little short. */
const SLACK = 1.02;

/** Snapshots after which the interval is settled. */
export const SNAPSHOTS_TO_SETTLE = 8;

/** @param timesNs of snapshots, in their order; @returns the usual interval just below the median distance; the default when there is none */
export function aggregationOf(timesNs: readonly number[]): number {
  const distances = timesNs
    .slice(1)
    .map((t, i) => t - timesNs[i]!)
    .filter((ns) => ns > 0)
    .sort((a, b) => a - b);
  const median = distances[distances.length >> 1];
  if (median === undefined) return DEFAULT_AGGREGATION_NS;
  if (median * SLACK >= DEFAULT_AGGREGATION_NS && median <= DEFAULT_UP_TO_NS) return DEFAULT_AGGREGATION_NS;
  const scale = 10 ** Math.floor(Math.log10(median * SLACK));
  const usual = Math.max(...USUAL.map((step) => step * scale).filter((ns) => ns <= median * SLACK));
  return usual >= EXPLAINED * median ? Math.round(usual) : Math.round(median);
}
