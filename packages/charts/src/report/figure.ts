/** Figures and tables with what stands behind them: the SQL, and the rows as CSV. */
import type { ChartParams, QueryResult, QuerySource, Spec } from '../chart.ts';
import { scriptJson } from '../escape.ts';
import { drawChart, specToSvg } from '../render.ts';
import { LIGHT } from '../style.ts';
import type { Theme } from '../style.ts';
import { toCsv } from './csv.ts';
import { html, raw } from './html.ts';
import type { Child, Markup } from './html.ts';
import { embedSvg } from './svg.ts';

/** Drawn in light colours, which the page turns into variables. */
const PAGE_THEME: Theme = { ...LIGHT, truthName: 'Black (white on dark)' };

/** Rows that the download buttons of the page offer; bounded so that the page stays mailable. */
export class Downloads {
  readonly #budgetBytes: number;
  #usedBytes = 0;
  readonly #blocks: Markup[] = [];

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  /** The button for `result`, or a note when there is no room left. */
  button(id: string, result: QueryResult): Markup {
    const csv = scriptJson(toCsv(result));
    if (this.#usedBytes + csv.length > this.#budgetBytes) {
      return html`<p class="note">${result.rows.length} rows: too many to carry along; run the SQL with <code>workset sql DIR --csv</code>.</p>`;
    }
    this.#usedBytes += csv.length;
    this.#blocks.push(html`<script type="application/json" id="csv-${id}">${raw(csv)}</script>\n`);
    return html`<button type="button" class="csv" data-csv="${id}">CSV, ${result.rows.length} row${result.rows.length === 1 ? '' : 's'}</button>`;
  }

  blocks(): Markup {
    return html`${this.#blocks}`;
  }
}

export interface ReportContext {
  readonly source: QuerySource;
  readonly downloads: Downloads;
  readonly tables: ReadonlySet<string>;
  /** Next free number for ids. */
  nextId(): number;
}

/** The SQL and the CSV button, folded away. */
export function behind(report: ReportContext, id: string, sql: string, result: QueryResult): Markup {
  return html`<details class="behind"><summary>SQL and data</summary><pre tabindex="0"><code>${sql}</code></pre>${report.downloads.button(id, result)}</details>`;
}

/** A chart as a figure. Returns null when the results cannot answer its question and `optional` is set. */
export async function chartFigure(report: ReportContext, id: string, params: ChartParams = {}, optional = false): Promise<Markup | null> {
  let answer: QueryResult = { columns: [], rows: [] };
  const source: QuerySource = {
    async query(sql) {
      answer = await report.source.query(sql);
      return answer;
    },
  };
  const drawn = await drawChart(source, id, { params, width: 960, theme: PAGE_THEME });
  if (drawn.nRows === 0 && optional) return null;
  const { title, usermeta, ...bare } = drawn.spec as Spec & {
    title: { text: readonly string[] };
    usermeta: { facts: string; reading: string };
  };
  const figureId = `fig${report.nextId()}`;
  const svg = embedSvg(await specToSvg({ ...bare, padding: 2 }), figureId, `${figureId}-title`);
  return html`<figure class="chart" id="${figureId}">
<figcaption><b id="${figureId}-title">${title.text.join(' ')}</b><span>${usermeta.facts}</span>${usermeta.reading !== '' && html`<span>${usermeta.reading}</span>`}</figcaption>
<div class="scroll" tabindex="0" role="group" aria-label="chart, may scroll sideways">${raw(svg)}</div>
${drawn.nRows > 0 && behind(report, figureId, drawn.sql, answer)}
</figure>`;
}

/** Runs `sql` and shows its rows by `draw`, with the SQL behind it. */
export async function queryFigure(report: ReportContext, sql: string, draw: (result: QueryResult) => Child): Promise<Markup> {
  const result = await report.source.query(sql);
  const id = `tab${report.nextId()}`;
  return html`<div class="figure">${draw(result)}${behind(report, id, sql, result)}</div>`;
}
