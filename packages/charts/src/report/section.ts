/** What a section gets and gives. */
import type { BlindSpots } from '../blind-spots.ts';
import type { ChartContext, DataRow, RunInfo } from '../chart.ts';
import { colorOf, LIGHT } from '../style.ts';
import { html } from './html.ts';
import type { Child, Markup } from './html.ts';
import type { ReportContext } from './figure.ts';
import type { Detail } from './large.ts';
import { text } from '../values.ts';
import { embedColor } from './svg.ts';

export interface ReportState extends ReportContext {
  /** Defaults for all traces: the runs are those of every trace. */
  readonly all: ChartContext;
  /** Traces that get charts of their own. */
  readonly chartTraces: readonly string[];
  /** What schemes cannot see, by id. */
  readonly blindSpots: BlindSpots;
  /** Of large traces, the runs whose page sets are read. */
  readonly detail: Detail;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Child;
}
/** Null leaves the section out. */
export type BuildSection = (report: ReportState) => Promise<Section | null>;

/** The run of a row, found by its column run_id. */
export function runOf(report: ReportState, row: DataRow): RunInfo | undefined {
  const id = text(row, 'run_id');
  return report.all.allRuns.find((run) => run.runId === id);
}

/** Name with the colour key of the charts: filled = simulated, ring = observed. */
export function runName(report: ReportState, row: DataRow): Child {
  const run = runOf(report, row);
  if (run === undefined) return text(row, 'run_id');
  const key = run.kind === 'simulated' ? 'key solid' : 'key';
  return html`<span class="${key}" style="color:${embedColor(colorOf(run.family, LIGHT))}" aria-hidden="true"></span>${run.label}${run.target === 'written' && html` <span class="na">(writes only)</span>`}`;
}

/** Charts of one kind, one per trace and address space. */
export async function perTraceAndSpace(
  report: ReportState,
  draw: (trace: string, space: string) => Promise<Markup | null>,
): Promise<Child> {
  return perTrace(report, async (trace) => {
    const spaces = [...new Set(report.all.allRuns.filter((run) => run.trace === trace).map((run) => run.space))];
    const parts: (Markup | null)[] = [];
    for (const space of spaces) parts.push(await draw(trace, space));
    return html`${parts}`;
  });
}

/** Charts of one kind, one per trace. */
export async function perTrace(report: ReportState, draw: (trace: string) => Promise<Markup | null>): Promise<Child> {
  const parts: Child[] = [];
  for (const trace of report.chartTraces) parts.push(await draw(trace));
  const left = report.all.traces.length - report.chartTraces.length;
  if (left > 0)
    parts.push(html`<p class="note">${left} more trace${left === 1 ? '' : 's'}: draw them with <code>workset chart DIR NAME</code>.</p>`);
  return parts;
}
