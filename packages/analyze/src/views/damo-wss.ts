/** `damo report wss`, to the byte: what damo v3.3.0 prints for a recording, line by line. */
import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

/** Columns of damo's bar (its option --nr_cols_bar). */
const BAR = 59;

/** A size as damo writes it: base 1024, a unit only above its threshold, three decimals but for bytes. */
const size = (bytes: string): string =>
  `CASE ${['EiB', 'PiB', 'TiB', 'GiB', 'MiB', 'KiB']
    .map((unit, i) => `WHEN ${bytes} > ${2 ** (10 * (6 - i))} THEN printf('%.3f ${unit}', ${bytes}::DOUBLE / ${2 ** (10 * (6 - i))})`)
    .join(' ')} ELSE printf('%d B', trunc(${bytes})::BIGINT) END`;

/** SQL: a stream's name without its target (`x.t18` of damo's records, `x.target1` of texts). */
export const recordingOf = (stream: string): string => `regexp_replace(${stream}, '\\.t(arget)?[0-9]+$', '')`;

export const damoWss = {
  descriptor: {
    id: 'damo_wss',
    title: 'Working-set size as `damo report wss` prints it',
    source: 'damo src/damo_wss.py (v3.3.0), with its default options',
    comment:
      'per recording of a region tracker (all its targets together, as damo does): the lines that damo prints. Of each snapshot the sizes of regions with nr_accesses >= 1 are summed; the first 20 snapshots are skipped; ranks are nearest ranks',
    columns: [
      column('trace', '', 'name of the trace'),
      column('scheme', '', 'tracking scheme'),
      column('line', 'line', 'number of the line, from 1; three lines of heading come first'),
      column('text', '', 'the line as damo prints it'),
      column('percentile', 'percent', '0, 25, 50, 75 or 100; NULL in the heading'),
      column('wss_bytes', 'bytes', 'working-set size at the percentile, on the third line the mean; NULL on the others'),
      column('snapshots', 'count', 'snapshots used'),
      column('run_id', '', 'run; of several targets the first'),
    ],
    sql: `
WITH recordings AS (
  SELECT run_id, trace, scheme, CASE WHEN kind = 'observed' THEN coalesce(${recordingOf('stream')}, run_id) ELSE run_id END AS recording
  FROM runs WHERE scheme LIKE 'observed:damon%' OR run_id IN (SELECT run_id FROM regions)),
sums AS (
  SELECT run_id, w, sum(n_pages)::BIGINT * 4096 AS wss FROM regions WHERE score >= 1 GROUP BY run_id, w),
kept AS (
  SELECT v.run_id, coalesce(s.wss, 0) AS wss FROM windows v LEFT JOIN sums s ON s.run_id = v.run_id AND s.w = v.w WHERE v.run_id IN (SELECT run_id FROM recordings)
  QUALIFY row_number() OVER (PARTITION BY v.run_id ORDER BY v.w) > 20),
ranked AS (SELECT run_id, wss, row_number() OVER (PARTITION BY run_id ORDER BY wss) AS rank FROM kept),
-- targets are summed rank by rank, after each was sorted
collapsed AS (
  SELECT r.trace, r.scheme, r.recording, k.rank, sum(k.wss)::BIGINT AS wss FROM ranked k JOIN recordings r ON r.run_id = k.run_id GROUP BY ALL),
lists AS (
  SELECT r.trace, r.scheme, r.recording, min(r.run_id) AS run_id, coalesce(any_value(c.wss), []) AS wss
  FROM recordings r LEFT JOIN (SELECT trace, scheme, recording, list(wss ORDER BY rank) AS wss FROM collapsed GROUP BY ALL) c
    ON c.trace = r.trace AND c.scheme = r.scheme AND c.recording = r.recording
  GROUP BY r.trace, r.scheme, r.recording),
points AS (
  SELECT l.*, p.percentile, wss[least(len(wss), floor(p.percentile::DOUBLE / 100 * len(wss))::BIGINT + 1)] AS size FROM lists l,
    (VALUES (0), (25), (50), (75), (100)) AS p(percentile) WHERE len(wss) > 0),
bars AS (
  SELECT *, CASE WHEN max(size) OVER (PARTITION BY trace, scheme, recording) > 0
    THEN trunc(size::DOUBLE / (max(size) OVER (PARTITION BY trace, scheme, recording)::DOUBLE / ${BAR}))::BIGINT ELSE size END AS stars FROM points),
means AS (SELECT *, list_sum(wss)::DOUBLE / len(wss) AS mean FROM lists),
lines AS (
  SELECT trace, scheme, recording, run_id, 1 AS line, '# target_id' || chr(9) || '0' AS text, NULL AS percentile, NULL::BIGINT AS wss_bytes, len(wss) AS snapshots FROM lists
  UNION ALL SELECT trace, scheme, recording, run_id, 2, '# <percentile> <wss>', NULL, NULL, len(wss) FROM lists
  UNION ALL SELECT trace, scheme, recording, run_id, 3, CASE WHEN len(wss) = 0 THEN '# no snapshot' ELSE '# avr:' || chr(9) || (${size('mean')}) END, NULL, trunc(mean)::BIGINT, len(wss) FROM means
  UNION ALL SELECT trace, scheme, recording, run_id, 4 + percentile // 25, lpad(percentile::VARCHAR, 3, ' ') || ' ' || lpad(${size('size')}, 15, ' ') || ' |' || repeat('*', stars) || repeat(' ', ${BAR} - stars) || '|',
    percentile, size, len(wss) FROM bars)
SELECT trace, scheme, line::INTEGER AS line, text, percentile::INTEGER AS percentile, wss_bytes, snapshots, run_id FROM lines ORDER BY trace, scheme, recording, line`,
  },
} as const satisfies ViewSpec;
