/** Working set sizes over all windows: quantiles of truth and report, one row per run. */
import type { Chart, Spec } from '../chart.ts';
import { runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { BYTES_LABEL, binaryTicks, colorOf } from '../style.ts';
import { num, quote, text } from '../values.ts';

export const wssDistribution: Chart<'wss-distribution'> = {
  descriptor: {
    id: 'wss-distribution',
    title: 'How do the sizes that a scheme reports spread, against the true sizes?',
    source: 'damo report wss shows the same percentiles of DAMON records',
    reads: ['runs', 'windows', 'scores'],
    advice: 'workset replay TRACE -o DIR',
  },

  sql(ctx) {
    const quantiles = (column: string): string => `quantile_cont(${column}, [0.05, 0.25, 0.5, 0.75, 0.95])`;
    return `WITH sized AS (
  SELECT s.run_id, s.wss_true_bytes, s.wss_bytes FROM scores s JOIN windows w USING (run_id, w)
  WHERE ${runFilter(ctx, 's.run_id')} AND s.scope = ${quote(ctx.scope)} AND s.target = ${quote(ctx.target)} AND w.scored AND NOT w.warmup
), q AS (
  SELECT run_id, 'truth' AS what, ${quantiles('wss_true_bytes')} AS q, count(*) AS n FROM sized GROUP BY run_id
  UNION ALL SELECT run_id, 'reported', ${quantiles('wss_bytes')}, count(*) FROM sized GROUP BY run_id
)
SELECT run_id, what, q[1] AS p5, q[2] AS p25, q[3] AS p50, q[4] AS p75, q[5] AS p95, n FROM q ORDER BY run_id, what DESC`;
  },

  spec(rows, ctx) {
    const runs = ctx.runs.filter((run) => rows.some((row) => text(row, 'run_id') === run.runId));
    const byId = new Map(runs.map((run) => [run.runId, run]));
    const data = rows.flatMap((row) => {
      const run = byId.get(text(row, 'run_id'));
      if (run === undefined) return [];
      const truth = text(row, 'what') === 'truth';
      return [
        {
          run: run.label,
          what: truth ? 'truth' : 'reported',
          color: truth ? ctx.theme.truth : colorOf(run.family, ctx.theme),
          p5: num(row, 'p5'),
          p25: num(row, 'p25'),
          p50: num(row, 'p50'),
          p75: num(row, 'p75'),
          p95: num(row, 'p95'),
        },
      ];
    });
    const top = Math.max(...data.map((row) => row.p95), 4096);
    const x = (field: string): Spec => ({
      field,
      type: 'quantitative',
      title: 'working set size',
      scale: { domain: [0, top * 1.05], nice: false },
      axis: { values: binaryTicks(top * 1.05, 8), labelExpr: BYTES_LABEL },
    });
    const y = {
      field: 'run',
      type: 'nominal',
      title: null,
      sort: runs.map((run) => run.label),
      axis: { grid: false, ticks: false, domain: false, labelPadding: 6 },
    };
    const yOffset = { field: 'what', type: 'nominal', sort: ['truth', 'reported'], scale: { paddingInner: 0.2 } };
    const color = { field: 'color', type: 'nominal', scale: null, legend: null };
    return framed(
      wssDistribution,
      ctx,
      {
        reading: `Thin bar: 5th to 95th percentile of windows; thick bar: 25th to 75th; light mark: median. ${ctx.theme.truthName}: truth over the windows of that run. Colour: reported.`,
        without: ['cost'],
      },
      {
        data: { values: data },
        width: ctx.width - 220,
        height: { step: 15 },
        encoding: { y, yOffset, color },
        layer: [
          { mark: { type: 'bar', height: 2, aria: false }, encoding: { x: x('p5'), x2: { field: 'p95' } } },
          { mark: { type: 'bar', height: 9, aria: false }, encoding: { x: x('p25'), x2: { field: 'p75' } } },
          { mark: { type: 'tick', thickness: 3, size: 9, aria: false }, encoding: { x: x('p50'), color: { value: ctx.theme.background } } },
        ],
      },
    );
  },
};
