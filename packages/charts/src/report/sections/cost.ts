/** At what cost: quality against overhead, and the counts behind the prices. */
import { COST_OPS } from '@workset/model';
import { allRunFilter } from '../../context.ts';
import { text } from '../../values.ts';
import { chartFigure, queryFigure } from '../figure.ts';
import { countColumn, durationColumn, numberColumn, percentColumn, significant, textColumn } from '../format.ts';
import type { Column } from '../format.ts';
import { html } from '../html.ts';
import { perTrace, runName } from '../section.ts';
import type { BuildSection, ReportState } from '../section.ts';
import { table } from '../table.ts';

export const cost: BuildSection = async (report) => {
  if (!report.tables.has('costs') || report.all.allRuns.every((run) => run.kind === 'observed')) return null;
  const several = report.all.traces.length > 1;
  return {
    id: 'cost',
    title: 'At what cost',
    body: html`${await perTrace(report, (trace) => chartFigure(report, 'pareto', { trace }))}
${await queryFigure(report, totalsSql(report), (result) => table('What each run cost, priced by the cost profile. The prices are an assumption that you can replace; the counts below are not.', totals(report, several), result.rows))}
<details><summary>Operations counted, per run</summary>
${await queryFigure(report, countsSql(report), (result) => table('Operations counted by the model, and their price', operations(report, several), result.rows))}
</details>`,
  };
};

function totals(report: ReportState, several: boolean): Column[] {
  return [
    { key: 'run_id', title: 'Tracking scheme', cell: (row) => runName(report, row) },
    ...(several ? [textColumn('trace', 'Trace')] : []),
    countColumn('n', 'Operations', 'count'),
    durationColumn('vcpu_ns', 'vCPU stall', 'stall inflicted on the workload'),
    percentColumn('overhead', 'of run time', 'vCPU stall over run time × vCPUs'),
    durationColumn('tracker_ns', 'Tracker CPU', 'CPU time spent by the tracker'),
    percentColumn('tracker', 'of one CPU', 'tracker CPU time over run time'),
    textColumn('cost_profile', 'Cost profile'),
  ];
}

function operations(report: ReportState, several: boolean): Column[] {
  return [
    { key: 'run_id', title: 'Tracking scheme', cell: (row) => runName(report, row) },
    ...(several ? [textColumn('trace', 'Trace')] : []),
    { key: 'op', title: 'Operation', cell: (row) => operation(text(row, 'op')) },
    countColumn('n', 'Count', 'operations'),
    numberColumn('per_s', 'Rate', 'per second', significant),
    durationColumn('vcpu_ns', 'vCPU stall', 'stall inflicted on the workload'),
    percentColumn('overhead', 'of run time', 'vCPU stall over run time × vCPUs'),
    durationColumn('tracker_ns', 'Tracker CPU', 'CPU time spent by the tracker'),
    textColumn('cost_profile', 'Cost profile'),
  ];
}

function operation(op: string): ReturnType<typeof html> {
  const help = Object.hasOwn(COST_OPS, op) ? COST_OPS[op as keyof typeof COST_OPS] : undefined;
  return help === undefined ? html`<code>${op}</code>` : html`<abbr title="${help}"><code>${op}</code></abbr>`;
}

function totalsSql(report: ReportState): string {
  return `SELECT c.run_id, r.trace, sum(c.count) AS n, sum(c.vcpu_ns) AS vcpu_ns, sum(c.vcpu_ns) / any_value(r.duration_ns * r.vcpus) AS overhead,
  sum(c.tracker_ns) AS tracker_ns, sum(c.tracker_ns) / any_value(r.duration_ns) AS tracker, any_value(r.cost_profile) AS cost_profile
FROM costs c JOIN runs r USING (run_id) WHERE ${allRunFilter(report.all, 'c.run_id')} GROUP BY c.run_id, r.trace, r.scheme, r.stream ORDER BY r.trace, r.scheme, r.stream NULLS FIRST, c.run_id`;
}

function countsSql(report: ReportState): string {
  return `SELECT c.run_id, r.trace, c.op, sum(c.count) AS n, sum(c.count) / (any_value(r.duration_ns) / 1e9) AS per_s,
  sum(c.vcpu_ns) AS vcpu_ns, sum(c.vcpu_ns) / any_value(r.duration_ns * r.vcpus) AS overhead, sum(c.tracker_ns) AS tracker_ns, any_value(r.cost_profile) AS cost_profile
FROM costs c JOIN runs r USING (run_id) WHERE ${allRunFilter(report.all, 'c.run_id')}
GROUP BY c.run_id, r.trace, r.scheme, c.op HAVING sum(c.count) > 0 ORDER BY r.trace, r.scheme, c.run_id, sum(c.vcpu_ns) + sum(c.tracker_ns) DESC, c.op`;
}
