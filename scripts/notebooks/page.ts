/** One notebook with its outputs as a single HTML page: no script, no network. */
import type { QueryResult } from '@workset/analyze';

import { escapeHtml, inlineHtml, markdownHtml } from './markdown.ts';
import type { Notebook } from './parse.ts';
import type { Output } from './session.ts';
import { intervalText } from './verdict.ts';
import type { Verdict } from './verdict.ts';

const ROWS_SHOWN = 24;
const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.55 'DejaVu Sans', Verdana, Arial, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.6rem; border-top: 1px solid var(--line); padding-top: 1rem; }
table { border-collapse: collapse; font-size: 13px; margin: .8rem 0; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { background: var(--soft); padding: .7rem; overflow-x: auto; font-size: 12.5px; } code { background: var(--soft); }
details > summary { cursor: pointer; font-size: 13px; } figure { margin: 1rem 0; overflow-x: auto; background: #fff; } figure svg { max-width: 100%; height: auto; }
.verdict { border-left: 6px solid #777; padding: .4rem 1rem; background: var(--soft); margin: 1rem 0; } .verdict b:first-child { font-size: 1.1em; }
.supported { border-color: #2a7f4f; } .contradicted { border-color: #b3403a; } .depends { border-color: #b07a10; }
.limits { font-size: 13px; } @media print { details { display: none; } }`;

export function pageHtml(notebook: Notebook, outputs: readonly Output[]): string {
  const verdicts = outputs.flatMap((output) => ('verdict' in output ? [output.verdict] : []));
  const body = outputs.map(outputHtml).join('\n');
  const claims = body.search(/<h2/);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(notebook.title)}</title><style>${STYLE}</style></head>
<body><main>
${verdicts.length > 0 ? `${body.slice(0, claims)}${summaryHtml(verdicts)}\n${body.slice(claims)}` : body}
</main></body></html>
`;
}

function outputHtml(output: Output): string {
  const { cell } = output;
  if ('verdict' in output) return verdictHtml(output.verdict, output.svg);
  if ('svg' in output) return `<figure>${output.svg}</figure>`;
  if ('result' in output)
    return `${'hide' in output.cell.options ? '' : tableHtml(output.result)}\n${sourceHtml(cell.text, output.cell.options['name'])}`;
  return markdownHtml(cell.text);
}

function sourceHtml(sql: string, name: string | undefined): string {
  return `<details><summary>SQL${name === undefined ? '' : ` (${escapeHtml(name)})`}</summary><pre><code>${escapeHtml(sql)}</code></pre></details>`;
}

function verdictHtml({ verdict, rule, because, limits, evidence }: Verdict, svg: string): string {
  return `<div class="verdict ${verdict.split(' ')[0]!}"><p><b>${escapeHtml(verdict)}</b> ${inlineHtml(because)}</p>
<p class="limits">Rule: <code>${escapeHtml(rule)}</code>. Limits: ${inlineHtml(limits)}</p>
<figure>${svg}</figure>
<details><summary>Evidence: mean with its 95% moving-block bootstrap interval</summary><table><thead><tr><th>measure</th><th>mean, interval</th><th>values</th><th>series</th></tr></thead><tbody>${evidence
    .map(
      (row) =>
        `<tr><td>${escapeHtml(row.measure)}</td><td>${escapeHtml(intervalText(row))}</td><td class="n">${row.n}</td><td class="n">${row.series}</td></tr>`,
    )
    .join('')}</tbody></table></details></div>`;
}

function summaryHtml(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(
    ({ claim, verdict, because }) =>
      `<tr><td><a href="#${claim.toLowerCase()}">${escapeHtml(claim)}</a></td><td><strong>${escapeHtml(verdict)}</strong></td><td>${inlineHtml(because)}</td></tr>`,
  );
  return `<table><thead><tr><th>claim</th><th>verdict</th><th>because</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function tableHtml({ columns, rows }: QueryResult): string {
  const shown = rows.slice(0, ROWS_SHOWN);
  const cell = (value: unknown): string => {
    if (typeof value === 'number') return `<td class="n">${Number.isInteger(value) ? value : Number(value.toPrecision(4))}</td>`;
    return `<td>${escapeHtml(value === null ? '∅' : String(value))}</td>`;
  };
  const body = shown.map((row) => `<tr>${columns.map(({ name }) => cell(row[name])).join('')}</tr>`).join('');
  const more = rows.length > shown.length ? `<p class="limits">${rows.length - shown.length} more rows</p>` : '';
  return `<table><thead><tr>${columns.map(({ name }) => `<th>${escapeHtml(name)}</th>`).join('')}</tr></thead><tbody>${body}</tbody></table>${more}`;
}
