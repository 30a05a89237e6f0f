/** Model against kernel: how alike the simulated and the real report of each window are. */
import type { Chart } from '../chart.ts';
import { runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { panels } from '../panels.ts';
import { colorOf, styleOf } from '../style.ts';
import { groupBy, num, text } from '../values.ts';

export const fidelityChart: Chart<'fidelity'> = {
  descriptor: {
    id: 'fidelity',
    title: 'Does the model report what the kernel reported?',
    source: 'workset metrics: fidelity',
    reads: ['runs', 'windows', 'page_sets'],
    advice: 'workset replay TRACE -o DIR on a trace that carries a real report (workset info TRACE lists its streams)',
  },

  /** Runs of one scheme that share a stream share its windows. */
  sql(ctx) {
    return `WITH pair AS (
  SELECT o.run_id AS observed, s.run_id AS simulated, o.stream, s.scheme FROM runs o JOIN runs s ON s.trace_id = o.trace_id AND s.stream = o.stream AND 'observed:' || s.scheme = o.scheme
  WHERE o.kind = 'observed' AND s.kind = 'simulated' AND ${runFilter(ctx, 'o.run_id')} AND ${runFilter(ctx, 's.run_id')}
), both_w AS (
  SELECT p.*, w.w, w.claim_t1_ns / 1e9 AS t_s FROM pair p JOIN windows w ON w.run_id = p.observed JOIN windows v ON v.run_id = p.simulated AND v.w = w.w AND abs(v.claim_t1_ns - w.claim_t1_ns) < 1000000 WHERE NOT w.warmup AND NOT v.warmup
), a AS (SELECT b.observed, b.simulated, b.w, s.chunk, s.bits::BIT AS bits FROM both_w b JOIN page_sets s ON s.run_id = b.observed AND s.w = b.w AND s.kind = 'reported'),
m AS (SELECT b.observed, b.simulated, b.w, s.chunk, s.bits::BIT AS bits FROM both_w b JOIN page_sets s ON s.run_id = b.simulated AND s.w = b.w AND s.kind = 'reported'),
c AS (
  SELECT observed, simulated, w, sum(CASE WHEN a.bits IS NULL OR m.bits IS NULL THEN 0 ELSE bit_count(a.bits & m.bits) END) AS both_n, sum(coalesce(bit_count(a.bits), 0)) AS kernel, sum(coalesce(bit_count(m.bits), 0)) AS model
  FROM a FULL JOIN m USING (observed, simulated, w, chunk) GROUP BY observed, simulated, w
)
SELECT b.simulated AS run_id, b.stream, b.scheme, b.t_s, coalesce(c.both_n / nullif(kernel + model - both_n, 0), 1) AS jaccard, kernel AS kernel_pages, model AS model_pages
FROM both_w b LEFT JOIN c USING (observed, simulated, w) ORDER BY b.scheme, b.stream, b.simulated, b.t_s`;
  },

  spec(rows, ctx) {
    const groups = [...groupBy(rows, (row) => `${text(row, 'scheme')} ${text(row, 'stream')}`)];
    const times = rows.map((row) => num(row, 't_s'));
    const domain = [Math.min(...times), Math.max(...times, Math.min(...times) + 0.001)];
    return framed(fidelityChart, ctx, {
      reading: 'Jaccard of the simulated and the real report, per window: 1 = the same pages. Same windows, same parameters; one panel per real report.',
      without: ['cost', 'scope'],
    }, panels(groups.map(([title, list]) => {
      const color = colorOf(text(list[0]!, 'scheme'), ctx.theme);
      return {
        title, color,
        data: list.map((row) => ({ t: num(row, 't_s'), j: num(row, 'jaccard'), r: text(row, 'run_id') })),
        view: {
          mark: { type: 'line', color, strokeDash: styleOf(text(list[0]!, 'scheme')).dash, point: { size: 14, color }, aria: false },
          encoding: {
            x: { field: 't', type: 'quantitative', title: 'time from trace start (s)', scale: { domain, nice: false }, axis: { grid: false, tickCount: 6 } },
            y: { field: 'j', type: 'quantitative', title: 'Jaccard (0 to 1)', scale: { domain: [0, 1.03], nice: false }, axis: { values: [0, 0.5, 1] } },
            detail: { field: 'r', type: 'nominal' },
          },
        },
      };
    }), ctx, 110));
  },
};
