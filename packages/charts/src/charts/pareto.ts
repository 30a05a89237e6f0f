/** Quality against what it costs: stall inflicted on the vCPUs, and CPU time of the tracker. */
import type { Chart, ChartContext, DataRow, Spec } from '../chart.ts';
import { allRunFilter, runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { colorOf, styleOf } from '../style.ts';
import { num, quote, text } from '../values.ts';

/** Micro scores per run: sums over scored windows that carry information. */
export function microScoresSql(ctx: ChartContext, across = false): string {
  return `SELECT s.run_id, count(*) AS n_windows, sum(s.tp) AS tp, sum(s.fp) AS fp, sum(s.fn) AS fn, sum(s.edge) AS edge, sum(s.tn) AS tn,
    sum(s.truth) AS truth, sum(s.truth_eligible) AS truth_eligible, sum(s.tp_eligible) AS tp_eligible,
    sum(s.tp) / nullif(sum(s.tp + s.fp), 0) AS precision, sum(s.tp) / nullif(sum(s.truth), 0) AS recall,
    2 * sum(s.tp) / nullif(sum(2 * s.tp + s.fp + s.fn), 0) AS f1, avg(s.jaccard) AS jaccard_macro,
    (sum(s.wss_bytes) - sum(s.wss_true_bytes)) / nullif(sum(s.wss_true_bytes), 0) AS wss_bias
  FROM scores s JOIN windows w USING (run_id, w)
  WHERE ${across ? allRunFilter(ctx, 's.run_id') : runFilter(ctx, 's.run_id')} AND s.scope = ${quote(ctx.scope)} AND s.target = ${quote(ctx.target)} AND w.scored AND NOT w.warmup
  GROUP BY s.run_id`;
}

export const pareto: Chart<'pareto'> = {
  descriptor: {
    id: 'pareto',
    title: 'What does finding the working set cost, and what does the cost buy?',
    source: 'linux-mm thread on userfaultfd working set tracking, April 2026 (claims C3 to C6)',
    reads: ['runs', 'windows', 'scores', 'costs'],
    advice: 'workset replay TRACE -o DIR (simulated runs only: a real report has no cost ledger)',
  },

  sql(ctx) {
    return `WITH quality AS (
  ${microScoresSql(ctx)}
), price AS (
  SELECT run_id, sum(vcpu_ns) AS vcpu_ns, sum(tracker_ns) AS tracker_ns FROM costs WHERE ${runFilter(ctx)} GROUP BY run_id
), point AS (
  SELECT r.run_id, q.f1, q.precision, q.recall, p.vcpu_ns / nullif(r.duration_ns * r.vcpus, 0) AS overhead, p.tracker_ns / nullif(r.duration_ns, 0) AS tracker
  FROM runs r JOIN quality q USING (run_id) JOIN price p USING (run_id) WHERE r.kind = 'simulated' AND q.f1 IS NOT NULL
)
SELECT *, NOT EXISTS (FROM point b WHERE b.f1 >= a.f1 AND b.overhead <= a.overhead AND (b.f1 > a.f1 OR b.overhead < a.overhead)) AS best_overhead,
  NOT EXISTS (FROM point b WHERE b.f1 >= a.f1 AND b.tracker <= a.tracker AND (b.f1 > a.f1 OR b.tracker < a.tracker)) AS best_tracker
FROM point a ORDER BY run_id`;
  },

  spec(rows, ctx) {
    const runs = ctx.runs.filter((run) => rows.some((row) => text(row, 'run_id') === run.runId));
    const color = {
      field: 'scheme',
      type: 'nominal',
      title: null,
      scale: { domain: runs.map((run) => run.label), range: runs.map((run) => colorOf(run.family, ctx.theme)) },
    };
    const shape = {
      field: 'scheme',
      type: 'nominal',
      title: null,
      scale: { domain: runs.map((run) => run.label), range: runs.map((run) => styleOf(run.family).shape) },
    };
    const labels = new Map(runs.map((run) => [run.runId, run.label]));
    const notes = new Map(runs.map((run) => [run.runId, run.variant.slice(run.family.length).trim().replaceAll(/[[\]]/g, '')]));
    const width = Math.floor((ctx.width - 300) / 2);
    const side = (field: string, best: string, title: string, first: boolean): Spec => {
      const axis = costAxis(rows, field);
      const noted = joinNotes(rows, notes, (row) => [axis.place(num(row, field) * 100) * width, num(row, 'f1') * 260]);
      const data = rows.map((row) => ({
        x: num(row, field) * 100,
        y: num(row, 'f1'),
        scheme: labels.get(text(row, 'run_id')) ?? text(row, 'run_id'),
        note: noted.get(text(row, 'run_id')) ?? '',
        best: row[best] === true,
      }));
      const x = {
        field: 'x',
        type: 'quantitative',
        title,
        scale: axis.scale,
        axis: { values: axis.ticks, labelExpr: "format(datum.value, '.3~g') + '%'" },
      };
      const y = {
        field: 'y',
        type: 'quantitative',
        title: first ? 'F1 (0 to 1)' : null,
        scale: { domain: [0, 1.02], nice: false },
        axis: { values: [0, 0.2, 0.4, 0.6, 0.8, 1] },
      };
      return {
        width,
        height: 260,
        data: { values: data },
        layer: [
          {
            transform: [{ filter: 'datum.best' }],
            mark: { type: 'line', interpolate: 'step-after', color: ctx.theme.muted, strokeWidth: 1, strokeDash: [2, 2], aria: false },
            encoding: { x, y, order: { field: 'x', type: 'quantitative' } },
          },
          {
            mark: { type: 'point', filled: true, size: 90, opacity: 0.9, stroke: ctx.theme.background, strokeWidth: 0.6 },
            encoding: { x, y, color, shape },
          },
          {
            transform: [{ filter: "datum.note !== ''" }],
            mark: { type: 'text', align: 'left', dx: 7, dy: 9, fontSize: 9, color: ctx.theme.muted, aria: false },
            encoding: { x, y, text: { field: 'note' } },
          },
        ],
      };
    };
    return framed(
      pareto,
      ctx,
      {
        reading:
          'F1 of the reported pages against truth, summed over windows (micro). Up and left is better; the dotted line joins runs that no other run beats on both axes. Counts are in the table costs.',
      },
      {
        hconcat: [
          side('overhead', 'best_overhead', 'stall inflicted on the vCPUs (share of run time)', true),
          side('tracker', 'best_tracker', 'CPU time of the tracker (share of one CPU)', false),
        ],
        resolve: { legend: { color: 'shared', shape: 'shared' }, scale: { color: 'shared', shape: 'shared' } },
      },
    );
  },
};

/** Costs span decades and may be 0: symmetric log, linear below the smallest cost. */
function costAxis(rows: readonly DataRow[], field: string): { scale: Spec; ticks: number[]; place: (value: number) => number } {
  const values = rows.map((row) => num(row, field) * 100).filter((value) => Number.isFinite(value) && value > 0);
  const max = values.reduce((a, b) => Math.max(a, b), 1e-3);
  const min = values.reduce((a, b) => Math.min(a, b), max);
  const low = Math.max(Math.floor(Math.log10(min)), Math.ceil(Math.log10(max)) - 6);
  const steps = Math.log10(max) - low < 2 ? [1, 2, 5] : [1];
  const ticks = [0];
  for (let e = low; 10 ** e <= max * 3; e++) ticks.push(...steps.map((step) => Number((step * 10 ** e).toPrecision(1))));
  return {
    scale: { type: 'symlog', constant: 10 ** low, domain: [0, max * 1.4], nice: false },
    ticks: ticks.filter((tick) => tick <= max * 1.4),
    place: (value) => Math.log1p(value / 10 ** low) / Math.log1p((max * 1.4) / 10 ** low),
  };
}

/** Points that lie together share one note, so that notes do not overprint. @param at px */
function joinNotes(
  rows: readonly DataRow[],
  notes: ReadonlyMap<string, string>,
  at: (row: DataRow) => readonly [number, number],
): ReadonlyMap<string, string> {
  const joined = new Map<string, string>();
  const placed: { id: string; x: number; y: number }[] = [];
  for (const row of rows) {
    const id = text(row, 'run_id');
    const note = notes.get(id) ?? '';
    const [x, y] = at(row);
    const near = note === '' ? undefined : placed.find((other) => Math.abs(other.x - x) < 45 && Math.abs(other.y - y) < 11);
    if (near === undefined) joined.set(id, note);
    else joined.set(near.id, `${joined.get(near.id)}, ${note}`);
    if (near === undefined && note !== '') placed.push({ id, x, y });
  }
  return joined;
}
