/** Method and definitions: what the words and figures mean. */
import { html } from '../html.ts';
import type { Markup } from '../html.ts';
import type { BuildSection, ReportState } from '../section.ts';

const TERMS: readonly (readonly [string, string])[] = [
  [
    'working set',
    'W(t, τ): the pages touched in the half-open window (t − τ, t] (Denning 1968). Sizes are multiples of the 4 KiB base page, whatever maps it.',
  ],
  [
    'claim window',
    'A tracker that sets marks during [s0, s1] and reads them during [r0, r1] claims (s1, r0]. Its report is scored over that window.',
  ],
  [
    'edge',
    'Pages touched only while marks were set or read, or in a time quantum that a window edge cuts. They count as neither right nor wrong.',
  ],
  [
    'eligible',
    'Pages that the tracker could hold when it set its marks. Recall is given over all touched pages, and over the eligible ones.',
  ],
  [
    'scope',
    'any: every touch of the page frame by anyone. mapped: touches through a user page-table entry, the only ones that an access bit or a protection on that entry can see.',
  ],
  [
    'recall, precision, F1',
    'hits / touched; hits / (hits + extra); their harmonic mean. Empty reports have no precision, empty truth has no recall: n/a, never 0 or 1.',
  ],
  ['micro', 'The sums of hits, missed and extra pages over windows; large working sets weigh more. A mean over windows is called macro.'],
  [
    'overhead',
    'Stall inflicted on the vCPUs over (run time × vCPUs). Operations are counted by the model and priced by a named cost profile; the tracker’s own CPU time is kept apart.',
  ],
  ['simulated', 'A model of the tracking scheme ran on the recorded accesses. It sees only what the kernel would have shown it.'],
  ['observed', 'A report that a real kernel gave while the trace was recorded.'],
  [
    'warm-up',
    'Windows that carry no information by construction (the first cycle, regions still settling). They are left out of every summary.',
  ],
];

export const method: BuildSection = async (report) => ({
  id: 'method',
  title: 'Method and definitions',
  body: html`<p>Recorded accesses are replayed through a page-level memory model, once per tracking scheme, each with a kernel of its own. What a scheme reports is compared, page by page, with what was really touched.</p>
<dl class="facts">${TERMS.map(([term, meaning]) => html`<dt>${term}</dt><dd>${meaning}</dd>`)}</dl>
${blindSpots(report)}`,
});

/** A low figure may be a limit of the method, not a fault. */
function blindSpots(report: ReportState): Markup | null {
  const families = [...new Set(report.all.allRuns.map((run) => run.family))].filter(
    (family) => (report.blindSpots[family] ?? []).length > 0,
  );
  if (families.length === 0) return null;
  return html`<h3>What each scheme cannot see</h3>
<dl class="facts">${families.map((family) => html`<dt>${family}</dt><dd>${report.blindSpots[family]!.join('; ')}</dd>`)}</dl>`;
}
