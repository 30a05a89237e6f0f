/** Input files, losses, diagnostics, and every run with its parameters. */
import { queryFigure } from '../figure.ts';
import { bytesColumn, codeColumn, countColumn, pathColumn, textColumn, wideColumn } from '../format.ts';
import type { Column } from '../format.ts';
import { html } from '../html.ts';
import type { Child } from '../html.ts';
import type { BuildSection } from '../section.ts';
import { table } from '../table.ts';
import { text } from '../../values.ts';

const INPUT: readonly Column[] = [
  pathColumn('path', 'File'),
  textColumn('format', 'Format'),
  textColumn('truth', 'Truth'),
  textColumn('space', 'Space'),
  textColumn('clock', 'Clock'),
  bytesColumn('size_bytes', 'Size'),
  countColumn('n_events', 'Kept', 'records'),
  countColumn('n_lost', 'Lost', 'records', 'what the capture tool says it lost; n/a = it does not say'),
  countColumn('n_rejected', 'Rejected', 'records', 'refused by the reader: see diagnostics'),
  bytesColumn('page_bytes', 'Page'),
  { key: 'sha256', title: 'sha256', cell: (row) => html`<code title="${text(row, 'sha256')}">${text(row, 'sha256').slice(0, 12)}…</code>` },
];
const DIAGNOSTICS: readonly Column[] = [
  textColumn('severity', 'Severity'),
  codeColumn('code', 'Code'),
  countColumn('n', 'Count', 'times'),
  pathColumn('path', 'File'),
  countColumn('line', 'First line', 'line'),
  countColumn('byte_offset', 'First offset', 'bytes'),
  wideColumn('message', 'Meaning'),
];
const RUNS: readonly Column[] = [
  codeColumn('run_id', 'Run'),
  textColumn('trace', 'Trace'),
  textColumn('scheme', 'Scheme'),
  textColumn('stream', 'Stream'),
  { key: 'params', title: 'Parameters', cell: (row) => html`<code>${paramList(text(row, 'params'))}</code>`, wide: true },
  countColumn('seed', 'Seed', ''),
  textColumn('space', 'Space'),
  textColumn('truth', 'Truth'),
  textColumn('target', 'Claims'),
  countColumn('n_windows', 'Windows', 'count'),
  textColumn('status', 'Status'),
  wideColumn('error', 'Error'),
  textColumn('version', 'workset'),
];

export const input: BuildSection = async (report) => {
  const parts: Child[] = [];
  if (report.tables.has('inputs')) {
    parts.push(
      await queryFigure(
        report,
        'SELECT path, format, truth, space, clock, size_bytes, n_events, n_lost, n_rejected, page_bytes, sha256 FROM inputs ORDER BY path',
        ({ rows }) => table('Input files', INPUT, rows),
      ),
    );
  }
  if (report.tables.has('diagnostics') && report.tables.has('inputs')) {
    const sql = `SELECT d.severity, d.code, d.count AS n, i.path, d.line, d.byte_offset, d.message FROM diagnostics d LEFT JOIN (SELECT DISTINCT input_id, path FROM inputs) i USING (input_id)
ORDER BY CASE d.severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, d.count DESC, d.code LIMIT 200`;
    parts.push(
      await queryFigure(report, sql, ({ rows }) =>
        rows.length === 0
          ? html`<p>No diagnostics: nothing was dropped, reordered or guessed.</p>`
          : table('Everything that was dropped, reordered, guessed or lost, by reason (at most 200 rows)', DIAGNOSTICS, rows),
      ),
    );
  }
  if (report.tables.has('runs')) {
    parts.push(
      await queryFigure(
        report,
        'SELECT run_id, trace, scheme, stream, params, seed, space, truth, target, n_windows, status, error, version FROM runs ORDER BY trace, scheme, run_id',
        ({ rows }) => table('Runs and their parameters, failed ones included', RUNS, rows),
      ),
    );
  }
  return { id: 'input', title: 'Input, loss and diagnostics', body: html`${parts}` };
};

/** `interval=1s, pages=512`, or the text as it is. */
function paramList(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null) return json;
    return Object.entries(value)
      .map(([name, each]) => `${name}=${typeof each === 'string' ? each : JSON.stringify(each)}`)
      .join(', ');
  } catch {
    return json;
  }
}
