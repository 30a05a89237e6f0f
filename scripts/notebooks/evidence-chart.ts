/** The measures behind a verdict with their intervals, one row each: values of one scale side by side, others on their own. */
import type { Evidence } from './verdict.ts';

export function evidenceSpec(evidence: readonly Evidence[]): Readonly<Record<string, unknown>> {
  const values = evidence
    .filter(({ n }) => n > 0)
    .map(({ measure, mean, low, high, n }) => ({
      measure,
      mean,
      low: low ?? mean,
      high: high ?? mean,
      n,
      scale: scaleOf(mean, low, high),
    }));
  const row = { field: 'measure', type: 'nominal', title: null, sort: null, axis: { labelLimit: 260, domain: false, ticks: false } };
  const span = { field: 'low', type: 'quantitative', title: null, scale: { zero: true }, axis: { tickCount: 6, format: '~g' } };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values },
    facet: { row: { field: 'scale', type: 'nominal', title: null, header: { labels: false } } },
    spacing: 14,
    resolve: { scale: { x: 'independent', y: 'independent' } },
    spec: {
      width: 460,
      height: { step: 20 },
      layer: [
        { mark: { type: 'rule', strokeWidth: 2, color: '#1f6f8b' }, encoding: { y: row, x: span, x2: { field: 'high' } } },
        {
          mark: { type: 'point', filled: true, size: 55, color: '#1f6f8b', opacity: 1 },
          encoding: { y: row, x: { field: 'mean', type: 'quantitative' } },
        },
        {
          mark: { type: 'text', align: 'left', dx: 8, dy: -8, fontSize: 9, color: '#555' },
          encoding: { y: row, x: { field: 'mean', type: 'quantitative' }, text: { field: 'mean', type: 'quantitative', format: '.3~g' } },
        },
      ],
    },
    config: { view: { stroke: null }, font: 'DejaVu Sans, Verdana, Arial, sans-serif', background: 'white' },
  };
}

/** Ratios and shares together, counts by power of a thousand. */
function scaleOf(mean: number, low: number | null, high: number | null): number {
  const largest = Math.max(Math.abs(mean), Math.abs(low ?? 0), Math.abs(high ?? 0));
  return largest <= 2 ? 0 : Math.ceil(Math.log10(largest) / 2);
}
