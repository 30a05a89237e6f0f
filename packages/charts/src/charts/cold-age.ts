/** Memory by how long it has been idle at the end of the trace, in truth and as each scheme sees it. */
import type { Chart } from '../chart.ts';
import { pageSets, runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { labelsOf, seriesEncodings } from '../series.ts';
import { BYTES_LABEL, binaryTicks, durationTicks } from '../style.ts';
import { num, quote, text } from '../values.ts';

export const coldAge: Chart<'cold-age'> = {
  descriptor: {
    id: 'cold-age',
    title: 'How much memory has been idle for how long, at the end of the trace?',
    source: 'Cold age as in kidled and Google far memory (Lagar-Cavilla et al., ASPLOS 2019)',
    reads: ['runs', 'windows', 'page_sets'],
    advice: 'workset replay TRACE -o DIR (page sets are written by default)',
    oneSpace: true,
  },

  /** Walks back from the last window: a page is idle for n windows when the union of the last n lacks it. */
  sql(ctx) {
    const back = Array.from({ length: 14 }, (_, k) => 2 ** k).join(', ');
    return `WITH sets AS (SELECT * FROM ${pageSets(ctx)}),
live AS (
  SELECT run_id, w, n_pages, claim_t0_ns, claim_t1_ns, row_number() OVER (PARTITION BY run_id ORDER BY w DESC) AS back FROM windows WHERE ${runFilter(ctx)} AND NOT warmup
), depth AS (
  SELECT DISTINCT run_id, least(d.d, max(back) OVER (PARTITION BY run_id)) AS d FROM live, (SELECT unnest([${back}]) AS d) d
), horizon AS (
  SELECT d.run_id, d.d, max(l.n_pages) AS n_pages, max(l.claim_t1_ns) - min(l.claim_t0_ns) AS idle_ns FROM depth d JOIN live l ON l.run_id = d.run_id AND l.back <= d.d GROUP BY ALL
), pick AS (
  SELECT run_id FROM live WHERE run_id IN (SELECT run_id FROM sets WHERE kind = 'truth' AND scope = ${quote(ctx.scope)}) GROUP BY run_id ORDER BY count(*) DESC, run_id LIMIT 1
), seen AS (
  SELECT d.run_id, d.d, CASE p.kind WHEN 'truth' THEN 'truth' ELSE 'reported' END AS what, p.chunk, bit_count(bit_or(p.bits::BIT)) AS n
  FROM depth d JOIN live l ON l.run_id = d.run_id AND l.back <= d.d JOIN sets p ON p.run_id = l.run_id AND p.w = l.w
  WHERE p.kind = 'reported' OR (p.kind = 'truth' AND p.scope = ${quote(ctx.scope)} AND p.run_id IN (FROM pick)) GROUP BY d.run_id, d.d, what, p.chunk
)
SELECT h.run_id, k.what, h.idle_ns / 1e9 AS idle_s, (h.n_pages - coalesce(sum(s.n), 0)) * 4096 AS idle_bytes
FROM horizon h JOIN (SELECT 'reported' AS what UNION ALL SELECT 'truth') k ON k.what = 'reported' OR h.run_id IN (FROM pick)
LEFT JOIN seen s ON s.run_id = h.run_id AND s.d = h.d AND s.what = k.what GROUP BY h.run_id, k.what, h.idle_ns, h.n_pages ORDER BY k.what DESC, h.run_id, idle_s`;
  },

  spec(rows, ctx) {
    const labels = labelsOf(ctx.runs);
    const data = rows
      .map((row) => ({
        series: text(row, 'what') === 'truth' ? 'truth' : (labels.get(text(row, 'run_id')) ?? text(row, 'run_id')),
        t: num(row, 'idle_s'),
        bytes: num(row, 'idle_bytes'),
      }))
      .filter((row) => row.t > 0);
    const present = new Set(data.map((row) => row.series));
    const look = seriesEncodings(
      ctx.runs.filter((run) => present.has(run.label)),
      ctx,
      { truth: present.has('truth'), lines: true },
    );
    const [low, high] = [Math.min(...data.map((row) => row.t)), Math.max(...data.map((row) => row.t))];
    const top = Math.max(...data.map((row) => row.bytes), 4096);
    return framed(
      coldAge,
      ctx,
      {
        reading:
          'Memory that was not touched (truth) or not reported for at least this long. Above the line of truth: hot pages taken for cold. Below: cold memory not found. Resolution: one window.',
        without: ['cost'],
      },
      {
        width: ctx.width - 280,
        height: 260,
        data: { values: data },
        mark: { type: 'line', interpolate: 'linear', point: { size: 16 }, aria: false },
        encoding: {
          x: {
            field: 't',
            type: 'quantitative',
            title: 'idle for at least (s)',
            scale: { type: 'log', nice: false, domain: [low, high] },
            axis: { values: durationTicks(low, high), labelExpr: "format(datum.value, '.3~g')" },
          },
          y: {
            field: 'bytes',
            type: 'quantitative',
            title: 'idle memory',
            scale: { domain: [0, top * 1.05], nice: false },
            axis: { values: binaryTicks(top * 1.05, 6), labelExpr: BYTES_LABEL },
          },
          color: look.color,
          strokeDash: look.strokeDash,
        },
      },
    );
  },
};
