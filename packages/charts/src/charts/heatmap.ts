/** Where in memory, and when: pages touched (truth) beside pages reported, address gaps left out. */
import type { Chart, ChartContext, DataRow, Spec } from '../chart.ts';
import { MAX_MARKS } from '../chart.ts';
import { pageSets, runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { panels } from '../panels.ts';
import type { Panel } from '../panels.ts';
import { colorOf } from '../style.ts';
import { timeAxis } from '../time-axis.ts';
import { groupBy, num, quote, text } from '../values.ts';

const PAGE_BYTES = 4096;
/** A column of many windows is the mean of about this many of them. */
const WINDOWS_PER_COLUMN = 8;

export const heatmap: Chart<'heatmap'> = {
  descriptor: {
    id: 'heatmap',
    title: 'Which memory is in use when, and which does each scheme report?',
    source: 'workset; the form follows DAMON heat maps (Documentation/admin-guide/mm/damon)',
    reads: ['runs', 'windows', 'page_sets'],
    advice: 'workset replay TRACE -o DIR (page sets are written by default)',
    oneSpace: true,
  },

  sql(ctx) {
    const facets = ctx.runs.length + 1;
    const nt = Math.max(12, Math.min(100, Math.floor(Math.sqrt((MAX_MARKS / facets) * 1.6))));
    const na = Math.max(12, Math.min(64, Math.floor(MAX_MARKS / facets / nt)));
    return heatmapSql(ctx, nt, na);
  },

  spec(rows, ctx) {
    const bands = addressBands(rows);
    const time = timeAxis(rows.flatMap((row) => [num(row, 't0_s'), num(row, 't1_s')]));
    const truth = rows.filter((row) => text(row, 'what') === 'truth');
    const reported = groupBy(
      rows.filter((row) => text(row, 'what') !== 'truth'),
      (row) => text(row, 'run_id'),
    );
    const list: Panel[] = [];
    if (truth.length > 0) list.push(panel('truth', ctx.theme.truth, truth, bands, time, ctx));
    for (const run of ctx.runs) {
      const cells = reported.get(run.runId);
      if (cells !== undefined) list.push(panel(run.label, colorOf(run.family, ctx.theme), cells, bands, time, ctx));
    }
    const span = num(rows[0]!, 'n_pages') * PAGE_BYTES;
    return framed(
      heatmap,
      ctx,
      {
        reading: `Shade: share of pages touched (truth) or reported, per ${bytes(span)} of address and column of windows, in eighths. Address ranges in which nothing was touched or reported are left out; lines mark the gaps when they are few. Warm-up windows are not drawn.${ctx.runs.some((run) => run.nWindows > 100 * WINDOWS_PER_COLUMN) ? ` Of columns with many windows, about ${WINDOWS_PER_COLUMN} are used.` : ''}`,
        without: ['cost'],
      },
      panels(list, ctx, Math.max(90, Math.min(170, bands.length * 3))),
    );
  },
};

/** Truth comes, span by span, from the run whose windows cover most of it. Binning: time = groups of neighbouring windows; address = used granules of 8·2^k pages, numbered without gaps. */
export function heatmapSql(ctx: ChartContext, nt: number, na: number): string {
  return `WITH sets AS (SELECT * FROM ${pageSets(ctx)}),
pick AS (
  SELECT run_id, span FROM windows WHERE ${runFilter(ctx)} AND scored AND NOT warmup
    AND run_id IN (SELECT run_id FROM sets WHERE kind = 'truth' AND scope = ${quote(ctx.scope)})
  GROUP BY run_id, span QUALIFY row_number() OVER (PARTITION BY span ORDER BY round(sum(claim_t1_ns - claim_t0_ns) / 1e8) DESC, count(*) DESC, run_id) = 1
), slot AS (
  SELECT run_id, w, claim_t0_ns, claim_t1_ns, span, w * ${nt} // greatest(max(w) OVER (PARTITION BY run_id) + 1, ${nt}) AS bin
  FROM windows WHERE ${runFilter(ctx)} AND NOT warmup
  QUALIFY w % greatest(1, (max(w) OVER (PARTITION BY run_id) + 1) // ${nt * WINDOWS_PER_COLUMN}) = 0
), col AS (
  SELECT run_id, span, bin, min(claim_t0_ns) / 1e9 AS t0_s, max(claim_t1_ns) / 1e9 AS t1_s, count(*) AS n FROM slot GROUP BY ALL
), part AS (
  SELECT p.run_id, p.w, CASE p.kind WHEN 'truth' THEN 'truth' ELSE 'reported' END AS what, p.chunk, p.bits FROM sets p
  JOIN slot USING (run_id, w)
  WHERE p.kind = 'reported' OR (p.kind = 'truth' AND p.scope = ${quote(ctx.scope)} AND (p.run_id, slot.span) IN (SELECT (run_id, span) FROM pick))
), used AS (
  SELECT u.chunk * 8192 + i.i AS byte8 FROM (SELECT chunk, bit_or(bits::BIT)::BLOB AS b FROM part GROUP BY chunk) u, range(8192) i(i)
  WHERE u.b[i.i + 1 : i.i + 1] <> '\\x00'::BLOB
), grain AS (
  SELECT g FROM used, (SELECT 1::BIGINT << k AS g FROM range(40) r(k)) WHERE g * ${na} >= (SELECT count(*) FROM used)
  GROUP BY g HAVING count(DISTINCT byte8 // g) <= ${na} ORDER BY g LIMIT 1
), band AS (
  SELECT a, row_number() OVER (ORDER BY a) - 1 AS row FROM (SELECT DISTINCT byte8 // (SELECT g FROM grain) AS a FROM used)
), cut AS (
  SELECT p.run_id, p.w, p.what, (p.chunk * 8192 + k.k * least(g, 8192)) // g AS a,
    bit_count(p.bits[k.k * least(g, 8192) + 1 : (k.k + 1) * least(g, 8192)]::BIT) AS n
  FROM part p, (SELECT g, unnest(range(8192 // least(g, 8192))) AS k FROM grain) k
)
SELECT c.run_id, c.what, col.t0_s, col.t1_s, band.row AS band, c.a * (SELECT g FROM grain) * 8 AS start_page, (SELECT g FROM grain) * 8 AS n_pages,
  sum(c.n) / (any_value(col.n) * (SELECT g FROM grain) * 8) AS share
FROM cut c JOIN slot USING (run_id, w) JOIN col USING (run_id, span, bin) JOIN band USING (a)
WHERE c.n > 0 GROUP BY c.run_id, c.what, col.t0_s, col.t1_s, band.row, c.a ORDER BY what, run_id, band, t0_s`;
}

interface Band {
  readonly row: number;
  readonly startPage: number;
  /** True when memory between the previous band and this one is left out. */
  readonly afterGap: boolean;
}

function addressBands(rows: readonly DataRow[]): Band[] {
  const starts = new Map(rows.map((row) => [num(row, 'band'), num(row, 'start_page')]));
  const size = num(rows[0]!, 'n_pages');
  const sorted = [...starts].sort((a, b) => a[0] - b[0]);
  return sorted.map(([row, startPage], i) => ({
    row,
    startPage,
    afterGap: i > 0 && startPage > sorted[i - 1]![1] + size * (row - sorted[i - 1]![0]),
  }));
}

interface HeatCell {
  t0: number;
  t1: number;
  a: number;
  l: number;
}

/** Neighbouring columns of one band at the same level become one rectangle. */
function mergeCells(rows: readonly DataRow[], levels: number): HeatCell[] {
  const cells: HeatCell[] = [];
  for (const row of rows) {
    const cell = {
      t0: num(row, 't0_s'),
      t1: num(row, 't1_s'),
      a: num(row, 'band'),
      l: Math.min(levels - 1, Math.floor(num(row, 'share') * levels)),
    };
    const last = cells.at(-1);
    const joins = last !== undefined && last.a === cell.a && last.l === cell.l && cell.t0 - last.t1 < (cell.t1 - cell.t0) * 0.5;
    if (joins) last.t1 = cell.t1;
    else cells.push(cell);
  }
  return cells;
}

function panel(title: string, color: string, rows: readonly DataRow[], bands: readonly Band[], time: Spec, ctx: ChartContext): Panel {
  const ramp = ctx.theme.ramp;
  const nBands = bands.at(-1)!.row + 1;
  const y = { type: 'quantitative', title: null, scale: { domain: [0, nBands], nice: false }, axis: addressAxis(bands, nBands) };
  const layer: Spec[] = [
    {
      mark: { type: 'rect', aria: false, clip: true, strokeWidth: 0 },
      encoding: {
        x: { ...time, field: 't0' },
        x2: { field: 't1' },
        y: { ...y, field: 'a' },
        y2: { field: 'b' },
        color: { field: 'l', type: 'ordinal', scale: { domain: ramp.map((_, i) => i), range: ramp }, legend: levelLegend(ramp.length) },
      },
    },
  ];
  const gaps = bands.filter((band) => band.afterGap).map((band) => ({ a: band.row }));
  if (gaps.length > 0 && gaps.length < nBands / 4) {
    layer.push({
      data: { values: gaps },
      mark: { type: 'rule', color: ctx.theme.muted, strokeWidth: 0.5, aria: false },
      encoding: { y: { ...y, field: 'a' } },
    });
  }
  const data = mergeCells(rows, ramp.length).map((cell) => ({ ...cell, b: cell.a + 1 }));
  return { title, color, data, view: { layer } };
}

function levelLegend(levels: number): Spec {
  return {
    title: 'share of pages',
    labelExpr: `datum.value === 0 ? 'above 0' : datum.value === ${levels - 1} ? '${levels - 1}/${levels} to all' : ''`,
    symbolType: 'square',
    symbolStrokeWidth: 0,
    rowPadding: 0,
    symbolSize: 140,
    orient: 'bottom',
    direction: 'horizontal',
    columnPadding: 7,
  };
}

/** Labels at the first band, after the widest gaps, and in between when there is room. */
function addressAxis(bands: readonly Band[], nBands: number): Spec {
  const room = Math.max(1, Math.ceil(nBands / 6));
  const ticks: Band[] = [];
  for (const band of [...bands.filter((b) => b.row === 0 || b.afterGap), ...bands.filter((b) => b.row % room === 0)]) {
    if (ticks.every((tick) => Math.abs(tick.row - band.row) >= room)) ticks.push(band);
  }
  const names = Object.fromEntries(ticks.map((tick) => [String(tick.row), `0x${(tick.startPage * PAGE_BYTES).toString(16)}`]));
  return { values: ticks.map((tick) => tick.row), labelExpr: `${JSON.stringify(names)}[datum.value]`, grid: false, labelFontSize: 9 };
}

function bytes(n: number): string {
  return n >= 2 ** 20 ? `${n / 2 ** 20} MiB` : `${n / 2 ** 10} KiB`;
}
