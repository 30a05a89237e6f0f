import { count, ratioColumn, WINDOW_KEY } from './metric.ts';
import type { Metric } from './metric.ts';

/** What the swapper lives on: does the report, or the cold set, hold for the next window? */
export const prediction = {
  descriptor: {
    id: 'prediction',
    title: 'Prediction of the next window',
    source: 'docs/metrics.md',
    definition:
      'F = truth of the next scored window of the run: next_use_recall = |D∩F|/|F|; with the stored cold set C: premature_eviction_rate = |C∩F|/|C| and reclaimable_fraction = |C|/N. NULL when the denominator is empty; without any cold set stored C is every page not reported',
    reads: ['page_sets', 'windows', 'scores'],
    columns: [
      ...WINDOW_KEY,
      count('next_truth', 'pages', '|F|'),
      count('cold', 'pages', '|C|'),
      ratioColumn('next_use_recall', '|D∩F|/|F|'),
      ratioColumn('premature_eviction_rate', '|C∩F|/|C|'),
      ratioColumn('reclaimable_fraction', '|C|/N'),
    ],
  },
  params: {},
  sql: () => ({
    text: `
WITH pairs AS (
  SELECT s.run_id, s."scope", s."target", s.w, lead(s.w) OVER (PARTITION BY s.run_id, s."scope", s."target" ORDER BY s.w) AS next_w, lead(s.truth) OVER (PARTITION BY s.run_id, s."scope", s."target" ORDER BY s.w) AS f,
         s.reported, v.n_pages AS n, v.warmup, v.span, lead(v.span) OVER (PARTITION BY s.run_id, s."scope", s."target" ORDER BY s.w) AS next_span
  FROM scores s JOIN windows v ON v.run_id = s.run_id AND v.w = s.w),
wanted AS (SELECT * FROM pairs WHERE NOT warmup AND next_w IS NOT NULL AND span = next_span),
stored AS (SELECT DISTINCT run_id FROM page_sets WHERE kind = 'cold'),
cold_sizes AS (SELECT run_id, w, pages FROM set_sizes WHERE kind = 'cold'),
hits AS (
  SELECT q.run_id, q."scope", q."target", q.w, sum(bit_count(x.bits::BIT & y.bits::BIT)) FILTER (x.kind = 'reported') AS seen, sum(bit_count(x.bits::BIT & y.bits::BIT)) FILTER (x.kind = 'cold') AS evicted
  FROM wanted q JOIN page_sets y ON y.run_id = q.run_id AND y.w = q.next_w AND y."scope" = q."scope" AND y.kind = CASE q."target" WHEN 'touched' THEN 'truth' ELSE 'truth_writes' END
  JOIN page_sets x ON x.run_id = q.run_id AND x.w = q.w AND x.chunk = y.chunk AND x.kind IN ('reported', 'cold')
  GROUP BY ALL),
figures AS (
  SELECT q.run_id, q."scope", q."target", q.w, q.f, q.n, coalesce(h.seen, 0) AS seen,
         CASE WHEN c.run_id IS NULL THEN q.n - q.reported ELSE coalesce(z.pages, 0) END AS cold,
         CASE WHEN c.run_id IS NULL THEN q.f - coalesce(h.seen, 0) ELSE coalesce(h.evicted, 0) END AS premature
  FROM wanted q LEFT JOIN hits h ON h.run_id = q.run_id AND h."scope" = q."scope" AND h."target" = q."target" AND h.w = q.w
  LEFT JOIN stored c ON c.run_id = q.run_id LEFT JOIN cold_sizes z ON z.run_id = q.run_id AND z.w = q.w)
SELECT run_id, "scope", "target", w, f AS next_truth, cold::BIGINT AS cold, seen / nullif(f, 0) AS next_use_recall, premature / nullif(cold, 0) AS premature_eviction_rate, cold / nullif(n, 0) AS reclaimable_fraction
FROM figures ORDER BY ALL`,
    bind: {},
  }),
} as const satisfies Metric;
