/** What changed between two results directories, run by run, and whether it is real. */
import type { QueryRow, Results } from '../results/results.ts';
import { groupBy } from '../stats/group-by.ts';
import { LESS_IS_BETTER, pairedDifferences } from './paired-bootstrap.ts';
import type { Difference, WindowCounts } from './paired-bootstrap.ts';

export interface CompareOptions {
  /** How much worse is no regression. Default 0.01. */
  readonly tolerance?: number;
}
export interface Change extends Difference {
  /** Trace, scheme, stream, scope and target. */
  readonly run: string;
  /** A key of MICRO_METRICS, or overhead. */
  readonly metric: string;
  /** `same`: within the tolerance, or an interval that holds 0, or undefined on one side. */
  readonly verdict: 'same' | 'better' | 'worse';
  /** Windows that both have. */
  readonly windows: number;
}
export interface Comparison {
  readonly changes: readonly Change[];
  /** Runs without a partner. */
  readonly onlyInA: readonly string[];
  readonly onlyInB: readonly string[];
}

interface LoadedRun {
  readonly key: string;
  readonly label: string;
  readonly overhead: number | null;
  readonly windows: ReadonlyMap<number, WindowCounts>;
}

const KEY = ['trace', 'scheme', 'stream', 'params', 'world', 'seed', 'space', 'scope', 'target'] as const;
const LABEL = ['trace', 'scheme', 'stream', 'scope', 'target'] as const;
const WINDOWS = `SELECT s.run_id, s."scope", s."target", s.w, s.tp, s.fp, s.fn, s.truth, s.reported
FROM scores s JOIN windows v ON v.run_id = s.run_id AND v.w = s.w JOIN runs r ON r.run_id = s.run_id WHERE NOT v.warmup AND s."target" = r."target" ORDER BY s.run_id, s.w`;

/**
 * Runs are paired by trace, scheme, stream, parameters, world and seed, windows by number. A change is real when it exceeds the tolerance
 * and its 95% paired moving-block bootstrap interval leaves out 0; costs, and runs of fewer than 3 windows, have no interval.
 */
export async function compareResults(a: Results, b: Results, options: CompareOptions = {}): Promise<Comparison> {
  const tolerance = options.tolerance ?? 0.01;
  const [before, after] = [await load(a), await load(b)];
  const byKey = new Map(after.map((run) => [run.key, run]));
  const known = new Set(before.map(({ key }) => key));
  return {
    changes: before.flatMap((run) => {
      const other = byKey.get(run.key);
      return other === undefined ? [] : changesOf(run, other, tolerance);
    }),
    onlyInA: before.filter(({ key }) => !byKey.has(key)).map(({ label }) => label),
    onlyInB: after.filter(({ key }) => !known.has(key)).map(({ label }) => label),
  };
}

async function load(results: Results): Promise<LoadedRun[]> {
  const windows = groupBy((await results.query(WINDOWS)).rows, pairOf);
  const { rows } = await results.query('FROM score_summary');
  return rows.map((row) => ({
    key: JSON.stringify(KEY.map((name) => row[name])),
    label: LABEL.map((name) => row[name])
      .filter((text) => text !== null)
      .join(' '),
    overhead: typeof row['overhead'] === 'number' ? row['overhead'] : null,
    windows: new Map((windows.get(pairOf(row)) ?? []).map((each) => [Number(each['w']), countsOf(each)])),
  }));
}

const pairOf = (row: QueryRow): string => JSON.stringify([row['run_id'], row['scope'], row['target']]);
const countsOf = (row: QueryRow): WindowCounts => ({
  tp: Number(row['tp']),
  fp: Number(row['fp']),
  fn: Number(row['fn']),
  truth: Number(row['truth']),
  reported: Number(row['reported']),
});

function changesOf(a: LoadedRun, b: LoadedRun, tolerance: number): Change[] {
  const common = [...a.windows.keys()].filter((w) => b.windows.has(w));
  const pick = ({ windows }: LoadedRun): WindowCounts[] => common.map((w) => windows.get(w)!);
  const differences: [string, Difference][] = Object.entries(pairedDifferences(pick(a), pick(b), a.key));
  if (a.overhead !== null && b.overhead !== null) {
    differences.push(['overhead', { a: a.overhead, b: b.overhead, difference: b.overhead - a.overhead, low: null, high: null }]);
  }
  return differences.map(([metric, each]) => ({
    run: a.label,
    metric,
    ...each,
    verdict: verdictOf(metric, each, tolerance),
    windows: common.length,
  }));
}

/** A figure that became undefined, or stopped being so, is no change that has a sign. */
function verdictOf(metric: string, { difference, low, high }: Difference, tolerance: number): Change['verdict'] {
  if (Number.isNaN(difference) || Math.abs(difference) <= tolerance) return 'same';
  if (low !== null && high !== null && low <= 0 && high >= 0) return 'same';
  return difference < 0 === LESS_IS_BETTER.has(metric) ? 'better' : 'worse';
}
