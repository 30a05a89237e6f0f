/** How far two trackers agree on the same memory and time, window by window and summed. */
import { recordingOf } from './damo-wss.ts';
import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

/** Which runs are compared: see the comment of agreement_windows. */
const MODEL_OF_REPORT = `a.kind = 'simulated' AND b.kind = 'observed' AND a.stream = b.stream`;
/** Targets of one DAMON recording are different memory. */
const PAIRS = `CASE WHEN a.kind <> b.kind THEN ${MODEL_OF_REPORT}
  WHEN a.kind = 'observed' THEN a.run_id < b.run_id AND ${recordingOf('a.stream')} <> ${recordingOf('b.stream')}
  ELSE a.run_id < b.run_id AND a.scheme <> b.scheme AND a.stream IS NULL AND b.stream IS NULL AND a.world = b.world AND a.seed = b.seed AND a.n_windows = b.n_windows END`;

/**
 * The sets of both sides meet in one aggregation over (pair, chunk), not in a join of page_sets with itself: that one's size depends on the
 * order the optimiser picks.
 * @param which condition on the runs a and b
 */
function windowsSql(which: string): string {
  return `
WITH pairs AS MATERIALIZED (
  SELECT a.trace, a.space, a.run_id AS a_run, b.run_id AS b_run, a.scheme AS a_scheme, b.scheme AS b_scheme, a.kind <> b.kind AS simulated_vs_observed
  FROM runs a JOIN runs b ON a.trace_id = b.trace_id AND a.space = b.space AND a."target" = b."target" WHERE a.run_id <> b.run_id AND (${which})),
matched AS MATERIALIZED (
  SELECT p.*, x.w AS a_w, y.w AS b_w, x.claim_t1_ns / 1e9 AS t_s, least(x.n_pages, y.n_pages) AS both_track,
         least(x.claim_t1_ns, y.claim_t1_ns) - greatest(x.claim_t0_ns, y.claim_t0_ns) AS overlap_ns
  FROM pairs p JOIN windows x ON x.run_id = p.a_run
  JOIN windows y ON y.run_id = p.b_run AND y.claim_t0_ns < x.claim_t1_ns AND y.claim_t1_ns > x.claim_t0_ns
  WHERE NOT x.warmup AND NOT y.warmup AND 2 * overlap_ns >= x.claim_t1_ns - x.claim_t0_ns AND 2 * overlap_ns >= y.claim_t1_ns - y.claim_t0_ns
  QUALIFY row_number() OVER (PARTITION BY p.a_run, p.b_run, x.w ORDER BY overlap_ns DESC, y.w) = 1),
sides AS MATERIALIZED (
  SELECT a_run, b_run, a_w, a_run AS run_id, a_w AS w FROM matched
  UNION ALL SELECT a_run, b_run, a_w, b_run, b_w FROM matched),
chunks AS (
  SELECT s.a_run, s.b_run, s.a_w, p.chunk, count(*) AS n, bit_and(p.bits::BIT) AS common
  FROM page_sets p JOIN sides s ON s.run_id = p.run_id AND s.w = p.w WHERE p.kind = 'reported' GROUP BY ALL),
common AS (SELECT a_run, b_run, a_w, sum(bit_count(common)) FILTER (n = 2)::BIGINT AS pages FROM chunks GROUP BY ALL),
used AS (SELECT DISTINCT run_id, w FROM sides),
sizes AS MATERIALIZED (
  SELECT p.run_id, p.w, sum(bit_count(p.bits::BIT))::BIGINT AS pages FROM page_sets p JOIN used u ON u.run_id = p.run_id AND u.w = p.w WHERE p.kind = 'reported' GROUP BY ALL),
counted AS (
  SELECT m.*, coalesce(x.pages, 0) AS a_pages, coalesce(y.pages, 0) AS b_pages, coalesce(c.pages, 0) AS "both",
         -- a run that tracks more may report pages that the other cannot
         greatest(m.both_track, a_pages + b_pages - "both") AS n_pages
  FROM matched m LEFT JOIN sizes x ON x.run_id = m.a_run AND x.w = m.a_w LEFT JOIN sizes y ON y.run_id = m.b_run AND y.w = m.b_w
  LEFT JOIN common c ON c.a_run = m.a_run AND c.b_run = m.b_run AND c.a_w = m.a_w),
chance AS (
  SELECT *, (n_pages - a_pages - b_pages + 2 * "both") / nullif(n_pages, 0) AS seen,
         (a_pages::DOUBLE * b_pages + (n_pages - a_pages)::DOUBLE * (n_pages - b_pages)) / nullif(n_pages::DOUBLE * n_pages, 0) AS expected
  FROM counted)
SELECT trace, space, a_scheme, b_scheme, simulated_vs_observed, a_w, b_w, t_s, n_pages, a_pages, b_pages, "both",
       coalesce("both" / nullif(a_pages + b_pages - "both", 0), 1) AS jaccard, (a_pages - b_pages) / nullif(b_pages, 0) AS wss_error,
       (seen - expected) / nullif(1 - expected, 0) AS kappa, a_run, b_run
FROM chance ORDER BY trace, a_run, b_run, a_w`;
}

