/** Eviction and prediction: what a swapper that trusts the reports would meet. */
import type { ChartParams } from '../../chart.ts';
import { chartFigure } from '../figure.ts';
import { html } from '../html.ts';
import { detailOf } from '../large.ts';
import type { Markup } from '../html.ts';
import { perTrace, perTraceAndSpace } from '../section.ts';
import type { BuildSection } from '../section.ts';

export const eviction: BuildSection = async (report) => {
  const drawn: Markup[] = [];
  const add = async (id: string, params: ChartParams): Promise<Markup | null> => {
    const figure = await chartFigure(report, id, params, true);
    if (figure !== null) drawn.push(figure);
    return figure;
  };
  await perTraceAndSpace(report, (trace, space) => add('working-set-policy', { trace, space, ...detailOf(report.detail, trace) }));
  for (const id of ['miss-ratio', 'working-set', 'refaults', 'eviction-window', 'eviction-outcomes'])
    await perTrace(report, (trace) => add(id, { trace }));
  return drawn.length === 0 ? null : { id: 'eviction', title: 'Eviction and prediction', body: html`${drawn}` };
};
