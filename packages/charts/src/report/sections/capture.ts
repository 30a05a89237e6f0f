/** What was captured, and what its truth grade allows one to claim. */
import { formatBytes, formatDuration } from '@workset/model';
import { groupBy } from '../../values.ts';
import type { RunInfo } from '../../chart.ts';
import { count } from '../format.ts';
import { html } from '../html.ts';
import { detailNote } from '../large.ts';
import type { Markup } from '../html.ts';
import type { BuildSection } from '../section.ts';

export const GRADES: Readonly<Record<string, string>> = {
  exact: 'every access, or every page and quantum that was touched, was logged: precision, recall and error may be claimed',
  sampled: 'one access in N was logged: the working set is a lower bound, and recall holds against the sample only',
  faults: 'only faulting accesses were logged: first touches, nothing else',
  observed: 'no accesses were logged, only a tracker’s own report: agreement between trackers, never accuracy',
};

export const capture: BuildSection = async (report) => {
  const traces = groupBy(report.all.allRuns, (run) => run.trace);
  const grades = [...new Set(report.all.allRuns.flatMap((run) => run.truth.split(', ')))].filter((grade) => grade !== '');
  return {
    id: 'capture',
    title: 'What was captured',
    body: html`${[...traces].map(([trace, runs]) => facts(trace, runs))}
${traces.size === 0 && html`<p>These results hold no finished run. <code>workset replay TRACE -o DIR</code> makes some.</p>`}
${detailNote(report.detail, report.all)}
<ul>${grades.map((grade) => html`<li>Truth grade <b>${grade}</b>: ${GRADES[grade] ?? 'not a grade that workset knows'}.</li>`)}</ul>`,
  };
};

function facts(trace: string, runs: readonly RunInfo[]): Markup {
  const first = runs[0]!;
  const nObserved = runs.filter((run) => run.kind === 'observed').length;
  const profiles = [...new Set(runs.filter((run) => run.kind === 'simulated').map((run) => run.costProfile))];
  const pages = Math.max(...runs.map((run) => run.nPages));
  return html`<dl class="facts">
<dt>Trace</dt><dd><b>${trace}</b>, truth grade ${first.truth}</dd>
<dt>Replayed</dt><dd>${nObserved === runs.length ? 'nothing: no accesses were recorded' : formatDuration(Math.max(...runs.map((run) => run.durationNs)))}, ${first.vcpus} vCPU${first.vcpus === 1 ? '' : 's'}</dd>
<dt>Tracked memory</dt><dd>${formatBytes(pages * 4096)} (${count(pages)} pages of 4 KiB${runs.some((run) => run.nPages !== pages) && ', at most: it differs between runs'})</dd>
<dt>Runs</dt><dd>${runs.length - nObserved} simulated, ${nObserved} observed (the kernel’s own reports)</dd>
<dt>Cost profile</dt><dd>${profiles.join(', ') || 'none'}</dd>
</dl>`;
}
