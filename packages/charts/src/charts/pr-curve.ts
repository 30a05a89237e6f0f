/** The whole threshold sweep of schemes that give scores; set reports are single points. */
import type { Chart } from '../chart.ts';
import { pageSetsOf, runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { labelsOf, seriesEncodings } from '../series.ts';
import { num, quote, text } from '../values.ts';
import { microScoresSql } from './pareto.ts';

export const prCurve: Chart<'pr-curve'> = {
  descriptor: {
    id: 'pr-curve',
    title: 'What would another threshold have given?',
    source: 'Davis and Goadrich, The relationship between precision-recall and ROC curves, ICML 2006',
    reads: ['runs', 'windows', 'scores', 'page_sets', 'regions'],
    advice: 'workset replay TRACE -o DIR --scheme damon-paddr (a scheme that gives scores)',
  },

  sql(ctx) {
    const kind = ctx.target === 'written' ? 'truth_writes' : 'truth';
    return `WITH live AS (
  SELECT run_id, w FROM windows WHERE ${runFilter(ctx)} AND scored AND NOT warmup
), piece AS (
  SELECT r.run_id, r.w, r.score, c.c AS chunk, greatest(r.start_page, c.c * 65536) - c.c * 65536 AS lo, least(r.start_page + r.n_pages, (c.c + 1) * 65536) - c.c * 65536 AS hi
  FROM regions r JOIN live USING (run_id, w), LATERAL (SELECT unnest(range(r.start_page // 65536, (r.start_page + r.n_pages - 1) // 65536 + 1)) AS c) c WHERE r.n_pages > 0
), hit AS (
  SELECT p.run_id, p.w, p.score, p.hi - p.lo AS n, CASE WHEN t.bits IS NULL THEN 0 ELSE bit_count(t.bits[p.lo // 8 + 1 : (p.hi - 1) // 8 + 1]::BIT)
    - bit_count(t.bits[p.lo // 8 + 1 : p.lo // 8 + 1]::BIT & from_hex(printf('%02x', (1 << (p.lo % 8)) - 1))::BIT)
    - bit_count(t.bits[(p.hi - 1) // 8 + 1 : (p.hi - 1) // 8 + 1]::BIT & from_hex(printf('%02x', 255 - ((2 << ((p.hi - 1) % 8)) - 1)))::BIT) END AS tp
  FROM piece p LEFT JOIN ${pageSetsOf(
    ctx.runs.map((run) => run.runId),
    ctx.nStored,
    `kind = '${kind}'`,
  )} t ON t.run_id = p.run_id AND t.w = p.w AND t.chunk = p.chunk AND t.kind = '${kind}' AND t.scope = ${quote(ctx.scope)}
), level AS (
  SELECT run_id, score, sum(n) AS n, sum(tp) AS tp FROM hit GROUP BY run_id, score
), swept AS (
  SELECT run_id, score, sum(n) OVER sweep AS n, sum(tp) OVER sweep AS tp FROM level WINDOW sweep AS (PARTITION BY run_id ORDER BY score DESC)
), truth AS (
  SELECT s.run_id, sum(s.truth) AS truth FROM scores s JOIN live USING (run_id, w) WHERE s.scope = ${quote(ctx.scope)} AND s.target = ${quote(ctx.target)} GROUP BY s.run_id
)
SELECT run_id, 'curve' AS what, score AS threshold, tp / n AS precision, tp / nullif(truth, 0) AS recall FROM swept JOIN truth USING (run_id)
UNION ALL SELECT run_id, 'set', NULL, precision, recall FROM (${microScoresSql(ctx)}) WHERE precision IS NOT NULL AND recall IS NOT NULL
ORDER BY run_id, what, threshold DESC`;
  },

  spec(rows, ctx) {
    const labels = labelsOf(ctx.runs);
    const observed = new Set(ctx.runs.filter((run) => run.kind === 'observed').map((run) => run.runId));
    const data = rows.map((row) => ({
      observed: observed.has(text(row, 'run_id')),
      series: labels.get(text(row, 'run_id')) ?? text(row, 'run_id'),
      what: text(row, 'what'),
      th: num(row, 'threshold'),
      p: num(row, 'precision'),
      r: num(row, 'recall'),
    }));
    const present = new Set(data.map((row) => row.series));
    const look = seriesEncodings(
      ctx.runs.filter((run) => present.has(run.label)),
      ctx,
    );
    const axis = { values: [0, 0.2, 0.4, 0.6, 0.8, 1] };
    const x = { field: 'r', type: 'quantitative', title: 'recall (0 to 1)', scale: { domain: [0, 1.02], nice: false }, axis };
    const y = { field: 'p', type: 'quantitative', title: 'precision (0 to 1)', scale: { domain: [0, 1.02], nice: false }, axis };
    return framed(
      prCurve,
      ctx,
      {
        reading: `Line: every threshold on nr_accesses, highest at the left; dashed: a real report. Symbol: the set that the run reported (micro).${data.some((row) => row.what === 'curve') ? '' : ' No run here gives scores, so there is no line.'} Edge pages count as wrong on the lines and are left out at the symbols.`,
        without: ['cost'],
      },
      {
        width: Math.min(460, ctx.width - 260),
        height: 380,
        data: { values: data },
        layer: [
          {
            transform: [{ filter: "datum.what === 'curve'" }],
            mark: { type: 'line', point: { size: 12 }, aria: false },
            encoding: {
              x,
              y,
              color: look.color,
              strokeDash: { condition: { test: 'datum.observed', value: [4, 2] }, value: [1, 0] },
              order: { field: 'th', type: 'quantitative', sort: 'descending' },
              detail: { field: 'series', type: 'nominal' },
            },
          },
          {
            transform: [{ filter: "datum.what === 'set'" }],
            mark: { type: 'point', filled: true, size: 90, opacity: 1, stroke: ctx.theme.background, strokeWidth: 0.6 },
            encoding: { x, y, color: look.color, shape: look.shape },
          },
        ],
      },
    );
  },
};
