/** Regions of region trackers: as rectangles of a heat map, and as DAMON snapshots against truth. */
import { setsByChunk } from './sets.ts';
import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

export const regionHeat = {
  descriptor: {
    id: 'region_heat',
    title: 'Regions over time',
    source: 'Documentation/mm/damon/design.rst',
    comment: 'reported regions as rectangles: time by address, with their score and age',
    columns: [
      column('trace', '', 'name of the trace'),
      column('scheme', '', 'tracking scheme'),
      column('w', 'index', 'window'),
      column('t0_s', 's', 'start of the claim window'),
      column('t1_s', 's', 'end of the claim window'),
      column('start_page', 'page', 'first page number'),
      column('end_page', 'page', 'page number after the last'),
      column('score', '', 'nr_accesses'),
      column('age_s', 's', 'time since its pattern changed'),
      column('run_id', '', 'run'),
    ],
    sql: `SELECT r.trace, r.scheme, g.w, v.claim_t0_ns / 1e9 AS t0_s, v.claim_t1_ns / 1e9 AS t1_s, g.start_page, g.start_page + g.n_pages AS end_page, g.score, g.age_ns / 1e9 AS age_s, r.run_id
FROM regions g JOIN windows v ON v.run_id = g.run_id AND v.w = g.w JOIN runs r ON r.run_id = g.run_id
ORDER BY r.trace, r.run_id, g.w, g.start_page`,
  },
} as const satisfies ViewSpec;

export const damonSnapshots = {
  descriptor: {
    id: 'damon_snapshots',
    title: 'DAMON reports against truth, snapshot by snapshot',
    source: 'captures: score.txt, DAMON section',
    comment:
      'observed DAMON runs: pages of the monitored regions (the eligible set) that were touched through a user mapping at any time in the window (truth and edge), and how many of them lay in a region with nr_accesses > 0 (the reported set)',
    columns: [
      column('trace', '', 'name of the trace'),
      column('stream', '', 'capture stream'),
      column('w', 'index', 'window'),
      column('t_s', 's', 'time of the report, trace clock'),
      column('regions', 'count', 'regions'),
      column('monitored', 'pages', 'pages in all regions'),
      column('hot', 'pages', 'pages in regions with nr_accesses > 0'),
      column('nr_accesses_max', 'count', 'highest nr_accesses'),
      column('touched', 'pages', 'touched pages inside a monitored region'),
      column('in_hot_region', 'pages', 'of them, in a region with nr_accesses > 0'),
      column('run_id', '', 'run'),
    ],
    sql: `
WITH runs_of AS (SELECT run_id, trace, stream FROM runs WHERE scheme LIKE 'observed:damon%'),
sets AS (${setsByChunk('run_id IN (SELECT run_id FROM runs_of)')}),
placed AS (
  SELECT run_id, w, sum(bit_count((tm | em) & coalesce(l, no_pages())))::BIGINT AS touched, sum(bit_count((tm | em) & d))::BIGINT AS in_hot_region
  FROM sets GROUP BY ALL),
shape AS (
  SELECT run_id, w, count(*) AS regions, sum(n_pages)::BIGINT AS monitored, coalesce(sum(n_pages) FILTER (score > 0), 0)::BIGINT AS hot, max(score) AS nr_accesses_max
  FROM regions WHERE run_id IN (SELECT run_id FROM runs_of) GROUP BY ALL)
SELECT r.trace, r.stream, v.w, v.report_ns / 1e9 AS t_s, s.regions, s.monitored, s.hot, s.nr_accesses_max,
       CASE WHEN v.scored THEN coalesce(p.touched, 0) END AS touched, CASE WHEN v.scored THEN coalesce(p.in_hot_region, 0) END AS in_hot_region, r.run_id
FROM runs_of r JOIN windows v ON v.run_id = r.run_id JOIN shape s ON s.run_id = v.run_id AND s.w = v.w LEFT JOIN placed p ON p.run_id = v.run_id AND p.w = v.w
ORDER BY r.trace, r.stream, v.w`,
  },
} as const satisfies ViewSpec;
