/** The miss-ratio curve of a trace: what an LRU of every size would miss. */
import { PAGE_BYTES } from '@workset/model';
import type { Chart } from '../chart.ts';
import { curveLayers, curveSeries, curvesSql } from '../curves.ts';
import { framed } from '../frame.ts';
import { BYTES_LABEL, byteTicks } from '../style.ts';

export const missRatio: Chart<'miss-ratio'> = {
  descriptor: {
    id: 'miss-ratio',
    title: 'How many touches would miss with less memory?',
    source:
      'Mattson et al., Evaluation techniques for storage hierarchies, IBM Systems Journal 9(2), 1970; samples: Waldspurger et al., FAST 2015',
    reads: ['curves'],
    advice: 'workset curve TRACE -o DIR',
    ofCurves: true,
  },

  sql: (ctx) => curvesSql(ctx, 'miss-ratio'),

  spec(rows, ctx) {
    const series = curveSeries(rows, ctx, { x: PAGE_BYTES, y: 1 });
    const [low, high] = [Math.min(...series.data.map(({ x }) => x)), Math.max(...series.data.map(({ x }) => x))];
    const top = Math.max(...series.data.map(({ hi }) => hi));
    return framed(
      missRatio,
      series.ctx,
      {
        reading: `Exact LRU of that much memory over all touches of the trace (a page counts once per quantum). A line ends at the share of first touches, which no memory avoids.${series.sampled ? ' Bands: two standard errors of a sample of the pages.' : ''}`,
        without: ['cost', 'scope'],
        caption: '',
      },
      {
        width: ctx.width - 280,
        height: 260,
        ...curveLayers(
          series,
          {
            field: 'x',
            type: 'quantitative',
            title: 'memory (log)',
            scale: { type: 'log', domain: [low, high], nice: false },
            axis: { values: byteTicks(low, high), labelExpr: BYTES_LABEL },
          },
          {
            type: 'quantitative',
            title: 'touches that miss (%)',
            scale: { domain: [0, top * 1.02], nice: false },
            axis: { format: '.3~p' },
          },
        ),
      },
    );
  },
};
