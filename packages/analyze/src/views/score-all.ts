/** Scores of a run summed (micro) and averaged (macro) over its windows. */
import { column } from './view.ts';
import type { ViewColumn, ViewSpec } from './view.ts';

/** Which run, and under which conditions: the first columns of every summary. */
export const RUN_COLUMNS: readonly ViewColumn[] = [
  column('trace', '', 'name of the trace'),
  column('scheme', '', 'tracking scheme, observed:<id> for a real report'),
  column('params', '', 'parameters as JSON'),
  column('kind', '', 'simulated or observed'),
  column('truth_grade', '', 'exact, sampled, faults or observed: what may be claimed'),
  column('space', '', 'address space'),
  column('scope', '', 'any or mapped: which touches count'),
  column('target', '', 'touched or written'),
];

const FIGURES: readonly ViewColumn[] = [
  column('windows', 'count', 'scored windows, warm-up left out'),
  column('precision', 'ratio', 'micro: sum of tp / sum of tp+fp'),
  column('recall', 'ratio', 'micro: sum of tp / sum of truth'),
  column('recall_eligible', 'ratio', 'micro, within the pages the tracker could hold'),
  column('f1', 'ratio', 'micro'),
  column('jaccard', 'ratio', 'micro'),
  column('wss_error', 'ratio', 'micro: (reported - truth) / truth'),
  column('false_cold_rate', 'ratio', 'micro: fn / truth'),
  column('precision_mean', 'ratio', 'macro: mean of windows'),
  column('recall_mean', 'ratio', 'macro: mean of windows'),
  column('f1_mean', 'ratio', 'macro: mean of windows'),
  column('jaccard_mean', 'ratio', 'macro: mean of windows'),
  column('wss_error_mean', 'ratio', 'macro: mean of windows'),
  column('overhead', 'ratio', 'stall of the workload / (duration x vCPUs), priced by cost_profile; NULL when no costs were counted'),
  column('tracker_share', 'ratio', 'tracker CPU time / duration'),
  column('cost_profile', '', 'names the prices'),
  column('truth', 'pages', 'sum over windows'),
  column('reported', 'pages', 'sum over windows'),
  column('tp', 'pages', 'sum over windows: hit'),
  column('fn', 'pages', 'sum over windows: missed'),
  column('fp', 'pages', 'sum over windows: extra'),
  column('edge', 'pages', 'sum over windows: reported, neither right nor wrong'),
  column('own_scope', '', 'the scope is the best the scheme can see'),
  column('own_target', '', 'the target is what the scheme claims'),
  column('stream', '', 'capture stream of an observed run'),
  column('world', '', 'schemes that shared a kernel'),
  column('seed', '', 'seed of the run'),
  column('run_id', '', 'run'),
];

export const SUMMARY_COLUMNS: readonly ViewColumn[] = [...RUN_COLUMNS, ...FIGURES];

