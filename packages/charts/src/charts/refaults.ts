/** Refaults per eviction, by policy and primitive. */
import type { Chart } from '../chart.ts';
import { runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { seriesEncodings, labelsOf } from '../series.ts';
import { num, printable, text } from '../values.ts';

export const refaults: Chart<'refaults'> = {
  descriptor: {
    id: 'refaults',
    title: 'How many evicted pages come back?',
    source: 'linux-mm thread on userfaultfd working set tracking, April 2026 (claims C13, C14)',
    reads: ['runs', 'evictions.policy', 'evictions.primitive', 'refaults.policy', 'refaults.primitive'],
    advice: 'workset replay TRACE -o DIR --evict PRIMITIVE',
  },

  sql(ctx) {
    return `WITH e AS (SELECT run_id, policy, primitive, count(*) AS evictions FROM evictions WHERE ${runFilter(ctx)} AND outcome IN ('done', 'lost-write') GROUP BY ALL),
r AS (SELECT run_id, policy, primitive, count(*) AS refaults FROM refaults WHERE ${runFilter(ctx)} GROUP BY ALL)
SELECT run_id, policy, primitive, evictions, coalesce(refaults, 0) AS refaults, coalesce(refaults, 0) / evictions AS ratio FROM e LEFT JOIN r USING (run_id, policy, primitive) ORDER BY policy, primitive, run_id`;
  },

  spec(rows, ctx) {
    const labels = labelsOf(ctx.runs);
    const data = rows.map((row) => ({
      series: labels.get(text(row, 'run_id')) ?? text(row, 'run_id'),
      how: printable(`${text(row, 'policy')}, ${text(row, 'primitive')}`),
      ratio: num(row, 'ratio'),
      evictions: num(row, 'evictions'),
    }));
    const present = new Set(data.map((row) => row.series));
    const look = seriesEncodings(
      ctx.runs.filter((run) => present.has(run.label)),
      ctx,
    );
    return framed(
      refaults,
      ctx,
      {
        reading: 'Refaults over evictions of the same run; fewer is better, and so is more memory freed: read it beside eviction-outcomes.',
        without: ['cost', 'scope'],
      },
      {
        width: ctx.width - 420,
        height: { step: 22 },
        data: { values: data },
        mark: { type: 'point', filled: true, size: 80, opacity: 0.9 },
        encoding: {
          y: { field: 'how', type: 'nominal', title: null },
          x: { field: 'ratio', type: 'quantitative', title: 'refaults per eviction (%)', scale: { zero: true }, axis: { format: '.3~p' } },
          color: look.color,
          shape: look.shape,
        },
      },
    );
  },
};
