import { count, ratioColumn, WINDOW_KEY } from './metric.ts';
import type { Metric } from './metric.ts';

/** How many windows a tracker needs after the working set has changed. */
export const phaseLag = {
  descriptor: {
    id: 'phase-lag',
    title: 'Windows to recover from a phase change',
    source: 'docs/metrics.md; Denning & Kahn 1975 (phases)',
    definition:
      'a change is a window whose truth differs from the one before by more than `change` of itself (|TΔT′|/|T|); the lag is the number of windows until the Jaccard index is back at `recovered` of the last before the change, NULL when it never is',
    reads: ['page_sets', 'windows', 'scores'],
    columns: [
      ...WINDOW_KEY,
      ratioColumn('changed', '|TΔT′|/|T|'),
      ratioColumn('jaccard_before', 'Jaccard of the window before the change'),
      { ...count('lag_windows', 'count', 'windows until recovery; 0 = at once; NULL = never'), nullable: true },
    ],
  },
  params: {
    change: { kind: 'ratio', default: 0.5, unit: '1', help: 'share of the working set that must differ', source: 'docs/metrics.md' },
    recovered: { kind: 'ratio', default: 0.9, unit: '1', help: 'share of the Jaccard index before the change', source: 'docs/metrics.md' },
  },
  sql: ({ change, recovered }) => ({
    text: `
WITH live AS (
  SELECT s.run_id, s."scope", s."target", s.w, s.truth, s.jaccard, lag(s.w) OVER at_run AS before_w, lag(s.truth) OVER at_run AS before_truth, lag(s.jaccard) OVER at_run AS before_jaccard, lag(v.span) OVER at_run AS before_span, v.span
  FROM scores s JOIN windows v ON v.run_id = s.run_id AND v.w = s.w WHERE NOT v.warmup
  WINDOW at_run AS (PARTITION BY s.run_id, s."scope", s."target" ORDER BY s.w)),
common AS (
  SELECT l.run_id, l."scope", l."target", l.w, sum(bit_count(x.bits::BIT & y.bits::BIT)) AS both
  FROM live l JOIN page_sets x ON x.run_id = l.run_id AND x.w = l.w AND x."scope" = l."scope" AND x.kind = CASE l."target" WHEN 'touched' THEN 'truth' ELSE 'truth_writes' END
  JOIN page_sets y ON y.run_id = l.run_id AND y.w = l.before_w AND y."scope" = x."scope" AND y.kind = x.kind AND y.chunk = x.chunk
  GROUP BY ALL),
changes AS (
  SELECT l.*, (l.truth + l.before_truth - 2 * coalesce(c.both, 0)) / nullif(l.truth, 0) AS changed
  FROM live l LEFT JOIN common c ON c.run_id = l.run_id AND c."scope" = l."scope" AND c."target" = l."target" AND c.w = l.w
  WHERE l.before_w IS NOT NULL AND l.span = l.before_span)
SELECT c.run_id, c."scope", c."target", c.w, c.changed, c.before_jaccard AS jaccard_before,
       (SELECT min(l.w) FROM live l WHERE l.run_id = c.run_id AND l."scope" = c."scope" AND l."target" = c."target" AND l.w >= c.w AND l.jaccard >= $recovered * c.before_jaccard) - c.w AS lag_windows
FROM changes c WHERE c.changed > $change ORDER BY ALL`,
    bind: { change: Number(change), recovered: Number(recovered) },
  }),
} as const satisfies Metric;
