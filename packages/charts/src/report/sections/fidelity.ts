/** Does the model predict the real kernel, and do real trackers agree? */
import { queryFigure } from '../figure.ts';
import { numberColumn, significant, textColumn } from '../format.ts';
import type { Column } from '../format.ts';
import type { QueryResult } from '../../chart.ts';
import { html } from '../html.ts';
import type { Child } from '../html.ts';
import type { BuildSection } from '../section.ts';
import { table } from '../table.ts';

const VIEWS = [
  ['fidelity', 'Simulated reports against the kernel’s own, over the same windows and with the same parameters'],
  ['agreement', 'Agreement between trackers: how alike their reports are. This is not accuracy'],
] as const;

export const fidelity: BuildSection = async (report) => {
  const parts: Child[] = [];
  for (const [view, caption] of VIEWS) {
    if (!report.tables.has(view)) continue;
    const figure = await queryFigure(report, `SELECT * FROM ${view} LIMIT 200`, (result) => result.rows.length > 0 && plainTable(caption, result));
    const { rows } = await report.source.query(`SELECT count(*) AS n FROM ${view}`);
    if (Number(rows[0]!['n']) > 0) parts.push(figure);
  }
  if (parts.length === 0) {
    const nObserved = report.all.allRuns.filter((run) => run.kind === 'observed').length;
    const why = nObserved === 0 ? 'no real report was captured' : 'no simulated run follows the schedule of a real report';
    parts.push(html`<p>Not measured: ${why}, so these results cannot say how close the model is to the kernel.</p>`);
  }
  return { id: 'fidelity', title: 'Fidelity: model against kernel', body: html`${parts}` };
};

/** A table of whatever columns a view has. */
function plainTable(caption: string, result: QueryResult): Child {
  const columns: Column[] = result.columns.map(({ name }) => {
    const numeric = result.rows.some((row) => typeof row[name] === 'number' || typeof row[name] === 'bigint');
    const title = name.replaceAll('_', ' ');
    return numeric ? numberColumn(name, title, '', (n) => (Number.isInteger(n) ? String(n) : significant(n))) : textColumn(name, title);
  });
  return table(caption, columns, result.rows);
}