const summed = (windows: string): string => `
SELECT trace, space, a_scheme, b_scheme, simulated_vs_observed, count(*) AS windows,
       coalesce(sum("both") / nullif(sum(a_pages + b_pages - "both"), 0), 1) AS jaccard, avg(jaccard) AS jaccard_mean, (sum(a_pages) - sum(b_pages)) / nullif(sum(b_pages), 0) AS wss_error,
       avg(kappa) AS kappa_mean, sum(a_pages)::BIGINT AS a_pages, sum(b_pages)::BIGINT AS b_pages, sum("both")::BIGINT AS "both", a_run, b_run
FROM ${windows} GROUP BY ALL ORDER BY trace, a_scheme, b_scheme, a_run, b_run`;

const PAIR = [
  column('trace', '', 'name of the trace'),
  column('space', '', 'address space'),
  column('a_scheme', '', 'first tracker (the simulated one of a simulated and observed pair)'),
  column('b_scheme', '', 'second tracker'),
  column('simulated_vs_observed', '', 'a is simulated, b a real report'),
];

export const agreementWindows = {
  descriptor: {
    id: 'agreement_windows',
    title: 'Agreement of two trackers per window',
    source: 'docs/metrics.md, Fidelity',
    comment:
      'each window of run a with the window of run b that overlaps it most (at least half of both), same trace, space and target; the reported sets compared. Warm-up left out. Pairs: two real reports (but for targets of one DAMON recording); a real report and the model that repeats its cycles; two simulated schemes with equal world, seed and number of windows',
    columns: [
      ...PAIR,
      column('a_w', 'index', 'window of a'),
      column('b_w', 'index', 'window of b'),
      column('t_s', 's', 'end of the claim window of a'),
      column('n_pages', 'pages', 'pages tracked by both: the fewer of the two'),
      column('a_pages', 'pages', '|A|'),
      column('b_pages', 'pages', '|B|'),
      column('both', 'pages', '|A∩B|'),
      column('jaccard', 'ratio', '|A∩B|/|A∪B|; 1 when both are empty'),
      column('wss_error', 'ratio', '(|A|-|B|)/|B|; NULL when B is empty'),
      column('kappa', 'ratio', "Cohen's kappa over n_pages; NULL when chance agreement is certain"),
      column('a_run', '', 'run a'),
      column('b_run', '', 'run b'),
    ],
    sql: windowsSql(PAIRS),
  },
} as const satisfies ViewSpec;

const AGREEMENT_COLUMNS = [
  ...PAIR,
  column('windows', 'count', 'matched windows'),
  column('jaccard', 'ratio', 'micro: sums over windows'),
  column('jaccard_mean', 'ratio', 'macro: mean of windows'),
  column('wss_error', 'ratio', 'micro: (|A|-|B|)/|B|'),
  column('kappa_mean', 'ratio', "macro: mean of Cohen's kappa"),
  column('a_pages', 'pages', 'sum of |A|'),
  column('b_pages', 'pages', 'sum of |B|'),
  column('both', 'pages', 'sum of |A∩B|'),
  column('a_run', '', 'run a'),
  column('b_run', '', 'run b'),
];

export const agreement = {
  descriptor: {
    id: 'agreement',
    title: 'Agreement of two trackers',
    source: 'docs/metrics.md, Fidelity',
    comment: 'agreement_windows summed per pair of runs. Agreement is not accuracy: neither side is the truth',
    columns: AGREEMENT_COLUMNS,
    sql: summed('agreement_windows'),
  },
} as const satisfies ViewSpec;

export const fidelity = {
  descriptor: {
    id: 'fidelity',
    title: 'Does the model predict the real kernel?',
    source: 'docs/metrics.md, Fidelity',
    comment: 'agreement of each simulated run with the real report whose cycles it repeats',
    columns: AGREEMENT_COLUMNS,
    sql: summed(`(${windowsSql(MODEL_OF_REPORT)})`),
  },
} as const satisfies ViewSpec;
