/** Macro means of every scheme with their 95% interval over windows and seeds. */
import type { QueryRow, Results } from '../results/results.ts';
import { blockBootstrap } from './block-bootstrap.ts';
import type { Interval } from './block-bootstrap.ts';
import { groupBy } from './group-by.ts';

export const INTERVAL_METRICS = ['precision', 'recall', 'f1', 'jaccard', 'wss_error', 'false_cold_rate'] as const;
export type IntervalMetric = (typeof INTERVAL_METRICS)[number];

/** One scheme with one set of parameters on one trace; its seeds taken together. */
export interface ScoreInterval extends Interval {
  readonly trace: string;
  readonly space: string;
  readonly scheme: string;
  readonly params: string;
  readonly stream: string | null;
  readonly scope: string;
  readonly target: string;
  readonly metric: IntervalMetric;
  /** Runs (seeds) averaged. */
  readonly runs: number;
}

const KEY = ['trace', 'space', 'scheme', 'params', 'stream', 'scope', 'target'] as const;
const SERIES = `
SELECT r.trace, r.space, r.scheme, r.params, r.stream, s."scope", s."target", r.run_id, ${INTERVAL_METRICS.map((name) => `list(s."${name}" ORDER BY s.w) FILTER (s."${name}" IS NOT NULL) AS "${name}"`).join(', ')}
FROM scores s JOIN windows v ON v.run_id = s.run_id AND v.w = s.w JOIN runs r ON r.run_id = s.run_id
WHERE NOT v.warmup AND s."target" = r."target" GROUP BY ALL ORDER BY ALL`;

/** Windows where the metric is undefined are left out; a metric undefined everywhere gives no row. Equal results give equal intervals. */
export async function scoreIntervals(results: Results, options: { resamples?: number } = {}): Promise<ScoreInterval[]> {
  const { rows } = await results.query(SERIES);
  const groups = groupBy(rows, (row) => JSON.stringify(KEY.map((name) => row[name])));
  return [...groups].flatMap(([key, runs]) => INTERVAL_METRICS.flatMap((metric) => intervalOf(key, runs, metric, options)));
}

function intervalOf(key: string, runs: readonly QueryRow[], metric: IntervalMetric, options: { resamples?: number }): ScoreInterval[] {
  const series = runs.map((row) => (row[metric] ?? []) as readonly number[]).filter((values) => values.length > 0);
  if (series.length === 0) return [];
  const first = runs[0]!;
  const text = (name: string): string => String(first[name]);
  const interval = blockBootstrap(series, { ...options, seed: `${key} ${metric}` });
  return [
    {
      trace: text('trace'),
      space: text('space'),
      scheme: text('scheme'),
      params: text('params'),
      stream: first['stream'] === null ? null : text('stream'),
      scope: text('scope'),
      target: text('target'),
      metric,
      runs: series.length,
      ...interval,
    },
  ];
}
