/** Does the model predict the real kernel, and, where nothing is the truth, do real trackers agree? */
import type { QueryResult } from '../../chart.ts';
import { fidelityChart } from '../../charts/fidelity.ts';
import { chartFigure, queryFigure } from '../figure.ts';
import { countColumn, numberColumn, ratioColumn, signedPercentColumn, significant, textColumn } from '../format.ts';
import type { Column } from '../format.ts';
import { html } from '../html.ts';
import type { Child, Markup } from '../html.ts';
import { perTrace, runName } from '../section.ts';
import type { BuildSection, ReportState } from '../section.ts';
import { table } from '../table.ts';
import { numOrNull } from '../../values.ts';

export const fidelity: BuildSection = async (report) => ({
  id: 'fidelity',
  title: 'Fidelity: model against kernel',
  body: html`${await modelAgainstKernel(report)}${await agreement(report)}`,
});

async function modelAgainstKernel(report: ReportState): Promise<Child> {
  let empty = true;
  const nObserved = report.all.allRuns.filter((run) => run.kind === 'observed').length;
  const charts = await perTrace(report, async (trace) => {
    if (nObserved === 0) return null;
    const figure = await chartFigure(report, 'fidelity', { trace }, true);
    if (figure !== null) empty = false;
    return figure;
  });
  if (!empty) return html`${charts}${await queryFigure(report, pairsSql(report), (result) => pairTable(report, result))}`;
  const why = nObserved === 0 ? 'no real report was captured' : 'no simulated run can be laid beside a real report of the same scheme';
  return html`<p>Not measured: ${why}, so these results cannot say how close the model is to the kernel.</p>`;
}

function pairsSql(report: ReportState): string {
  return `SELECT run_id, any_value(r.trace) AS trace, p.stream, CASE WHEN p.follows THEN 'as the report' ELSE 'its own' END AS schedule, count(*) AS n_windows, avg(jaccard) AS jaccard_mean, min(jaccard) AS jaccard_min, avg(jaccard_explained) AS jaccard_explained,
  coalesce(sum(both_pages) / nullif(sum(kernel_pages + model_pages - both_pages), 0), 1) AS jaccard_micro, sum(kernel_pages) / count(*) AS kernel_pages, sum(model_pages) / count(*) AS model_pages,
  (sum(model_pages) - sum(kernel_pages)) / nullif(sum(kernel_pages), 0) AS size_error
FROM (
${fidelityChart.sql({ ...report.all, runs: report.all.allRuns })}
) p JOIN runs r USING (run_id) GROUP BY run_id, p.stream, p.follows ORDER BY trace, p.stream, run_id`;
}

function pairTable(report: ReportState, result: QueryResult): Child {
  const columns: Column[] = [
    { key: 'run_id', title: 'Model', cell: (row) => runName(report, row) },
    ...(report.all.traces.length > 1 ? [textColumn('trace', 'Trace')] : []),
    textColumn('stream', 'Real report'),
    textColumn('schedule', 'Schedule'),
    countColumn('n_windows', 'Windows', 'count', 'windows of the report that a window of the model covers by half or more'),
    ratioColumn('jaccard_mean', 'Jaccard, mean', 'over windows'),
    ratioColumn('jaccard_min', 'Jaccard, worst'),
    ratioColumn('jaccard_micro', 'Jaccard, micro', 'of the page sums'),
    ...(result.rows.some((row) => numOrNull(row, 'jaccard_explained') !== null)
      ? [
          ratioColumn(
            'jaccard_explained',
            'Jaccard, explained',
            'mean, without pages that a trace of accesses cannot predict: touched by the kernel alone or by nobody',
          ),
        ]
      : []),
    countColumn('kernel_pages', 'Kernel', 'pages per window'),
    countColumn('model_pages', 'Model', 'pages per window'),
    signedPercentColumn('size_error', 'Size, model − kernel', 'over the kernel’s'),
  ];
  return table(
    'Simulated reports against the kernel’s own. Neither is the truth here: this says how far the model may be trusted, not who is right.',
    columns,
    result.rows,
  );
}

/** Only where no accesses were recorded: elsewhere truth is the better judge. */
async function agreement(report: ReportState): Promise<Markup | null> {
  const observedOnly = report.all.allRuns.length > 0 && report.all.allRuns.every((run) => run.truth === 'observed');
  if (!observedOnly || !report.tables.has('agreement')) return null;
  return queryFigure(
    report,
    'SELECT * FROM agreement LIMIT 200',
    (result) =>
      result.rows.length > 0 &&
      table('Agreement between trackers: how alike their reports are. This is not accuracy', columnsOf(result), result.rows),
  );
}

/** Columns for whatever a view has. */
function columnsOf(result: QueryResult): Column[] {
  return result.columns.map(({ name }) => {
    const numeric = result.rows.some((row) => typeof row[name] === 'number' || typeof row[name] === 'bigint');
    const title = name.replaceAll('_', ' ');
    return numeric ? numberColumn(name, title, '', (n) => (Number.isInteger(n) ? String(n) : significant(n))) : textColumn(name, title);
  });
}
