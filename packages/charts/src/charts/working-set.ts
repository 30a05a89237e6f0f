/** Denning's working-set curve of a trace: pages that a window of each length holds. */
import { PAGE_BYTES } from '@workset/model';
import type { Chart } from '../chart.ts';
import { curveLayers, curveSeries, curvesSql } from '../curves.ts';
import { framed } from '../frame.ts';
import { binaryTicks, BYTES_LABEL, DURATION_LABEL, durationTicks } from '../style.ts';
import { text } from '../values.ts';

export const workingSet: Chart<'working-set'> = {
  descriptor: {
    id: 'working-set',
    title: 'How large is the working set, by the length of its window?',
    source: 'Denning, The working set model for program behavior, CACM 11(5), 1968',
    reads: ['curves'],
    advice: 'workset curve TRACE -o DIR',
    ofCurves: true,
  },

  sql: (ctx) => curvesSql(ctx, 'working-set'),

  spec(rows, ctx) {
    const series = curveSeries(rows, ctx, { x: 1, y: PAGE_BYTES });
    const [low, high] = [Math.min(...series.data.map(({ x }) => x)), Math.max(...series.data.map(({ x }) => x))];
    const top = Math.max(...series.data.map(({ hi }) => hi), PAGE_BYTES);
    const frames = rows.some((row) => text(row, 'x_unit') === 'frames');
    return framed(
      workingSet,
      series.ctx,
      {
        reading:
          'Memory touched within a window of that length, mean over all its places in the trace. Flat stretches: windows that hold a whole working set. A steep end: the trace is too short to tell.',
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
            title: frames ? 'window (frames, log)' : 'window (log)',
            scale: { type: 'log', domain: [low, high], nice: false },
            axis: { values: durationTicks(low, high), labelExpr: frames ? "format(datum.value, '~s')" : DURATION_LABEL },
          },
          {
            type: 'quantitative',
            title: 'working set (mean)',
            scale: { domain: [0, top * 1.05], nice: false },
            axis: { values: binaryTicks(top * 1.05, 6), labelExpr: BYTES_LABEL },
          },
        ),
      },
    );
  },
};
