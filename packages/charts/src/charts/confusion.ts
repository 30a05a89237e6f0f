/** What becomes of pages: hit, missed, extra, edge; mean pages per window. */
import type { Chart } from '../chart.ts';
import { framed } from '../frame.ts';
import { labelsOf } from '../series.ts';
import { BYTES_LABEL, binaryTicks } from '../style.ts';
import { num, text } from '../values.ts';
import { microScoresSql } from './pareto.ts';

const PARTS = ['tp', 'fn', 'edge', 'fp'] as const;
const NAMES: Readonly<Record<(typeof PARTS)[number], string>> = { tp: 'hit', fn: 'missed', edge: 'edge', fp: 'extra' };

export const confusion: Chart<'confusion'> = {
  descriptor: {
    id: 'confusion',
    title: 'How much memory is found, missed, and reported without being touched?',
    source: 'workset metrics: working-set discovery',
    reads: ['runs', 'windows', 'scores'],
    advice: 'workset replay TRACE -o DIR',
  },

  sql(ctx) {
    return `SELECT run_id, tp / n_windows AS tp, fn / n_windows AS fn, edge / n_windows AS edge, fp / n_windows AS fp, tn / n_windows AS tn FROM (${microScoresSql(ctx)}) ORDER BY run_id`;
  },

  spec(rows, ctx) {
    const labels = labelsOf(ctx.runs);
    const data = rows.flatMap((row) =>
      PARTS.map((part, i) => ({
        run: labels.get(text(row, 'run_id')) ?? text(row, 'run_id'),
        part: NAMES[part],
        i,
        bytes: num(row, part) * 4096,
      })),
    );
    const present = new Set(data.map((row) => row.run));
    const top = Math.max(...rows.map((row) => PARTS.reduce((sum, part) => sum + (num(row, part) || 0), 0) * 4096), 4096);
    return framed(
      confusion,
      ctx,
      {
        reading:
          'Mean over windows. Hit and missed make up the truth; hit, edge and extra make up the report. Edge: touched only while marks were set or read, so neither right nor wrong.',
        without: ['cost'],
      },
      {
        width: ctx.width - 300,
        height: { step: 24 },
        data: { values: data },
        mark: { type: 'bar', height: 15, aria: false },
        encoding: {
          y: {
            field: 'run',
            type: 'nominal',
            title: null,
            sort: ctx.runs.map((run) => run.label).filter((label) => present.has(label)),
            axis: { grid: false, ticks: false, labelPadding: 6 },
          },
          x: {
            field: 'bytes',
            type: 'quantitative',
            stack: 'zero',
            title: 'memory per window (mean)',
            scale: { domain: [0, top * 1.02], nice: false },
            axis: { values: binaryTicks(top * 1.02, 7), labelExpr: BYTES_LABEL },
          },
          color: {
            field: 'part',
            type: 'nominal',
            title: null,
            scale: { domain: PARTS.map((part) => NAMES[part]), range: [ctx.theme.ramp[5], '#d55e00', ctx.theme.frame, '#e69f00'] },
          },
          order: { field: 'i', type: 'quantitative' },
        },
      },
    );
  },
};