export const scoreAll = {
  descriptor: {
    id: 'score_all',
    title: 'Scores of every run, scope and target',
    source: 'docs/metrics.md',
    comment: 'one row per run, scope and target: micro and macro scores over all scored windows but warm-up, and what the run cost',
    columns: SUMMARY_COLUMNS,
    sql: `
WITH spent AS (SELECT run_id, sum(vcpu_ns) AS vcpu_ns, sum(tracker_ns) AS tracker_ns FROM costs GROUP BY run_id),
summed AS (
  SELECT s.run_id, s."scope", s."target", count(*) AS windows,
         sum(s.truth)::BIGINT AS truth, sum(s.reported)::BIGINT AS reported, sum(s.tp)::BIGINT AS tp, sum(s.fn)::BIGINT AS fn,
         sum(s.fp)::BIGINT AS fp, sum(s.edge)::BIGINT AS edge, sum(s.tp_eligible)::BIGINT AS tp_eligible, sum(s.truth_eligible)::BIGINT AS truth_eligible,
         avg(s."precision") AS precision_mean, avg(s.recall) AS recall_mean, avg(s.f1) AS f1_mean, avg(s.jaccard) AS jaccard_mean, avg(s.wss_error) AS wss_error_mean
  FROM scores s JOIN windows v ON v.run_id = s.run_id AND v.w = s.w
  WHERE NOT v.warmup
  GROUP BY ALL)
SELECT r.trace, r.scheme, r.params, r.kind, r.truth AS truth_grade, r.space, s."scope", s."target", s.windows,
       precision_of(s.tp, s.fp) AS "precision", recall_of(s.tp, s.fn) AS recall, s.tp_eligible / nullif(s.truth_eligible, 0) AS recall_eligible,
       CASE WHEN s.tp + s.fp > 0 AND s.truth > 0 THEN 2 * s.tp / (2 * s.tp + s.fp + s.fn) END AS f1,
       coalesce(s.tp / nullif(s.tp + s.fp + s.fn, 0), 1) AS jaccard,
       (s.reported - s.truth) / nullif(s.truth, 0) AS wss_error, s.fn / nullif(s.truth, 0) AS false_cold_rate,
       s.precision_mean, s.recall_mean, s.f1_mean, s.jaccard_mean, s.wss_error_mean,
       c.vcpu_ns / nullif(r.duration_ns * r.vcpus, 0) AS overhead, c.tracker_ns / nullif(r.duration_ns, 0) AS tracker_share, r.cost_profile,
       s.truth, s.reported, s.tp, s.fn, s.fp, s.edge,
       s."scope" = r."scope" AS own_scope, s."target" = r."target" AS own_target, r.stream, r.world, r.seed, r.run_id
FROM summed s JOIN runs r ON r.run_id = s.run_id LEFT JOIN spent c ON c.run_id = s.run_id`,
  },
} as const satisfies ViewSpec;

export const scoreSummary = {
  descriptor: {
    id: 'score_summary',
    title: 'Scores of every run against what it claims',
    source: 'docs/metrics.md',
    comment: 'score_all, for the target each scheme claims (uffd-wp: written pages); one row per scope. Start here',
    columns: SUMMARY_COLUMNS,
    sql: `SELECT * FROM score_all WHERE own_target ORDER BY trace, "target", "scope", f1 DESC NULLS LAST, scheme, run_id`,
  },
} as const satisfies ViewSpec;

export const scoreBest = {
  descriptor: {
    id: 'score_best',
    title: 'The best run of every trace',
    source: 'docs/metrics.md',
    comment: 'per trace, space, scope and target, the run with the highest F1 (then the lowest overhead)',
    columns: SUMMARY_COLUMNS,
    sql: `SELECT * FROM score_summary
QUALIFY row_number() OVER (PARTITION BY trace, space, "scope", "target" ORDER BY f1 DESC NULLS LAST, overhead NULLS LAST, run_id) = 1
ORDER BY trace, space, "target", "scope"`,
  },
} as const satisfies ViewSpec;

export const pareto = {
  descriptor: {
    id: 'pareto',
    title: 'Quality against overhead',
    source: 'docs/metrics.md',
    comment:
      'runs with known costs; on_front = no other run of the same trace, space, scope and target has at least its F1 for at most its overhead, and one of them better',
    columns: [...SUMMARY_COLUMNS, column('on_front', '', 'nothing better for less')],
    sql: `SELECT a.*, NOT EXISTS (
  SELECT 1 FROM score_summary b
  WHERE b.trace = a.trace AND b.space = a.space AND b."scope" = a."scope" AND b."target" = a."target" AND b.overhead <= a.overhead AND b.f1 >= a.f1
    AND (b.overhead < a.overhead OR b.f1 > a.f1)) AS on_front
FROM score_summary a WHERE a.overhead IS NOT NULL AND a.f1 IS NOT NULL
ORDER BY a.trace, a."target", a."scope", a.overhead`,
  },
} as const satisfies ViewSpec;
