/** Real reports of kernel trackers against truth, cycle by cycle: the tables of the captures' score.txt. */
import { setsByChunk } from './sets.ts';
import { column } from './view.ts';
import type { ViewColumn, ViewSpec } from './view.ts';

const CYCLE_COLUMNS: readonly ViewColumn[] = [
  column('trace', '', 'name of the trace'),
  column('stream', '', 'capture stream'),
  column('w', 'index', 'window'),
  column('t_s', 's', 'start of the claim window, trace clock'),
  column('window_ms', 'ms', 'length of the claim window'),
];

export const idleSnapshots = {
  descriptor: {
    id: 'idle_snapshots',
    title: 'Idle page tracking against truth, snapshot by snapshot',
    source: 'captures: score.txt, idle section; Documentation/admin-guide/mm/idle_page_tracking.rst',
    comment:
      'observed idle-page runs, over the pages on an LRU list at set time (eligible); touches through a user mapping unless said otherwise',
    columns: [
      ...CYCLE_COLUMNS,
      column('truth', 'pages', 'eligible pages surely touched'),
      column('reported', 'pages', 'eligible pages that are not idle any more'),
      column('hit', 'pages', 'both'),
      column('missed', 'pages', 'touched, yet still idle'),
      column('kernel_touched', 'pages', 'reported, touched by the kernel alone, even in the outer window'),
      column('untouched', 'pages', 'reported, touched by nobody in the outer window'),
      column('edge_only', 'pages', 'reported, touched by the user only at the edges'),
      column('run_id', '', 'run'),
    ],
    sql: `
WITH runs_of AS (SELECT run_id, trace, stream FROM runs WHERE scheme = 'observed:idle-page'),
listed AS (SELECT DISTINCT run_id, w FROM page_sets WHERE kind = 'eligible' AND run_id IN (SELECT run_id FROM runs_of)),
sets AS (
  SELECT s.* EXCLUDE (l), coalesce(l, CASE WHEN e.w IS NULL THEN ~no_pages() ELSE no_pages() END) AS l
  FROM (${setsByChunk('run_id IN (SELECT run_id FROM runs_of)')}) s LEFT JOIN listed e ON e.run_id = s.run_id AND e.w = s.w),
sums AS (
  SELECT run_id, w, sum(bit_count(tm & l)) AS truth, sum(bit_count(d & l)) AS reported, sum(bit_count(d & tm & l)) AS hit,
         sum(bit_count(d & l & ~(tm | em) & (ta | ea))) AS kernel_touched, sum(bit_count(d & l & ~(ta | ea))) AS untouched, sum(bit_count(d & l & em)) AS edge_only
  FROM sets GROUP BY run_id, w)
SELECT r.trace, r.stream, v.w, v.claim_t0_ns / 1e9 AS t_s, (v.claim_t1_ns - v.claim_t0_ns) / 1e6 AS window_ms,
       coalesce(s.truth, 0)::BIGINT AS truth, coalesce(s.reported, 0)::BIGINT AS reported, coalesce(s.hit, 0)::BIGINT AS hit, coalesce(s.truth - s.hit, 0)::BIGINT AS missed,
       coalesce(s.kernel_touched, 0)::BIGINT AS kernel_touched, coalesce(s.untouched, 0)::BIGINT AS untouched, coalesce(s.edge_only, 0)::BIGINT AS edge_only, r.run_id
FROM runs_of r JOIN windows v ON v.run_id = r.run_id AND v.scored LEFT JOIN sums s ON s.run_id = v.run_id AND s.w = v.w
ORDER BY r.trace, r.stream, v.w`,
  },
} as const satisfies ViewSpec;

export const uffdCycles = {
  descriptor: {
    id: 'uffd_cycles',
    title: 'userfaultfd trackers against truth, cycle by cycle',
    source: 'captures: score.txt, RWP and uffd-wp sections',
    comment: 'observed uffd-rwp (touched) and uffd-wp (written) runs, touches through a user mapping',
    columns: [
      ...CYCLE_COLUMNS,
      column('scheme', '', 'observed:uffd-rwp or observed:uffd-wp'),
      column('target', '', 'touched or written'),
      column('truth', 'pages', 'surely touched in the claim window'),
      column('reported', 'pages', 'reported'),
      column('hit', 'pages', 'both'),
      column('missed', 'pages', 'touched, not reported'),
      column('extra', 'pages', 'reported, not touched even in the outer window'),
      column('edge_only', 'pages', 'reported, touched only while marks were set or read, or in a quantum cut by an edge'),
      column('run_id', '', 'run'),
    ],
    sql: `
SELECT r.trace, r.stream, s.w, v.claim_t0_ns / 1e9 AS t_s, (v.claim_t1_ns - v.claim_t0_ns) / 1e6 AS window_ms, r.scheme, r."target",
       s.truth, s.reported, s.tp AS hit, s.fn AS missed, s.fp AS extra, s.edge AS edge_only, r.run_id
FROM runs r JOIN scores s ON s.run_id = r.run_id AND s."target" = r."target" AND s."scope" = 'mapped' JOIN windows v ON v.run_id = s.run_id AND v.w = s.w
WHERE r.scheme LIKE 'observed:uffd-%'
ORDER BY r.trace, r.stream, s.w`,
  },
} as const satisfies ViewSpec;
