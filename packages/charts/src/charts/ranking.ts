/** Schemes × traces: F1 and rank. */
import type { Chart } from '../chart.ts';
import { framed } from '../frame.ts';
import { groupBy, num, printable, text } from '../values.ts';
import { microScoresSql } from './pareto.ts';

export const ranking: Chart<'ranking'> = {
  descriptor: {
    id: 'ranking',
    title: 'Which scheme finds the working set best, and does that hold on every trace?',
    source: 'workset metrics: working-set discovery',
    reads: ['runs', 'windows', 'scores'],
    advice: 'workset sweep plan.yaml -o DIR (several traces), or workset replay TRACE -o DIR for each',
    acrossTraces: true,
  },

  sql(ctx) {
    return `SELECT q.run_id, r.trace, q.f1, q.precision, q.recall, rank() OVER (PARTITION BY r.trace ORDER BY q.f1 DESC) AS rank
FROM (${microScoresSql(ctx, true)}) q JOIN runs r USING (run_id) WHERE q.f1 IS NOT NULL AND (r.stream IS NULL OR NOT EXISTS (FROM runs WHERE stream IS NULL)) ORDER BY r.trace, rank, q.run_id`;
  },

  spec(rows, ctx) {
    const labels = new Map(ctx.allRuns.map((run) => [run.runId, run.label]));
    const ramp = ctx.theme.ramp;
    const data = rows.map((row) => {
      const level = Math.min(ramp.length - 1, Math.floor(num(row, 'f1') * ramp.length));
      return {
        scheme: labels.get(text(row, 'run_id')) ?? text(row, 'run_id'),
        trace: printable(text(row, 'trace')),
        f1: num(row, 'f1'),
        rank: num(row, 'rank'),
        level,
        cell: `${num(row, 'f1').toFixed(3)}  (${num(row, 'rank')})`,
        dark: level >= 5,
      };
    });
    const order = [...groupBy(data, (row) => row.scheme)]
      .map(([scheme, list]) => ({ scheme, mean: list.reduce((sum, row) => sum + row.rank, 0) / list.length }))
      .sort((a, b) => a.mean - b.mean);
    return framed(
      ranking,
      ctx,
      {
        reading:
          'Each cell: F1 summed over windows (micro) and, in brackets, the rank on that trace. Rows by mean rank. Only runs over a whole trace: those that follow one capture stream see other windows.',
        without: ['cost'],
      },
      {
        width: { step: 130 },
        height: { step: 24 },
        data: { values: data },
        encoding: {
          x: {
            field: 'trace',
            type: 'nominal',
            title: null,
            axis: { orient: 'top', labelAngle: 0, labelLimit: 124, ticks: false, domain: false },
          },
          y: {
            field: 'scheme',
            type: 'nominal',
            title: null,
            sort: order.map(({ scheme }) => scheme),
            axis: { ticks: false, domain: false, labelPadding: 6 },
          },
        },
        layer: [
          {
            mark: { type: 'rect', stroke: ctx.theme.background, strokeWidth: 2, aria: false },
            encoding: { color: { field: 'level', type: 'ordinal', legend: null, scale: { domain: ramp.map((_, i) => i), range: ramp } } },
          },
          {
            mark: { type: 'text', fontSize: 11 },
            encoding: {
              text: { field: 'cell' },
              color: { condition: { test: 'datum.dark', value: ctx.theme.background }, value: ctx.theme.ink },
            },
          },
        ],
      },
    );
  },
};
