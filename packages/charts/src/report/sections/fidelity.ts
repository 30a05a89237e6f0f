/** Does the model predict the real kernel, and do real trackers agree? */
import { chartFigure, queryFigure } from '../figure.ts';
import { numberColumn, significant, textColumn } from '../format.ts';
import type { Column } from '../format.ts';
import type { QueryResult } from '../../chart.ts';
import { html } from '../html.ts';
import type { Child, Markup } from '../html.ts';
import { perTrace } from '../section.ts';
import type { BuildSection, ReportState } from '../section.ts';
import { table } from '../table.ts';

const VIEWS = [
  ['fidelity', 'Simulated reports against the kernel’s own, over the same windows and with the same parameters'],
  ['agreement', 'Agreement between trackers: how alike their reports are. This is not accuracy'],
] as const;

export const fidelity: BuildSection = async (report) => {
  const parts: Child[] = [];
  await perTrace(report, async (trace) => {
    const figure = await chartFigure(report, 'fidelity', { trace }, true);
    if (figure !== null) parts.push(figure);
    return figure;
  });
  for (const [view, caption] of VIEWS) {
    if (!report.tables.has(view) || (view === 'agreement' && parts.length > 0)) continue;
    const figure = await viewFigure(report, view, caption);
    if (figure !== null) parts.push(figure);
  }
  if (parts.length === 0) {
    const nObserved = report.all.allRuns.filter((run) => run.kind === 'observed').length;
    const why = nObserved === 0 ? 'no real report was captured' : 'no simulated run follows the schedule of a real report';
    parts.push(html`<p>Not measured: ${why}, so these results cannot say how close the model is to the kernel.</p>`);
  }
  return { id: 'fidelity', title: 'Fidelity: model against kernel', body: html`${parts}` };
};

async function viewFigure(report: ReportState, view: string, caption: string): Promise<Markup | null> {
  let empty = false;
  const figure = await queryFigure(report, `SELECT * FROM ${view} LIMIT 200`, (result) => {
    empty = result.rows.length === 0;
    return empty ? null : plainTable(caption, result);
  });
  return empty ? null : figure;
}

/** A table of whatever columns a view has. */
function plainTable(caption: string, result: QueryResult): Child {
  const columns: Column[] = result.columns.map(({ name }) => {
    const numeric = result.rows.some((row) => typeof row[name] === 'number' || typeof row[name] === 'bigint');
    const title = name.replaceAll('_', ' ');
    return numeric ? numberColumn(name, title, '', (n) => (Number.isInteger(n) ? String(n) : significant(n))) : textColumn(name, title);
  });
  return table(caption, columns, result.rows);
}
