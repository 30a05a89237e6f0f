import { setsByChunk } from './sets.ts';
import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

/** Why a real idle-page report and the model of the same cycle differ, page by page. */
export const idleCauses = {
  descriptor: {
    id: 'idle_causes',
    title: 'Idle page tracking: the real report against the model, by cause',
    source: 'docs/metrics.md, Fidelity; Documentation/admin-guide/mm/idle_page_tracking.rst',
    comment:
      'each cycle of a real idle-page report beside the window of the simulated run that overlaps it most (at least half of both), over the pages of either report; pages reported by one side alone are counted by what the trace says of them. Warm-up left out',
    columns: [
      column('trace', '', 'name of the trace'),
      column('stream', '', 'capture stream'),
      column('w', 'index', 'window of the real report'),
      column('t_s', 's', 'end of the claim window, trace clock'),
      column('observed', 'pages', 'in the real report'),
      column('simulated', 'pages', 'in the report of the model'),
      column('agreed', 'pages', 'in both'),
      column('observed_untouched', 'pages', 'real report alone, touched by nobody in the outer window: freed, or never mapped'),
      column('observed_kernel', 'pages', 'real report alone, touched by the kernel alone'),
      column('observed_edge', 'pages', 'real report alone, touched through a user mapping only while marks were set or read'),
      column('observed_sure', 'pages', 'real report alone, surely touched: the model missed them'),
      column('simulated_sure', 'pages', 'model alone, surely touched: the real tracker missed them'),
      column('simulated_edge', 'pages', 'model alone, not surely touched'),
      column('jaccard', 'ratio', 'of the two reports; 1 when both are empty'),
      column(
        'jaccard_explained',
        'ratio',
        'the same without the pages in observed_untouched and observed_kernel, which a trace of accesses cannot predict',
      ),
      column('observed_run', '', 'run of the real report'),
      column('simulated_run', '', 'run of the model'),
    ],
    sql: `
WITH pairs AS (
  SELECT o.trace, o.stream, o.run_id AS observed_run, s.run_id AS simulated_run
  FROM runs o JOIN runs s ON s.trace_id = o.trace_id AND s.space = o.space AND s.stream = o.stream AND s.scheme = 'idle-page' AND s.kind = 'simulated'
  WHERE o.scheme = 'observed:idle-page'),
matched AS MATERIALIZED (
  SELECT p.*, v.w, m.w AS simulated_w, v.claim_t1_ns / 1e9 AS t_s, least(v.claim_t1_ns, m.claim_t1_ns) - greatest(v.claim_t0_ns, m.claim_t0_ns) AS overlap_ns
  FROM pairs p JOIN windows v ON v.run_id = p.observed_run AND v.scored AND NOT v.warmup
  JOIN windows m ON m.run_id = p.simulated_run AND NOT m.warmup AND m.claim_t0_ns < v.claim_t1_ns AND m.claim_t1_ns > v.claim_t0_ns
  WHERE 2 * overlap_ns >= v.claim_t1_ns - v.claim_t0_ns AND 2 * overlap_ns >= m.claim_t1_ns - m.claim_t0_ns
  QUALIFY row_number() OVER (PARTITION BY observed_run, simulated_run, v.w ORDER BY overlap_ns DESC, m.w) = 1),
o AS (${setsByChunk('run_id IN (SELECT observed_run FROM pairs)')}),
s AS (
  SELECT m.observed_run, m.simulated_run, m.w, p.chunk, p.bits::BIT AS d
  FROM page_sets p JOIN matched m ON p.run_id = m.simulated_run AND p.w = m.simulated_w WHERE p.kind = 'reported' AND p.run_id IN (SELECT simulated_run FROM pairs)),
places AS (
  SELECT m.observed_run, m.simulated_run, m.w, o.chunk FROM matched m JOIN o ON o.run_id = m.observed_run AND o.w = m.w
  UNION SELECT observed_run, simulated_run, w, chunk FROM s),
chunks AS (
  SELECT p.observed_run, p.simulated_run, p.w, coalesce(o.d, no_pages()) AS d, coalesce(s.d, no_pages()) AS m, coalesce(o.tm, no_pages()) AS tm,
         coalesce(o.tm | o.em, no_pages()) AS used, coalesce(o.tm | o.em | o.ta | o.ea, no_pages()) AS touched
  FROM places p LEFT JOIN o ON o.run_id = p.observed_run AND o.w = p.w AND o.chunk = p.chunk 
  LEFT JOIN s ON s.observed_run = p.observed_run AND s.simulated_run = p.simulated_run AND s.w = p.w AND s.chunk = p.chunk),
counted AS (
  SELECT observed_run, simulated_run, w, sum(bit_count(d))::BIGINT AS observed, sum(bit_count(m))::BIGINT AS simulated, sum(bit_count(d & m))::BIGINT AS agreed,
         sum(bit_count(d & ~m & ~touched))::BIGINT AS observed_untouched, sum(bit_count(d & ~m & touched & ~used))::BIGINT AS observed_kernel,
         sum(bit_count(d & ~m & used & ~tm))::BIGINT AS observed_edge, sum(bit_count(d & ~m & tm))::BIGINT AS observed_sure,
         sum(bit_count(m & ~d & tm))::BIGINT AS simulated_sure, sum(bit_count(m & ~d & ~tm))::BIGINT AS simulated_edge
  FROM chunks GROUP BY ALL),
filled AS (
  SELECT p.trace, p.stream, p.w, p.t_s, p.observed_run, p.simulated_run,
         coalesce(c.observed, 0) AS observed, coalesce(c.simulated, 0) AS simulated, coalesce(c.agreed, 0) AS agreed,
         coalesce(c.observed_untouched, 0) AS observed_untouched, coalesce(c.observed_kernel, 0) AS observed_kernel, coalesce(c.observed_edge, 0) AS observed_edge,
         coalesce(c.observed_sure, 0) AS observed_sure, coalesce(c.simulated_sure, 0) AS simulated_sure, coalesce(c.simulated_edge, 0) AS simulated_edge
  FROM matched p LEFT JOIN counted c ON c.observed_run = p.observed_run AND c.simulated_run = p.simulated_run AND c.w = p.w)
SELECT trace, stream, w, t_s, observed, simulated, agreed, observed_untouched, observed_kernel, observed_edge, observed_sure, simulated_sure, simulated_edge,
       coalesce(agreed / nullif(observed + simulated - agreed, 0), 1) AS jaccard,
       coalesce(agreed / nullif(observed + simulated - agreed - observed_untouched - observed_kernel, 0), 1) AS jaccard_explained, observed_run, simulated_run
FROM filled ORDER BY trace, stream, simulated_run, w`,
  },
} as const satisfies ViewSpec;
