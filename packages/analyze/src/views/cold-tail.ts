import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

export const coldTail = {
  descriptor: {
    id: 'cold_tail',
    title: 'How much memory stays unseen, for how long',
    source: 'docs/metrics.md; kidled and DAMON_STAT show the same',
    comment:
      'per run: mean pages not reported in the last 1, 2, 4, 8 and 16 windows (only windows with that much history), and their share of the tracked pages',
    columns: [
      column('trace', '', 'name of the trace'),
      column('scheme', '', 'tracking scheme'),
      column('idle_windows', 'count', 'windows without a report'),
      column('idle_s', 's', 'mean time they span'),
      column('windows', 'count', 'windows averaged'),
      column('cold_pages', 'pages', 'mean'),
      column('cold_share', 'ratio', 'of the tracked pages'),
      column('run_id', '', 'run'),
    ],
    sql: `
WITH live AS (SELECT run_id, w, claim_t0_ns, claim_t1_ns, n_pages, row_number() OVER (PARTITION BY run_id ORDER BY w) AS n FROM windows WHERE NOT warmup),
chunks AS (SELECT DISTINCT run_id, chunk FROM page_sets WHERE kind = 'reported'),
spans AS (SELECT unnest([1, 2, 4, 8, 16]) AS k),
grid AS (
  SELECT l.run_id, l.n, c.chunk, p.bits::BIT AS d
  FROM live l JOIN chunks c ON c.run_id = l.run_id LEFT JOIN page_sets p ON p.run_id = l.run_id AND p.w = l.w AND p.chunk = c.chunk AND p.kind = 'reported'),
seen AS (
  SELECT run_id, n, unnest([1, 2, 4, 8, 16]) AS k, unnest([
      d, bit_or(d) OVER two, bit_or(d) OVER four, bit_or(d) OVER eight, bit_or(d) OVER sixteen]) AS d
  FROM grid
  WINDOW two AS (PARTITION BY run_id, chunk ORDER BY n ROWS 1 PRECEDING), four AS (PARTITION BY run_id, chunk ORDER BY n ROWS 3 PRECEDING),
         eight AS (PARTITION BY run_id, chunk ORDER BY n ROWS 7 PRECEDING), sixteen AS (PARTITION BY run_id, chunk ORDER BY n ROWS 15 PRECEDING)),
counted AS (SELECT run_id, n, k, coalesce(sum(bit_count(d)), 0) AS pages FROM seen GROUP BY ALL)
SELECT r.trace, r.scheme, s.k AS idle_windows, avg(l.claim_t1_ns - f.claim_t0_ns) / 1e9 AS idle_s, count(*) AS windows,
       avg(l.n_pages - coalesce(c.pages, 0)) AS cold_pages, avg((l.n_pages - coalesce(c.pages, 0)) / nullif(l.n_pages, 0)) AS cold_share, r.run_id
FROM live l JOIN spans s ON l.n >= s.k JOIN live f ON f.run_id = l.run_id AND f.n = l.n - s.k + 1
LEFT JOIN counted c ON c.run_id = l.run_id AND c.n = l.n AND c.k = s.k JOIN runs r ON r.run_id = l.run_id
GROUP BY ALL ORDER BY r.trace, r.scheme, r.run_id, s.k`,
  },
} as const satisfies ViewSpec;
