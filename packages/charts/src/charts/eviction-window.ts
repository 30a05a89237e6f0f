/** What happens to accesses that arrive while their page is being evicted: the "30 s window + 5 ms" question of the thread. */
import type { Chart } from '../chart.ts';
import { framed } from '../frame.ts';
import { num, printable, quote, text } from '../values.ts';

/** Column of eviction_runs, what it is called, and its colour. */
const FATES = [
  ['unseen_kept', 'read passed unseen, page not needed again', '#56b4e9'],
  ['refaults_window_read', 'read passed unseen, page came back', '#e69f00'],
  ['window_writes', 'write passed', '#d55e00'],
  ['blocked_reads', 'read waited', '#0072b2'],
  ['blocked_writes', 'write waited', '#009e73'],
] as const;

export const evictionWindow: Chart<'eviction-window'> = {
  descriptor: {
    id: 'eviction-window',
    title: 'What happens to accesses that arrive while their page is being evicted?',
    source: 'linux-mm thread on userfaultfd working set tracking, April 2026 (claim C13)',
    reads: ['runs.trace', 'eviction_runs.window_reads', 'eviction_runs.blocked_reads'],
    advice: 'workset replay TRACE -o DIR --evict uffd-wp:limit=60%,cold=3 --evict rwp-sync:limit=60%,cold=3',
  },

  sql(ctx) {
    const sums = ['evictions + aborted AS tried', 'greatest(0, window_reads - refaults_window_read) AS unseen_kept', 'refaults_window_read']
      .concat(['window_writes', 'blocked_reads', 'blocked_writes'])
      .join(', ');
    return `WITH e AS (SELECT scheme, primitive, ${sums} FROM eviction_runs JOIN runs USING (run_id) WHERE trace = ${quote(ctx.trace)})
SELECT scheme, primitive, ${FATES.map(([name]) => `1000 * sum(${name}) / sum(tried) AS ${name}`).join(', ')}
FROM e GROUP BY ALL HAVING sum(tried) > 0 ORDER BY primitive, scheme`;
  },

  spec(rows, ctx) {
    const data = rows
      .flatMap((row) =>
        FATES.map(([name, fate], order) => ({
          how: printable(`${text(row, 'primitive')}, ${text(row, 'scheme')}`),
          fate,
          order,
          n: num(row, name),
        })),
      )
      .filter(({ n }) => n > 0);
    return framed(
      evictionWindow,
      { ...ctx, omitted: 0, variants: 0 },
      {
        reading:
          'Accesses inside eviction windows per 1000 evictions tried, over all limits replayed. A read that passes unseen is one that RW-protection would have caught.',
        without: ['cost', 'scope'],
      },
      {
        width: ctx.width - 460,
        height: { step: 18 },
        data: { values: data },
        mark: { type: 'bar', height: 12, aria: false },
        encoding: {
          y: { field: 'how', type: 'nominal', title: null, sort: null, axis: { ticks: false } },
          x: { field: 'n', type: 'quantitative', stack: 'zero', title: 'accesses per 1000 evictions' },
          order: { field: 'order', type: 'quantitative' },
          color: {
            field: 'fate',
            type: 'nominal',
            title: null,
            scale: { domain: FATES.map(([, fate]) => fate), range: FATES.map(([, , hue]) => hue) },
            legend: { orient: 'bottom', columns: 2, labelLimit: 400 },
          },
        },
      },
    );
  },
};
