/** Percentiles of the table latencies. */
import { column } from './view.ts';
import type { ViewColumn, ViewSpec } from './view.ts';

const SHARES = [50, 95, 99] as const;

const quantileColumns = (p: number): ViewColumn[] => [
  column(`p${p}_lo_ns`, 'ns', `lower bound of the ${p}th percentile; NULL when it falls among those that never were`),
  column(`p${p}_hi_ns`, 'ns', `upper bound of the ${p}th percentile; NULL when it falls among those that never were`),
];
/** The first row at which the running sum reaches the share. */
const quantile = (p: number): string =>
  ['lo', 'hi']
    .map((end) => `arg_min(edge_${end}_ns, upto) FILTER (upto >= greatest(1, ceil(${p / 100} * events)) AND NOT never) AS p${p}_${end}_ns`)
    .join(', ');

export const latencySummary = {
  descriptor: {
    id: 'latency_summary',
    title: 'How long pages wait to be found, and to be called cold',
    source: 'docs/metrics.md, Latency per page',
    comment:
      'percentiles of the table latencies per run, as pairs of bounds; events that never were count as the longest. Computed from the page sets when a query first asks for it',
    columns: [
      column('trace', '', 'name of the trace'),
      column('scheme', '', 'tracking scheme'),
      column('kind', '', 'simulated or observed'),
      column('stream', '', 'capture stream of the report or of its schedule'),
      column('scope', '', 'any or mapped, as the run claims'),
      column('target', '', 'touched or written'),
      column('what', '', 'detection: first touch to first report that holds the page; cold: last touch to first report without it'),
      column('events', 'count', 'pages that began to wait'),
      column('never', 'ratio', 'share that was not found (called cold) before the recording ended, or the page was touched again'),
      ...SHARES.flatMap(quantileColumns),
      column('run_id', '', 'run'),
    ],
    sql: `
WITH parts AS (
  SELECT run_id, "scope", "target", split_part(what, '_', 1) AS what, edge_hi_ns IS NULL AS never, edge_lo_ns, edge_hi_ns, n FROM latencies),
summed AS (
  SELECT *, sum(n) OVER (PARTITION BY run_id, what) AS events,
         sum(n) OVER (PARTITION BY run_id, what ORDER BY never, edge_hi_ns, edge_lo_ns ROWS UNBOUNDED PRECEDING) AS upto FROM parts)
SELECT r.trace, r.scheme, r.kind, r.stream, s."scope", s."target", s.what, any_value(s.events)::BIGINT AS events, coalesce(sum(s.n) FILTER (s.never), 0) / any_value(s.events) AS never,
       ${SHARES.map(quantile).join(', ')}, s.run_id
FROM summed s JOIN runs r ON r.run_id = s.run_id GROUP BY ALL ORDER BY r.trace, s.what, r.scheme, s.run_id`,
  },
} as const satisfies ViewSpec;
