/** The working-set policy run on reports: keep what was seen in the last n windows, count what is then missing. */
import type { Chart } from '../chart.ts';
import { pageSets, runFilter } from '../context.ts';
import { sampled, strideSql } from '../sampling.ts';
import { framed } from '../frame.ts';
import { labelsOf, seriesEncodings } from '../series.ts';
import { BYTES_LABEL, binaryTicks } from '../style.ts';
import { num, quote, text } from '../values.ts';

export const workingSetPolicy: Chart<'working-set-policy'> = {
  descriptor: {
    id: 'working-set-policy',
    title: 'If only pages seen in the last n windows were kept, how many touched pages would be missing?',
    source: 'Denning and Slutz, Generalized working sets for segment reference strings, CACM 21(9), 1978; the unit here is the page-window',
    reads: ['runs', 'windows', 'page_sets'],
    advice: 'workset replay TRACE -o DIR (page sets are written by default)',
    oneSpace: true,
  },

  /** kept(n) = union of the n windows before w; missing = truth of w without kept. */
  sql(ctx) {
    return `WITH sets AS (SELECT * FROM ${pageSets(ctx)}),
live AS (
  SELECT run_id, w, span, row_number() OVER (PARTITION BY run_id, span ORDER BY w) AS k FROM windows WHERE ${runFilter(ctx)} AND scored AND NOT warmup
), pick AS (
  SELECT run_id FROM live WHERE run_id IN (SELECT run_id FROM sets WHERE kind = 'truth' AND scope = ${quote(ctx.scope)}) GROUP BY run_id ORDER BY count(*) DESC, run_id LIMIT 1
), depth AS (SELECT unnest([1, 2, 4, 8, 16, 32, 64]) AS n),
${strideSql(127)},
target AS (
  SELECT l.run_id, l.span, l.w, l.k, d.n FROM live l JOIN depth d ON l.k > d.n WHERE l.k % (SELECT s FROM stride) = 0
), source AS (
  SELECT l.run_id, l.span, l.k, CASE p.kind WHEN 'truth' THEN 'truth' ELSE 'reported' END AS what, p.chunk, p.bits::BIT AS bits FROM live l JOIN sets p USING (run_id, w)
  WHERE p.kind = 'reported' OR (p.kind = 'truth' AND p.scope = ${quote(ctx.scope)} AND p.run_id IN (FROM pick))
), kept AS (
  SELECT t.run_id, t.w, t.n, s.what, s.chunk, bit_or(s.bits) AS bits FROM target t JOIN source s ON s.run_id = t.run_id AND s.span = t.span AND s.k BETWEEN t.k - t.n AND t.k - 1 GROUP BY ALL
), size AS (
  SELECT run_id, n, what, sum(bit_count(bits)) AS pages FROM kept GROUP BY ALL
), need AS (
  SELECT t.run_id, t.w, t.n, p.chunk, p.bits::BIT AS bits FROM target t JOIN sets p USING (run_id, w) WHERE p.kind = 'truth' AND p.scope = ${quote(ctx.scope)}
), hit AS (
  SELECT k.run_id, k.n, k.what, sum(bit_count(k.bits & d.bits)) AS pages FROM kept k JOIN need d USING (run_id, w, n, chunk) GROUP BY k.run_id, k.n, k.what
), total AS (
  SELECT t.run_id, t.n, count(DISTINCT t.w) AS windows, sum(bit_count(d.bits)) AS pages FROM target t LEFT JOIN need d USING (run_id, w, n) GROUP BY t.run_id, t.n
)
SELECT s.run_id, s.what, s.n, s.pages * 4096 / t.windows AS kept_bytes, 1 - coalesce(h.pages, 0) / t.pages AS missing, t.windows, (SELECT s FROM stride) AS stride
FROM size s JOIN total t USING (run_id, n) LEFT JOIN hit h USING (run_id, n, what) WHERE t.pages > 0 ORDER BY s.what DESC, s.run_id, s.n`;
  },

  spec(rows, ctx) {
    const labels = labelsOf(ctx.runs);
    const data = rows.map((row) => ({
      series: text(row, 'what') === 'truth' ? 'truth' : (labels.get(text(row, 'run_id')) ?? text(row, 'run_id')),
      n: num(row, 'n'),
      bytes: num(row, 'kept_bytes'),
      miss: num(row, 'missing'),
    }));
    const present = new Set(data.map((row) => row.series));
    const look = seriesEncodings(
      ctx.runs.filter((run) => present.has(run.label)),
      ctx,
      { truth: present.has('truth'), lines: true },
    );
    const top = Math.max(...data.map((row) => row.bytes), 4096);
    return framed(
      workingSetPolicy,
      ctx,
      {
        reading: `Points along a line: n = 1, 2, 4, 8 … windows, from left to right. Down and left is better. ${ctx.theme.truthName}: the same policy on the true page sets. Unit: a page touched in a window; what happens inside a window is not seen.${sampled(rows)}`,
        without: ['cost'],
      },
      {
        width: ctx.width - 280,
        height: 260,
        data: { values: data },
        mark: { type: 'line', point: { size: 26 }, aria: false },
        encoding: {
          x: {
            field: 'bytes',
            type: 'quantitative',
            title: 'memory kept (mean over windows)',
            scale: { domain: [0, top * 1.05], nice: false },
            axis: { values: binaryTicks(top * 1.05, 7), labelExpr: BYTES_LABEL },
          },
          y: { field: 'miss', type: 'quantitative', title: 'touched pages missing (%)', axis: { format: '.3~p' } },
          color: look.color,
          strokeDash: look.strokeDash,
          order: { field: 'n', type: 'quantitative' },
        },
      },
    );
  },
};
