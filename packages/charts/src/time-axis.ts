/** The horizontal axis of everything over time: seconds from trace start. */
import type { Spec } from './chart.ts';

/** @param timesS seconds; the axis begins at 0 unless everything lies late (a clock that counts from boot) */
export function timeAxis(timesS: readonly number[]): Spec {
  const max = timesS.reduce((a, b) => Math.max(a, b), 0);
  const min = timesS.reduce((a, b) => Math.min(a, b), max);
  const late = max > 0 && min > 0.75 * max;
  return {
    type: 'quantitative',
    title: late ? 'time on the trace clock (s)' : 'time from trace start (s)',
    scale: { domain: [late ? min : 0, max > 0 ? max : 1], nice: false, zero: false },
    axis: { tickCount: 6, grid: false },
  };
}
