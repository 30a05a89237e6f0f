/** A table with a caption, scoped headings and units. */
import type { DataRow } from '../chart.ts';
import { html } from './html.ts';
import type { Child, Markup } from './html.ts';
import type { Column } from './format.ts';

/** @param rowHeads number of leading columns that name the row */
export function table(caption: Child, columns: readonly Column[], rows: readonly DataRow[], rowHeads = 1): Markup {
  const body = rows.map((row) => html`<tr>${columns.map((column, i) => cell(column, row, i < rowHeads))}</tr>`);
  return html`<div class="scroll" tabindex="0" role="group" aria-label="table, may scroll sideways"><table>
<caption><span>${caption}</span></caption>
<thead><tr>${columns.map(heading)}</tr></thead>
<tbody>${body}</tbody>
</table></div>`;
}

function heading(column: Column): Markup {
  const unit = column.unit === undefined || column.unit === '' ? null : html`<span class="unit">${column.unit}</span>`;
  const label = column.help === undefined ? html`${column.title}` : html`<abbr title="${column.help}">${column.title}</abbr>`;
  return html`<th scope="col"${column.numeric === true && html` class="n"`}>${label}${unit}</th>`;
}

function cell(column: Column, row: DataRow, head: boolean): Markup {
  const value = column.cell === undefined ? String(row[column.key] ?? '') : column.cell(row);
  const cls = column.numeric === true ? html` class="n"` : column.wide === true && html` class="wide"`;
  return head ? html`<th scope="row"${cls}>${value}</th>` : html`<td${cls}>${value}</td>`;
}
