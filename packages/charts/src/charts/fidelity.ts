/** Model against kernel: how alike the simulated and the real report of each window are. */
import type { Chart, ChartContext, Spec } from '../chart.ts';
import { pageSets, runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { panels } from '../panels.ts';
import { colorOf, styleOf } from '../style.ts';
import { timeAxis } from '../time-axis.ts';
import { groupBy, num, numOrNull, printable, text } from '../values.ts';

export const fidelityChart: Chart<'fidelity'> = {
  descriptor: {
    id: 'fidelity',
    title: 'Does the model report what the kernel reported?',
    source: 'workset metrics: fidelity',
    reads: ['runs', 'windows', 'page_sets'],
    advice: 'workset replay TRACE -o DIR on a trace that carries a real report (workset info TRACE lists its streams)',
  },

  /** A model that follows the schedule of the real report is preferred to one with a schedule of its own. Each window of a real report, with the window of its model that overlaps it most (at least half of both). */
  sql(ctx) {
    const causes = causesOf(ctx);
    return `WITH sets AS (SELECT * FROM ${pageSets(ctx)}),
pair AS (
  SELECT o.run_id AS observed, s.run_id AS simulated, o.stream, s.scheme, s.stream IS NOT NULL AS follows
  FROM runs o JOIN runs s ON s.trace_id = o.trace_id AND s.space = o.space AND 'observed:' || s.scheme = o.scheme AND (s.stream = o.stream OR s.stream IS NULL)
  WHERE o.kind = 'observed' AND s.kind = 'simulated' AND ${runFilter(ctx, 'o.run_id')} AND ${runFilter(ctx, 's.run_id')}
  QUALIFY follows OR NOT bool_or(follows) OVER (PARTITION BY o.run_id)
), both_w AS (
  SELECT p.*, x.w AS wo, y.w AS ws, x.claim_t1_ns / 1e9 AS t_s, least(x.claim_t1_ns, y.claim_t1_ns) - greatest(x.claim_t0_ns, y.claim_t0_ns) AS overlap_ns
  FROM pair p JOIN windows x ON x.run_id = p.observed JOIN windows y ON y.run_id = p.simulated AND y.claim_t0_ns < x.claim_t1_ns AND y.claim_t1_ns > x.claim_t0_ns
  WHERE NOT x.warmup AND NOT y.warmup AND 2 * overlap_ns >= x.claim_t1_ns - x.claim_t0_ns AND 2 * overlap_ns >= y.claim_t1_ns - y.claim_t0_ns
  QUALIFY row_number() OVER (PARTITION BY p.observed, p.simulated, x.w ORDER BY overlap_ns DESC, y.w) = 1
), a AS (SELECT b.observed, b.simulated, b.wo, s.chunk, s.bits::BIT AS bits FROM both_w b JOIN sets s ON s.run_id = b.observed AND s.w = b.wo WHERE s.kind = 'reported'),
m AS (SELECT b.observed, b.simulated, b.wo, s.chunk, s.bits::BIT AS bits FROM both_w b JOIN sets s ON s.run_id = b.simulated AND s.w = b.ws WHERE s.kind = 'reported'),
c AS (
  SELECT observed, simulated, wo, sum(CASE WHEN a.bits IS NULL OR m.bits IS NULL THEN 0 ELSE bit_count(a.bits & m.bits) END) AS both_n, sum(coalesce(bit_count(a.bits), 0)) AS kernel, sum(coalesce(bit_count(m.bits), 0)) AS model
  FROM a FULL JOIN m USING (observed, simulated, wo, chunk) GROUP BY observed, simulated, wo
)
SELECT b.simulated AS run_id, b.stream, b.scheme, b.follows, b.t_s, coalesce(both_n, 0) AS both_pages, coalesce(c.both_n / nullif(kernel + model - both_n, 0), 1) AS jaccard, coalesce(kernel, 0) AS kernel_pages, coalesce(model, 0) AS model_pages, ${causes.column} AS jaccard_explained
FROM both_w b LEFT JOIN c USING (observed, simulated, wo) ${causes.join} ORDER BY b.scheme, b.stream, b.simulated, b.t_s`;
  },

  spec(rows, ctx) {
    const groups = [...groupBy(rows, (row) => printable(`${text(row, 'scheme')} ${text(row, 'stream')}`))];
    const explained = rows.some((row) => numOrNull(row, 'jaccard_explained') !== null);
    const time = timeAxis(rows.map((row) => num(row, 't_s')));
    return framed(
      fidelityChart,
      ctx,
      {
        reading: `Jaccard of the simulated and the real report, per window: 1 = the same pages. Windows are matched by overlap; one panel per real report. A star marks a model that does not follow the schedule of the report.${explained ? ' Grey: without pages that a trace of accesses cannot predict, touched by the kernel alone or by nobody (view idle_causes).' : ''}`,
        without: ['cost', 'scope'],
      },
      panels(
        groups.map(([title, list]) => {
          const color = colorOf(text(list[0]!, 'scheme'), ctx.theme);
          return {
            title: list[0]!['follows'] === true ? title : `${title} *`,
            color,
            data: list.map((row) => ({
              t: num(row, 't_s'),
              j: num(row, 'jaccard'),
              e: numOrNull(row, 'jaccard_explained'),
              r: text(row, 'run_id'),
            })),
            view: {
              encoding: { x: { field: 't', ...time }, detail: { field: 'r', type: 'nominal' } },
              layer: [
                {
                  mark: {
                    type: 'line',
                    color,
                    strokeDash: styleOf(text(list[0]!, 'scheme')).dash,
                    point: { size: 14, color },
                    aria: false,
                  },
                  encoding: { y: share('j') },
                },
                ...(list.some((row) => numOrNull(row, 'jaccard_explained') !== null)
                  ? [
                      {
                        mark: {
                          type: 'line',
                          color: ctx.theme.muted,
                          strokeDash: [3, 2],
                          strokeWidth: 1.4,
                          point: { size: 8, color: ctx.theme.muted },
                          aria: false,
                        },
                        encoding: { y: share('e') },
                      },
                    ]
                  : []),
              ],
            },
          };
        }),
        ctx,
        110,
      ),
    );
  },
};

const share = (field: string): Spec => ({
  field,
  type: 'quantitative',
  title: 'Jaccard (0 to 1)',
  scale: { domain: [0, 1.03], nice: false },
  axis: { values: [0, 0.5, 1] },
});

/** What of a difference in idle-page reports the trace explains, where the results have that view. */
function causesOf(ctx: ChartContext): { readonly column: string; readonly join: string } {
  if (!ctx.tables.has('idle_causes') || !ctx.runs.some((run) => run.kind === 'observed' && run.family === 'idle-page'))
    return { column: 'NULL::DOUBLE', join: '' };
  const causes = `(SELECT observed_run, simulated_run, w, jaccard_explained FROM idle_causes WHERE ${runFilter(ctx, 'observed_run')})`;
  return {
    column: 'i.jaccard_explained',
    join: `LEFT JOIN ${causes} i ON i.observed_run = b.observed AND i.simulated_run = b.simulated AND i.w = b.wo`,
  };
}
