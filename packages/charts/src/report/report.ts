/** The report: one offline HTML file, built from small sections. */
import { createHash } from 'node:crypto';
import type { BlindSpots } from '../blind-spots.ts';
import type { QuerySource } from '../chart.ts';
import { loadContext } from '../context.ts';
import { LIGHT } from '../style.ts';
import { Downloads } from './figure.ts';
import { html, raw } from './html.ts';
import type { Markup } from './html.ts';
import { askingOnce, detailRuns } from './large.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import type { BuildSection, ReportState, Section } from './section.ts';
import { capture } from './sections/capture.ts';
import { cost } from './sections/cost.ts';
import { eviction } from './sections/eviction.ts';
import { failures } from './sections/failures.ts';
import { fidelity } from './sections/fidelity.ts';
import { input } from './sections/input.ts';
import { method } from './sections/method.ts';
import { time } from './sections/time.ts';
import { workingSet } from './sections/working-set.ts';

export interface ReportOptions {
  readonly title?: string;
  /** Facts for the head of the page, e.g. command, version, date: shown as given. */
  readonly meta?: Readonly<Record<string, string>>;
  /** What schemes cannot see, by id. */
  readonly blindSpots?: BlindSpots;
  /** Traces that get charts of their own; default 4. */
  readonly maxTraces?: number;
}

const SECTIONS: readonly BuildSection[] = [capture, workingSet, time, cost, failures, eviction, fidelity, method, input];
/** CSV carried in the page; the whole stays below 6 MB. */
const DOWNLOAD_BUDGET_BYTES = 1.5e6;

/** One HTML page without network access, for file:// and mail. Same results, same options: same text. */
export async function buildReport(results: QuerySource, options: ReportOptions = {}): Promise<string> {
  const source = askingOnce(results);
  const all = await loadContext(source, {}, { theme: LIGHT, width: 960 });
  let lastId = 0;
  const state: ReportState = {
    source,
    all,
    tables: all.tables,
    detail: await detailRuns(source, all.tables, all),
    downloads: new Downloads(DOWNLOAD_BUDGET_BYTES),
    chartTraces: all.traces.slice(0, options.maxTraces ?? 4),
    nextId: () => ++lastId,
    blindSpots: options.blindSpots ?? {},
  };
  const sections: Section[] = [];
  for (const build of SECTIONS) {
    const section = await build(state);
    if (section !== null) sections.push(section);
  }
  const title = options.title ?? `Working-set tracking on ${all.traces.join(', ') || 'no trace'}`;
  return page(title, options.meta ?? {}, sections, state.downloads.blocks()).text;
}

function page(title: string, meta: Readonly<Record<string, string>>, sections: readonly Section[], data: Markup): Markup {
  const policy = `default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src 'sha256-${createHash('sha256').update(PAGE_SCRIPT).digest('base64')}'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policy)}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="generator" content="workset">
<title>${title}</title>
<style>${raw(PAGE_STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<div><h1>${title}</h1>${metaLine(meta)}</div>
<button type="button" id="theme" hidden>Theme: auto</button>
</header>
<nav aria-label="Sections"><ol>${sections.map((section) => html`<li><a href="#${section.id}">${section.title}</a></li>`)}</ol></nav>
<main id="main">
${sections.map(
  (section) => html`<section id="${section.id}" aria-labelledby="${section.id}-h"><h2 id="${section.id}-h">${section.title}</h2>
${section.body}
</section>
`,
)}</main>
<footer>Made by workset. This page loads nothing from the network.</footer>
${data}<script>${raw(PAGE_SCRIPT)}</script>
</body>
</html>
`;
}

function metaLine(meta: Readonly<Record<string, string>>): Markup | null {
  const entries = Object.entries(meta);
  return entries.length === 0
    ? null
    : html`<dl class="facts note">${entries.map(([name, value]) => html`<dt>${name}</dt><dd><code>${value}</code></dd>`)}</dl>`;
}
