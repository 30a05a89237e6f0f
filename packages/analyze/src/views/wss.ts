/** Working-set size over time and as percentiles; as damo computes it: damo-wss.ts. */
import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

export const wssOverTime = {
  descriptor: {
    id: 'wss_over_time',
    title: 'Working-set size over time',
    source: 'Denning 1968; docs/metrics.md',
    comment: 'reported and true working-set size per window, for the target the scheme claims; windows without truth have NULL there',
    columns: [
      column('trace', '', 'name of the trace'),
      column('scheme', '', 'tracking scheme'),
      column('kind', '', 'simulated or observed'),
      column('truth_grade', '', 'what may be claimed'),
      column('scope', '', 'any or mapped; NULL when the window has no truth'),
      column('target', '', 'touched or written'),
      column('w', 'index', 'window'),
      column('t_s', 's', 'end of the claim window, trace clock'),
      column('wss_mib', 'MiB', 'reported'),
      column('wss_true_mib', 'MiB', 'truth'),
      column('warmup', '', 'left out of summaries'),
      column('run_id', '', 'run'),
    ],
    sql: `
WITH bare AS (
  SELECT v.run_id, v.w, coalesce((SELECT sum(bit_count(p.bits::BIT)) FROM page_sets p WHERE p.run_id = v.run_id AND p.w = v.w AND p.kind = 'reported'), 0) * 4096 AS wss_bytes
  FROM windows v ANTI JOIN scores s ON s.run_id = v.run_id AND s.w = v.w),
sizes AS (
  SELECT s.run_id, s.w, s."scope", s.wss_bytes::DOUBLE AS wss_bytes, s.wss_true_bytes::DOUBLE AS wss_true_bytes
  FROM scores s JOIN runs r ON r.run_id = s.run_id AND r."target" = s."target"
  UNION ALL SELECT run_id, w, NULL, wss_bytes::DOUBLE, NULL FROM bare)
SELECT r.trace, r.scheme, r.kind, r.truth AS truth_grade, s."scope", r."target", s.w, v.claim_t1_ns / 1e9 AS t_s,
       s.wss_bytes / 1048576 AS wss_mib, s.wss_true_bytes / 1048576 AS wss_true_mib, v.warmup, r.run_id
FROM sizes s JOIN windows v ON v.run_id = s.run_id AND v.w = s.w JOIN runs r ON r.run_id = s.run_id
ORDER BY r.trace, r.scheme, r.run_id, s."scope", s.w`,
  },
} as const satisfies ViewSpec;

export const wssPercentiles = {
  descriptor: {
    id: 'wss_percentiles',
    title: 'Distribution of working-set size',
    source: 'docs/metrics.md',
    comment:
      'percentiles over windows (warm-up left out, interpolated) of reported and true working-set size, one row per run, scope and percentile',
    columns: [
      column('trace', '', 'name of the trace'),
      column('scheme', '', 'tracking scheme'),
      column('kind', '', 'simulated or observed'),
      column('scope', '', 'any or mapped; NULL when there is no truth'),
      column('percentile', 'percent', '0, 25, 50, 75, 90, 95, 99 or 100'),
      column('wss_mib', 'MiB', 'reported'),
      column('wss_true_mib', 'MiB', 'truth'),
      column('run_id', '', 'run'),
    ],
    sql: `
WITH lists AS (
  SELECT trace, scheme, kind, "scope", run_id, quantile_cont(wss_mib, [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1]) AS reported,
         quantile_cont(wss_true_mib, [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1]) AS actual
  FROM wss_over_time WHERE NOT warmup GROUP BY ALL)
SELECT trace, scheme, kind, "scope", [0, 25, 50, 75, 90, 95, 99, 100][i]::INTEGER AS percentile, reported[i] AS wss_mib, actual[i] AS wss_true_mib, run_id
FROM lists, unnest([1, 2, 3, 4, 5, 6, 7, 8]) AS step(i)
ORDER BY trace, scheme, run_id, "scope", percentile`,
  },
} as const satisfies ViewSpec;
