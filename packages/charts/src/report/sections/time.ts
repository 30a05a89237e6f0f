/** When: how long until a scheme notices. */
import { chartFigure } from '../figure.ts';
import { perTrace } from '../section.ts';
import type { BuildSection } from '../section.ts';

export const time: BuildSection = async (report) => {
  if (!report.tables.has('latencies')) return null;
  return {
    id: 'when',
    title: 'When they noticed',
    body: await perTrace(report, (trace) => chartFigure(report, 'detection-latency', { trace })),
  };
};
