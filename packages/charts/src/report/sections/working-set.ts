/** Who found the working set: scores of every run in both scopes, model beside kernel. */
import type { QueryResult } from '../../chart.ts';
import { microScoresSql } from '../../charts/pareto.ts';
import { groupBy, num, text } from '../../values.ts';
import { chartFigure, queryFigure } from '../figure.ts';
import { countColumn, ratioColumn, signedPercentColumn, textColumn } from '../format.ts';
import type { Column } from '../format.ts';
import { html } from '../html.ts';
import type { Child, Markup } from '../html.ts';
import { perTrace, runName, runOf } from '../section.ts';
import type { BuildSection, ReportState } from '../section.ts';
import { table } from '../table.ts';

export const workingSet: BuildSection = async (report) => {
  if (!report.tables.has('scores') || !report.tables.has('windows')) return null;
  return {
    id: 'working-set',
    title: 'Who found the working set',
    body: html`${await scoreTables(report)}
${report.all.traces.length > 1 && (await chartFigure(report, 'ranking', {}, true))}
${await perTrace(report, (trace) => chartFigure(report, 'wss-over-time', { trace }))}
${await perTrace(report, (trace) => chartFigure(report, 'wss-distribution', { trace }, true))}`,
  };
};

async function scoreTables(report: ReportState): Promise<Child> {
  const tables: Markup[] = [];
  for (const trace of report.all.traces)
    tables.push(await queryFigure(report, scoresSql(report, trace), (result) => scoreTable(report, trace, result)));
  return tables;
}

function scoresSql(report: ReportState, trace: string): string {
  const runs = report.all.allRuns.filter((run) => run.trace === trace);
  const one = (scope: 'any' | 'mapped'): string => `SELECT '${scope}' AS scope, m.*, r.space, r.truth AS grade FROM (
  ${microScoresSql({ ...report.all, runs, scope })}
) m JOIN runs r USING (run_id)`;
  return `${one('any')}\nUNION ALL\n${one('mapped')}\nORDER BY scope, f1 DESC NULLS LAST, run_id`;
}

function scoreTable(report: ReportState, trace: string, result: QueryResult): Child {
  if (result.rows.length === 0) {
    return html`<p>Trace ${trace}: no window could be scored, for no run lies in a stretch of time whose accesses were recorded. What trackers say of one another is under Fidelity.</p>`;
  }
  const columns: Column[] = [
    { key: 'run_id', title: 'Tracking scheme', cell: (row) => runName(report, row) },
    ...(new Set(result.rows.map((row) => text(row, 'space'))).size > 1 ? [textColumn('space', 'Space')] : []),
    textColumn('grade', 'Truth'),
    textColumn('scope', 'Scope'),
    countColumn('n_windows', 'Windows', 'count'),
    ratioColumn('recall', 'Recall', 'share of the touched pages that were reported'),
    ratioColumn('recall_eligible', 'Recall, eligible', 'the same over pages that the tracker could hold'),
    ratioColumn('precision', 'Precision', 'share of the reported pages that were touched; edge pages left out'),
    ratioColumn('f1', 'F1', 'harmonic mean of precision and recall'),
    ratioColumn('jaccard_macro', 'Jaccard', 'hits over the union of touched and reported, mean over windows'),
    signedPercentColumn('wss_bias', 'WSS error', 'reported size minus true size, over true size'),
    countColumn('edge', 'Edge', 'pages', 'reported and touched only while marks were set or read: neither right nor wrong'),
  ];
  const rows = modelBesideKernel(
    report,
    result.rows.map((row) => ({ ...row, recall_eligible: num(row, 'tp_eligible') / num(row, 'truth_eligible') })),
  );
  const grades = [...new Set(result.rows.map((row) => text(row, 'grade')))].join(', ');
  return table(
    html`<b>${trace}</b>: reported pages against pages ${report.all.target}; truth ${grades}; sums over windows (micro), Jaccard is a mean over windows. Scope <i>any</i> counts every touch, <i>mapped</i> only those through a user page-table entry. ● simulated, ○ observed: the kernel’s own report.`,
    columns,
    rows,
  );
}

/** Schemes in order of their best F1; the real report follows its model. */
function modelBesideKernel<T extends Readonly<Record<string, unknown>>>(
  report: ReportState,
  rows: readonly (T & QueryResult['rows'][number])[],
): T[] {
  const groups = groupBy(rows, (row) => `${text(row, 'scope')}\0${runOf(report, row)?.family ?? ''}`);
  const place = (row: QueryResult['rows'][number]): number => report.all.allRuns.findIndex((run) => run.runId === text(row, 'run_id'));
  const best = (group: readonly (T & QueryResult['rows'][number])[]): number => Math.max(...group.map((row) => num(row, 'f1') || 0));
  return [...groups.values()]
    .sort((a, b) => text(a[0]!, 'scope').localeCompare(text(b[0]!, 'scope'), 'en') || best(b) - best(a))
    .flatMap((group) => group.sort((a, b) => place(a) - place(b)));
}
