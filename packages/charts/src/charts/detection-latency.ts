/** How soon newly used pages appear in a report: ECDF over pages, log time. */
import type { Chart } from '../chart.ts';
import { pageSets, runFilter } from '../context.ts';
import { sampled, strideSql } from '../sampling.ts';
import { framed } from '../frame.ts';
import { labelsOf, seriesEncodings } from '../series.ts';
import { DURATION_LABEL, durationTicks } from '../style.ts';
import { num, quote, text } from '../values.ts';

export const detectionLatency: Chart<'detection-latency'> = {
  descriptor: {
    id: 'detection-latency',
    title: 'How soon does a scheme report pages that come into use?',
    source: 'workset metrics: detection latency',
    reads: ['runs', 'windows', 'page_sets'],
    advice: 'workset replay TRACE -o DIR (page sets are written by default)',
    oneSpace: true,
  },

  /** onset = touched in w, not in w-1; found after k windows = onset within the union of the reports w … w+k. Only onsets with a full horizon count. */
  sql(ctx) {
    return `WITH sets AS (SELECT * FROM ${pageSets(ctx)}),
live AS (
  SELECT run_id, w, span, claim_t0_ns, report_ns, row_number() OVER (PARTITION BY run_id, span ORDER BY w) AS k FROM windows WHERE ${runFilter(ctx)} AND scored AND NOT warmup
), touched AS (
  SELECT l.run_id, l.span, l.k, l.claim_t0_ns, p.chunk, p.bits::BIT AS bits FROM live l JOIN sets p USING (run_id, w) WHERE p.kind = 'truth' AND p.scope = ${quote(ctx.scope)}
), lag AS (SELECT unnest([0, 1, 2, 3, 4, 6, 8, 12, 16]) AS lag),
${strideSql(61)},
onset AS (
  SELECT a.run_id, a.span, a.k, a.claim_t0_ns, a.chunk, CASE WHEN b.bits IS NULL THEN a.bits ELSE a.bits & ~b.bits END AS bits
  FROM touched a LEFT JOIN touched b ON b.run_id = a.run_id AND b.span = a.span AND b.chunk = a.chunk AND b.k = a.k - 1 WHERE a.k > 1 AND a.k % (SELECT s FROM stride) = 0
),
seen AS (
  SELECT l.run_id, l.span, l.k, p.chunk, p.bits::BIT AS bits FROM live l JOIN sets p USING (run_id, w) WHERE p.kind = 'reported'
), last AS (SELECT run_id, span, max(k) AS k FROM live GROUP BY ALL),
horizon AS (SELECT run_id, max(lag) AS h FROM (SELECT run_id, max(k) AS k FROM live GROUP BY run_id) JOIN lag ON lag <= greatest(k // 2, 1) GROUP BY run_id),
due AS (
  SELECT o.run_id, o.span, o.k, g.lag, o.chunk, any_value(o.bits) AS bits, bit_or(s.bits) AS reported
  FROM onset o JOIN last e ON e.run_id = o.run_id AND e.span = o.span JOIN horizon z ON z.run_id = o.run_id AND o.k + z.h <= e.k JOIN lag g ON g.lag <= z.h
  LEFT JOIN seen s ON s.run_id = o.run_id AND s.span = o.span AND s.chunk = o.chunk AND s.k BETWEEN o.k AND o.k + g.lag GROUP BY o.run_id, o.span, o.k, g.lag, o.chunk
), found AS (
  SELECT run_id, lag, sum(bit_count(bits)) AS pages, sum(CASE WHEN reported IS NULL THEN 0 ELSE bit_count(bits & reported) END) AS n FROM due GROUP BY run_id, lag
), delay AS (
  SELECT l.run_id, g.lag, median(r.report_ns - l.claim_t0_ns) AS ns FROM live l JOIN lag g ON true JOIN live r ON r.run_id = l.run_id AND r.span = l.span AND r.k = l.k + g.lag GROUP BY l.run_id, g.lag
)
SELECT run_id, lag, ns AS latency_ns, n / pages AS found, pages, (SELECT s FROM stride) AS stride FROM found JOIN delay USING (run_id, lag) WHERE pages > 0 AND ns > 0 ORDER BY run_id, lag`;
  },

  spec(rows, ctx) {
    const labels = labelsOf(ctx.runs);
    const data = rows.map((row) => ({
      series: labels.get(text(row, 'run_id')) ?? text(row, 'run_id'),
      ns: num(row, 'latency_ns'),
      found: num(row, 'found'),
    }));
    const present = new Set(data.map((row) => row.series));
    const look = seriesEncodings(
      ctx.runs.filter((run) => present.has(run.label)),
      ctx,
      { lines: true },
    );
    const [low, high] = [Math.min(...data.map((row) => row.ns)) / 1.2, Math.max(...data.map((row) => row.ns)) * 1.2];
    return framed(
      detectionLatency,
      ctx,
      {
        reading: `A page comes into use when it is touched in a window and was not in the window before. Time from the start of that window to the end of the report that first holds the page (median over windows): an upper bound. What a line lacks to 100% was not found by its last point.${sampled(rows)}`,
        without: ['cost'],
      },
      {
        width: ctx.width - 280,
        height: 260,
        data: { values: data },
        mark: { type: 'line', interpolate: 'step-after', point: { size: 22 }, aria: false },
        encoding: {
          x: {
            field: 'ns',
            type: 'quantitative',
            title: 'time until reported (log)',
            scale: { type: 'log', domain: [low, high], nice: false },
            axis: { values: durationTicks(low, high), labelExpr: DURATION_LABEL },
          },
          y: {
            field: 'found',
            type: 'quantitative',
            title: 'pages found (%)',
            scale: { domain: [0, 1.02], nice: false },
            axis: { format: '.0%', values: [0, 0.2, 0.4, 0.6, 0.8, 1] },
          },
          color: look.color,
          strokeDash: look.strokeDash,
        },
      },
    );
  },
};
