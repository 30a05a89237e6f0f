import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

export const regionTruth = {
  descriptor: {
    id: 'region_truth',
    title: 'Touched pages of every scored region',
    source: 'docs/metrics.md, Ranking quality',
    comment:
      'regions of scored windows with the pages in them that were touched (truth) or neither right nor wrong (edge), per scope and target',
    columns: [
      column('run_id', '', 'run'),
      column('w', 'index', 'window'),
      column('scope', '', 'any or mapped'),
      column('target', '', 'touched or written'),
      column('start_page', 'page', 'first page number'),
      column('n_pages', 'pages', 'length'),
      column('score', '', 'nr_accesses'),
      column('age_ns', 'ns', 'time since its pattern changed'),
      column('truth', 'pages', 'surely touched in the claim window'),
      column('edge', 'pages', 'touched only at the edges'),
    ],
    sql: `
WITH parts AS (
  SELECT g.run_id, g.w, s."scope", s."target", g.start_page, g.n_pages, g.score, g.age_ns, p.kind IN ('truth', 'truth_writes') AS sure,
         CASE WHEN p.bits IS NOT NULL THEN pages_in(p.bits, greatest(g.start_page - p.chunk * 65536, 0), least(g.start_page + g.n_pages - p.chunk * 65536, 65536)) END AS pages
  FROM regions g JOIN scores s ON s.run_id = g.run_id AND s.w = g.w
  LEFT JOIN page_sets p ON p.run_id = g.run_id AND p.w = g.w AND p."scope" = s."scope"
    AND p.kind IN (CASE s."target" WHEN 'touched' THEN 'truth' ELSE 'truth_writes' END, CASE s."target" WHEN 'touched' THEN 'edge' ELSE 'edge_writes' END)
    AND p.chunk BETWEEN g.start_page // 65536 AND (g.start_page + g.n_pages - 1) // 65536)
SELECT run_id, w, "scope", "target", start_page, n_pages, score, age_ns, coalesce(sum(pages) FILTER (sure), 0)::BIGINT AS truth, coalesce(sum(pages) FILTER (NOT sure), 0)::BIGINT AS edge
FROM parts GROUP BY ALL ORDER BY run_id, w, "scope", "target", start_page`,
  },
} as const satisfies ViewSpec;
