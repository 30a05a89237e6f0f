/** Eviction and prediction, when the results hold them. */
import { chartFigure } from '../figure.ts';
import { html } from '../html.ts';
import type { Child } from '../html.ts';
import { perTrace } from '../section.ts';
import type { BuildSection } from '../section.ts';

export const eviction: BuildSection = async (report) => {
  const wanted = [
    ['evictions', 'eviction-outcomes'],
    ['refaults', 'refaults'],
    ['curves', 'miss-ratio'],
  ] as const;
  const parts: Child[] = [];
  for (const [name, chart] of wanted) {
    if (report.tables.has(name)) parts.push(await perTrace(report, (trace) => chartFigure(report, chart, { trace }, true)));
  }
  return parts.every((part) => Array.isArray(part) && part.every((item) => item === null))
    ? null
    : { id: 'eviction', title: 'Eviction and prediction', body: html`${parts}` };
};
