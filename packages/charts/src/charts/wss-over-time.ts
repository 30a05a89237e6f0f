/** Working set size over time: truth, the simulated scheme and the real report, one panel per scheme. */
import type { Chart, ChartContext, DataRow, RunInfo, Spec } from '../chart.ts';
import { MAX_MARKS } from '../chart.ts';
import { runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { panels } from '../panels.ts';
import type { Panel } from '../panels.ts';
import { BYTES_LABEL, binaryTicks, colorOf, styleOf } from '../style.ts';
import { timeAxis } from '../time-axis.ts';
import { groupBy, num, numOrNull, quote, text } from '../values.ts';

export const wssOverTime: Chart<'wss-over-time'> = {
  descriptor: {
    id: 'wss-over-time',
    title: 'How large is the working set, and how large does each scheme say it is?',
    source: 'Denning, The working set model for program behavior, CACM 11(5), 1968',
    reads: ['runs', 'windows', 'scores', 'page_sets'],
    advice: 'workset replay TRACE -o DIR',
  },

  sql(ctx) {
    const bins = Math.max(20, Math.min(300, Math.floor(MAX_MARKS / (3 * Math.max(1, ctx.runs.length)))));
    return `WITH bare AS MATERIALIZED (SELECT run_id FROM runs WHERE ${runFilter(ctx)} AND run_id NOT IN (SELECT run_id FROM scores)),
unscored AS (
  SELECT p.run_id, p.w, sum(bit_count(p.bits::BIT)) * 4096 AS bytes FROM page_sets p JOIN bare USING (run_id) WHERE p.kind = 'reported' GROUP BY ALL
), sized AS (
  SELECT w.run_id, w.span, w.claim_t1_ns / 1e9 AS t_s, s.wss_true_bytes AS truth, coalesce(s.wss_bytes, u.bytes, 0) AS reported,
    w.w * ${bins} // greatest(max(w.w) OVER (PARTITION BY w.run_id) + 1, ${bins}) AS bin
  FROM windows w
  LEFT JOIN scores s ON s.run_id = w.run_id AND s.w = w.w AND s.scope = ${quote(ctx.scope)} AND s.target = ${quote(ctx.target)}
  LEFT JOIN unscored u ON u.run_id = w.run_id AND u.w = w.w
  WHERE ${runFilter(ctx, 'w.run_id')} AND NOT w.warmup AND (s.run_id IS NOT NULL OR w.run_id IN (FROM bare))
)
SELECT run_id, span, max(t_s) AS t_s, avg(truth) AS truth_bytes, avg(reported) AS reported_bytes, count(*) AS n_windows
FROM sized GROUP BY run_id, span, bin ORDER BY run_id, t_s`;
  },

  spec(rows, ctx) {
    const byRun = groupBy(rows, (row) => text(row, 'run_id'));
    const shown = ctx.runs.filter((run) => byRun.has(run.runId));
    const time = timeAxis(rows.map((row) => num(row, 't_s')));
    const groups = [...groupBy(shown, (run) => run.variant).values()];
    const tops = groups.map((group) =>
      Math.max(
        ...group.flatMap((run) =>
          byRun.get(run.runId)!.flatMap((row) => [num(row, 'truth_bytes'), num(row, 'reported_bytes')].filter(Number.isFinite)),
        ),
        4096,
      ),
    );
    const shared = Math.max(...tops) <= 6 * Math.min(...tops);
    const merged = rows.some((row) => num(row, 'n_windows') > 1);
    const drawn = groups.map((group, i) => panel(group, byRun, time, shared ? Math.max(...tops) : tops[i]!, ctx));
    return framed(
      wssOverTime,
      ctx,
      {
        reading: `Each point is the window that ends there${merged ? ' (mean of neighbouring windows)' : ''}. ${ctx.theme.truthName}: truth over the same windows. Solid colour: simulated. Dashed with circles: observed, the kernel's own report.${shared ? '' : ' Each panel has its own vertical scale.'}`,
        without: ['cost'],
      },
      panels(drawn, ctx, 110),
    );
  },
};

function panel(
  group: readonly RunInfo[],
  byRun: ReadonlyMap<string, readonly DataRow[]>,
  time: Spec,
  top: number,
  ctx: ChartContext,
): Panel {
  const { dash } = styleOf(group[0]!.family);
  const color = colorOf(group[0]!.family, ctx.theme);
  const points = group.flatMap((run) =>
    byRun.get(run.runId)!.map((row, _, all) => ({
      t: num(row, 't_s'),
      truth: numOrNull(row, 'truth_bytes'),
      v: numOrNull(row, 'reported_bytes'),
      k: run.kind,
      s: `${run.runId} ${segmentOf(row, all)}`,
    })),
  );
  const x = { field: 't', ...time };
  const y = (field: string): Spec => ({
    field,
    type: 'quantitative',
    title: null,
    scale: { domain: [0, top * 1.08], nice: false },
    axis: { values: binaryTicks(top * 1.08), labelExpr: BYTES_LABEL },
  });
  const detail = { field: 's', type: 'nominal' };
  const line = (kind: string, mark: Spec): Spec => ({
    transform: [{ filter: `datum.k === '${kind}'` }],
    mark: { type: 'line', clip: true, aria: false, ...mark },
    encoding: { x, y: y('v'), detail },
  });
  const few = points.length / group.length <= 40;
  const dots = (fill: string): Spec => (few ? { point: { size: 8, color: fill, strokeWidth: 0 } } : {});
  const layer: Spec[] = [];
  if (points.some((point) => point.truth !== null)) {
    layer.push({
      mark: { type: 'line', color: ctx.theme.truth, strokeWidth: 1.8, clip: true, aria: false, ...dots(ctx.theme.truth) },
      encoding: { x, y: y('truth'), detail },
    });
  }
  if (group.some((run) => run.kind === 'simulated')) layer.push(line('simulated', { color, strokeDash: dash, ...dots(color) }));
  if (group.some((run) => run.kind === 'observed')) {
    layer.push(
      line('observed', {
        color,
        strokeDash: [3, 2],
        strokeWidth: 1.3,
        point: { filled: false, fill: ctx.theme.background, color, size: 14, strokeWidth: 1 },
      }),
    );
  }
  return {
    title: group[0]!.variant + (group.every((run) => run.kind === 'observed') ? ' (observed)' : ''),
    color,
    data: points,
    view: { layer },
  };
}

/** Lines break where the recording does; a window across a break stands alone, unless nothing at all was recorded. */
function segmentOf(row: DataRow, run: readonly DataRow[]): number {
  const span = num(row, 'span');
  if (span >= 0) return span;
  return run.every((other) => num(other, 'span') < 0) ? -1 : num(row, 't_s');
}
