/** Precision and recall against the length of the window, one line per scheme. */
import type { Chart, Spec } from '../chart.ts';
import { runFilter } from '../context.ts';
import { framed } from '../frame.ts';
import { seriesEncodings } from '../series.ts';
import { DURATION_LABEL, durationTicks } from '../style.ts';
import { num, text } from '../values.ts';
import { microScoresSql } from './pareto.ts';

export const precisionRecallByInterval: Chart<'precision-recall-by-interval'> = {
  descriptor: {
    id: 'precision-recall-by-interval',
    title: 'How do precision and recall change with the length of the window?',
    source: 'linux-mm thread on userfaultfd working set tracking, April 2026 (claims C3, C13)',
    reads: ['runs', 'windows', 'scores'],
    advice: "workset replay TRACE -o DIR --scheme 'uffd-rwp:interval=100ms:10s:x2' (a sweep over intervals)",
  },

  sql(ctx) {
    return `WITH quality AS (
  ${microScoresSql(ctx)}
), claim AS (
  SELECT run_id, median(claim_t1_ns - claim_t0_ns) AS claim_ns FROM windows WHERE ${runFilter(ctx)} AND scored AND NOT warmup GROUP BY run_id
)
SELECT run_id, claim_ns, precision, recall, n_windows FROM quality JOIN claim USING (run_id) WHERE claim_ns > 0 ORDER BY claim_ns, run_id`;
  },

  spec(rows, ctx) {
    const byId = new Map(ctx.runs.map((run) => [run.runId, run]));
    const data = rows.flatMap((row) => {
      const run = byId.get(text(row, 'run_id'));
      const series = run === undefined ? '' : run.kind === 'observed' ? `${run.family} (observed)` : run.family;
      return run === undefined
        ? []
        : [
            {
              series,
              sweep: run.kind === 'simulated' && run.stream === null,
              ns: num(row, 'claim_ns'),
              precision: num(row, 'precision'),
              recall: num(row, 'recall'),
            },
          ];
    });
    const times = data.map((row) => row.ns);
    const series = [...new Set(data.map((row) => row.series))];
    const members = series.map((name) => ({
      ...[...byId.values()].find((run) => name === (run.kind === 'observed' ? `${run.family} (observed)` : run.family))!,
      label: name,
    }));
    const look = seriesEncodings(members, ctx);
    const [low, high] = [Math.min(...times) / 1.3, Math.max(...times) * 1.3];
    const width = Math.floor((ctx.width - 300) / 2);
    const side = (field: string, title: string): Spec => ({
      width,
      height: 240,
      data: { values: data.filter((row) => Number.isFinite(row[field as 'recall'])) },
      encoding: {
        x: {
          field: 'ns',
          type: 'quantitative',
          title: 'length of the claim window (median per run)',
          scale: { type: 'log', domain: [low, high], nice: false },
          axis: { labelExpr: DURATION_LABEL, values: durationTicks(low, high) },
        },
        y: { field, type: 'quantitative', title, scale: { domain: [0, 1.02], nice: false }, axis: { values: [0, 0.2, 0.4, 0.6, 0.8, 1] } },
        color: look.color,
      },
      layer: [
        { transform: [{ filter: 'datum.sweep' }], mark: { type: 'line', aria: false } },
        {
          transform: [{ filter: 'datum.sweep' }],
          mark: { type: 'point', filled: true, opacity: 1, size: 40 },
          encoding: { shape: look.shape },
        },
        {
          transform: [{ filter: '!datum.sweep' }],
          mark: { type: 'point', filled: false, opacity: 1, size: 40 },
          encoding: { shape: look.shape },
        },
      ],
    });
    const single = new Set(times).size === 1 ? ' Every run here has the same interval: a sweep draws lines.' : '';
    return framed(
      precisionRecallByInterval,
      ctx,
      {
        reading: `Each point is one run, summed over its windows (micro). Lines join the runs of one scheme over the whole trace; hollow: runs that cover one capture stream only, real reports among them.${single}`,
        without: ['cost'],
      },
      { hconcat: [side('precision', 'precision (0 to 1)'), side('recall', 'recall (0 to 1)')] },
    );
  },
};
