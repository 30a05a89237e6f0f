/** Where they fail: memory over time, and the worst windows with addresses. */
import type { DataRow } from '../../chart.ts';
import { pageSetsOf } from '../../context.ts';
import { inList, num, quote } from '../../values.ts';
import { chartFigure, queryFigure } from '../figure.ts';
import { countColumn, secondsColumn, textColumn } from '../format.ts';
import type { Column } from '../format.ts';
import { html } from '../html.ts';
import { detailOf } from '../large.ts';
import type { Child } from '../html.ts';
import { perTrace, perTraceAndSpace, runName } from '../section.ts';
import type { BuildSection, ReportState } from '../section.ts';
import { table } from '../table.ts';

export const failures: BuildSection = async (report) => {
  if (!report.tables.has('page_sets') || !report.tables.has('scores')) return null;
  return {
    id: 'failures',
    title: report.all.allRuns.every((run) => run.truth === 'observed') ? 'Where in memory' : 'Where they fail',
    body: html`${await perTrace(report, (trace) => chartFigure(report, 'confusion', { trace }, true))}
${await perTraceAndSpace(report, (trace, space) => chartFigure(report, 'heatmap', { trace, space, ...detailOf(report.detail, trace) }, true))}
${await queryFigure(report, worstWindowsSql(report), (result) =>
  result.rows.length === 0
    ? html`<p>No scored window has a missed or an extra page in scope ${report.all.scope}, or no window could be scored.</p>`
    : table(
        html`The two worst windows of each run${report.detail.size > 0 && ' whose page sets are read'} (most missed plus extra pages), and the 2 MiB of addresses where most of it happened. Scope ${report.all.scope}, pages ${report.all.target}; truth grade in each row.`,
        columns(report),
        result.rows,
      ),
)}`,
  };
};

function columns(report: ReportState): Column[] {
  return [
    { key: 'run_id', title: 'Tracking scheme', cell: (row) => runName(report, row) },
    ...(report.all.traces.length > 1 ? [textColumn('trace', 'Trace')] : []),
    textColumn('grade', 'Truth'),
    textColumn('scope', 'Scope'),
    secondsColumn('from_s', 'From'),
    secondsColumn('to_s', 'To'),
    countColumn('truth', 'Touched', 'pages'),
    countColumn('reported', 'Reported', 'pages'),
    countColumn('fn', 'Missed', 'pages', 'touched, not reported'),
    countColumn('fp', 'Extra', 'pages', 'reported, not touched even while marks were set or read'),
    { key: 'block_page', title: 'Worst 2 MiB at', unit: 'address', cell: address },
    countColumn('block_missed', 'missed there', 'pages'),
    countColumn('block_extra', 'extra there', 'pages', 'reported, not surely touched'),
  ];
}

function address(row: DataRow): Child {
  const page = num(row, 'block_page');
  return Number.isFinite(page) ? html`<code>0x${(page * 4096).toString(16)}</code>` : null;
}

/** Blocks are 64 bytes of a bitmap chunk: 512 pages. */
function worstWindowsSql(report: ReportState): string {
  const { scope, target } = report.all;
  const detailed = report.all.traces.flatMap(
    (trace) => report.detail.get(trace) ?? report.all.allRuns.filter((run) => run.trace === trace),
  );
  const ids = inList(detailed.map((run) => run.runId));
  const kind = target === 'written' ? 'truth_writes' : 'truth';
  return `WITH ranked AS (
  SELECT s.run_id, s.w, s.scope, w.claim_t0_ns, w.claim_t1_ns, s.truth, s.reported, s.fn, s.fp, row_number() OVER (PARTITION BY s.run_id ORDER BY s.fn + s.fp DESC, s.w) AS k
  FROM scores s JOIN windows w USING (run_id, w)
  WHERE s.run_id IN ${ids} AND s.scope = ${quote(scope)} AND s.target = ${quote(target)} AND w.scored AND NOT w.warmup AND s.fn + s.fp > 0
), worst AS (SELECT * FROM ranked WHERE k <= 2),
part AS (
  SELECT p.run_id, p.w, p.chunk, max(p.bits) FILTER (p.kind = '${kind}') AS t, max(p.bits) FILTER (p.kind = 'reported') AS d
  FROM ${pageSetsOf(
    detailed.map((run) => run.runId),
    report.all.nStored,
    `(kind = 'reported' OR (kind = '${kind}' AND scope = ${quote(scope)}))`,
  )} p JOIN worst USING (run_id, w) WHERE p.kind = 'reported' OR (p.kind = '${kind}' AND p.scope = ${quote(scope)}) GROUP BY ALL
), block AS (
  SELECT run_id, w, chunk * 65536 + i.i * 512 AS page,
    bit_count(t[i.i * 64 + 1 : i.i * 64 + 64]::BIT) AS nt, bit_count(d[i.i * 64 + 1 : i.i * 64 + 64]::BIT) AS nd,
    bit_count(t[i.i * 64 + 1 : i.i * 64 + 64]::BIT & d[i.i * 64 + 1 : i.i * 64 + 64]::BIT) AS hit
  FROM part, range(128) i(i)
), diff AS (
  SELECT run_id, w, page, coalesce(nt, 0) - coalesce(hit, 0) AS missed, coalesce(nd, 0) - coalesce(hit, 0) AS extra FROM block
), place AS (
  SELECT run_id, w, arg_max({'page': page, 'missed': missed, 'extra': extra}, missed + extra) AS top FROM diff GROUP BY run_id, w
)
SELECT worst.run_id, r.trace, r.truth AS grade, worst.scope, claim_t0_ns / 1e9 AS from_s, claim_t1_ns / 1e9 AS to_s, worst.truth, worst.reported, worst.fn, worst.fp,
  top.page AS block_page, top.missed AS block_missed, top.extra AS block_extra
FROM worst JOIN runs r USING (run_id) LEFT JOIN place USING (run_id, w) ORDER BY r.trace, r.scheme, worst.run_id, worst.k`;
}
