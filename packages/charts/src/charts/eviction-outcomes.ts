/** What became of each eviction. */
import type { Chart } from '../chart.ts';
import { framed } from '../frame.ts';
import { num, printable, quote, text } from '../values.ts';

const HUES = ['#0072b2', '#e69f00', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#8a6d3b', '#6f7f8c'];

export const evictionOutcomes: Chart<'eviction-outcomes'> = {
  descriptor: {
    id: 'eviction-outcomes',
    title: 'How do evictions end: done, aborted, or with data lost?',
    source: 'linux-mm thread on userfaultfd working set tracking, April 2026 (claims C1, C16, C17)',
    reads: ['runs.trace', 'evictions.policy', 'evictions.primitive', 'evictions.outcome'],
    advice: 'workset replay TRACE -o DIR --evict PRIMITIVE',
  },

  sql(ctx) {
    return `SELECT scheme, policy, primitive, outcome, count(*) AS n FROM evictions JOIN runs USING (run_id) WHERE trace = ${quote(ctx.trace)} GROUP BY ALL ORDER BY policy, primitive, scheme, outcome`;
  },

  spec(rows, ctx) {
    const data = rows.map((row) => ({
      how: printable(`${text(row, 'policy')}, ${text(row, 'primitive')}, ${text(row, 'scheme')}`),
      outcome: printable(text(row, 'outcome')),
      n: num(row, 'n'),
    }));
    const outcomes = [...new Set(data.map((row) => row.outcome))].sort();
    return framed(
      evictionOutcomes,
      { ...ctx, omitted: 0, variants: 0 },
      {
        reading:
          'Evictions tried, by outcome, over all limits replayed. A primitive is safe only if none of its interleavings can lose a write, not because none did here.',
        without: ['cost', 'scope'],
      },
      {
        width: ctx.width - 460,
        height: { step: 22 },
        data: { values: data },
        mark: { type: 'bar', height: 14, aria: false },
        encoding: {
          y: { field: 'how', type: 'nominal', title: null, sort: null, axis: { ticks: false } },
          x: { field: 'n', type: 'quantitative', stack: 'zero', title: 'evictions (count)', axis: { format: '~s' } },
          color: {
            field: 'outcome',
            type: 'nominal',
            title: null,
            scale: { domain: outcomes, range: outcomes.map((_, i) => HUES[i % HUES.length]) },
          },
        },
      },
    );
  },
};
