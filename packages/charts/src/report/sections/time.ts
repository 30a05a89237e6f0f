/** When: how soon a scheme notices that pages come into use, and what it calls cold. */
import { chartFigure } from '../figure.ts';
import { html } from '../html.ts';
import { detailOf } from '../large.ts';
import { perTraceAndSpace } from '../section.ts';
import type { BuildSection } from '../section.ts';

export const time: BuildSection = async (report) => {
  if (!report.tables.has('page_sets')) return null;
  return {
    id: 'when',
    title: 'When they noticed',
    body: html`${await perTraceAndSpace(report, (trace, space) => chartFigure(report, 'detection-latency', { trace, space, ...detailOf(report.detail, trace) }, true))}
${await perTraceAndSpace(report, (trace, space) => chartFigure(report, 'cold-age', { trace, space, ...detailOf(report.detail, trace) }, true))}`,
  };
};
