import { ratioColumn } from './metric.ts';
import type { Metric } from './metric.ts';

const text = (name: string, comment: string) => ({ name, type: 'VARCHAR', unit: '', comment }) as const;

/** How far the model's hotness distribution is from the kernel's, with the distance between seeds as the yardstick. */
export const nrAccessesDistance = {
  descriptor: {
    id: 'nr-accesses-distance',
    title: 'Distance between nr_accesses distributions',
    source: 'docs/metrics.md, Fidelity; Rubner et al. 1998 (earth mover)',
    definition:
      "earth mover's distance, in nr_accesses, between the page-weighted distributions of region scores over all windows but warm-up: of a model and the real report whose cycles it repeats, or one with the same scheme in the same space (model-kernel), and of two seeds of the same run (seed-seed); a run without regions has no row",
    reads: ['runs', 'regions', 'windows'],
    columns: [
      text('trace', 'name of the trace'),
      text('scheme', 'scheme of run a'),
      text('pair', 'model-kernel or seed-seed'),
      ratioColumn('distance', "earth mover's distance", 'nr_accesses'),
      ratioColumn('mean_a', 'mean over pages', 'nr_accesses'),
      ratioColumn('mean_b', 'mean over pages', 'nr_accesses'),
      text('a_run', 'run a'),
      text('b_run', 'run b'),
    ],
  },
  params: {},
  sql: () => ({
    text: `
WITH mass AS (SELECT g.run_id, g.score, sum(g.n_pages)::DOUBLE AS pages FROM regions g JOIN windows v ON v.run_id = g.run_id AND v.w = g.w WHERE NOT v.warmup GROUP BY ALL),
share AS MATERIALIZED (SELECT run_id, score, pages / sum(pages) OVER (PARTITION BY run_id) AS p FROM mass),
known AS (SELECT r.* FROM runs r SEMI JOIN share s ON s.run_id = r.run_id),
pairs AS (
  SELECT a.trace, a.scheme, CASE WHEN b.kind = 'observed' THEN 'model-kernel' ELSE 'seed-seed' END AS pair, a.run_id AS a_run, b.run_id AS b_run
  FROM known a JOIN known b ON b.trace_id = a.trace_id AND b.space = a.space
  WHERE a.kind = 'simulated' AND (b.scheme = 'observed:' || a.scheme
     OR (b.scheme = a.scheme AND b.params = a.params AND b.stream IS NOT DISTINCT FROM a.stream AND b.world IS NOT DISTINCT FROM a.world AND a.seed < b.seed))),
levels AS (SELECT DISTINCT p.a_run, p.b_run, s.score FROM pairs p JOIN share s ON s.run_id IN (p.a_run, p.b_run)),
heights AS (
  SELECT l.a_run, l.b_run, l.score, coalesce(x.p, 0) AS x, coalesce(y.p, 0) AS y
  FROM levels l LEFT JOIN share x ON x.run_id = l.a_run AND x.score = l.score LEFT JOIN share y ON y.run_id = l.b_run AND y.score = l.score),
steps AS (
  SELECT *, lead(score, 1, score) OVER pair_of - score AS step, sum(x - y) OVER pair_of AS gap FROM heights WINDOW pair_of AS (PARTITION BY a_run, b_run ORDER BY score))
SELECT p.trace, p.scheme, p.pair, sum(abs(s.gap) * s.step) AS distance, sum(s.x * s.score) AS mean_a, sum(s.y * s.score) AS mean_b, p.a_run, p.b_run
FROM pairs p JOIN steps s ON s.a_run = p.a_run AND s.b_run = p.b_run GROUP BY ALL ORDER BY p.trace, p.scheme, p.pair, p.a_run, p.b_run`,
    bind: {},
  }),
} as const satisfies Metric;
