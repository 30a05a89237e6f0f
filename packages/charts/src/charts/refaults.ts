/** Refaults over memory, per tracking scheme, beside exact LRU and OPT with the same memory. */
import type { Chart, DataRow } from '../chart.ts';
import { framed } from '../frame.ts';
import { panels } from '../panels.ts';
import { colorOf, styleOf } from '../style.ts';
import { groupBy, num, numOrNull, printable, quote, text } from '../values.ts';

const LRU = 'exact LRU';
const OPT = 'OPT';

interface Point {
  readonly series: string;
  readonly memory: number;
  readonly refaults: number;
}

export const refaults: Chart<'refaults'> = {
  descriptor: {
    id: 'refaults',
    title: 'How often do evicted pages come back, at which memory?',
    source: 'linux-mm thread on userfaultfd working set tracking, April 2026 (claims C13, C14)',
    reads: ['runs.trace', 'eviction_runs.memory_pages', 'eviction_runs.refaults'],
    advice: 'workset replay TRACE -o DIR --evict PRIMITIVE:limit=60%,cold=3',
  },

  sql(ctx) {
    return `SELECT policy, primitive, scheme, memory_pages / greatest(1, first_touches) AS memory,
avg(1000 * refaults / greatest(1, touches)) AS refaults, avg(1000 * lru_refaults / greatest(1, touches)) AS lru, avg(1000 * opt_refaults / greatest(1, touches)) AS opt
FROM eviction_runs JOIN runs USING (run_id) WHERE trace = ${quote(ctx.trace)} GROUP BY ALL ORDER BY ALL`;
  },

  spec(rows, ctx) {
    const schemes = [...new Set(rows.map((row) => text(row, 'scheme')))].sort();
    const lines = [
      ...schemes.map((scheme) => ({ name: printable(scheme), color: colorOf(scheme, ctx.theme), dash: styleOf(scheme).dash })),
      { name: LRU, color: ctx.theme.truth, dash: [6, 3] },
      { name: OPT, color: ctx.theme.truth, dash: [] },
    ];
    const scale = (range: readonly unknown[]) => ({
      field: 'series',
      type: 'nominal',
      title: null,
      scale: { domain: lines.map(({ name }) => name), range },
      legend: { symbolType: 'stroke', symbolSize: 260, symbolStrokeWidth: 2, symbolLimit: 40 },
    });
    const most = Math.max(...rows.flatMap((row) => [num(row, 'refaults'), numOrNull(row, 'lru') ?? 0]));
    const view = {
      mark: { type: 'line', point: { size: 28 }, strokeWidth: 1.5 },
      encoding: {
        x: { field: 'memory', type: 'quantitative', title: 'memory (% of touched pages)', axis: { format: '~%' }, scale: { zero: false } },
        y: { field: 'refaults', type: 'quantitative', title: 'refaults per 1000 touches', scale: { domain: [0, most], nice: true } },
        color: scale(lines.map(({ color }) => color)),
        strokeDash: scale(lines.map(({ dash }) => (dash.length === 0 ? [1, 0] : dash))),
      },
    };
    const byHow = groupBy(rows, (row) => `${text(row, 'policy')}, ${text(row, 'primitive')}`);
    return framed(
      refaults,
      { ...ctx, omitted: 0, variants: 0 },
      {
        reading:
          'Fewer is better. OPT knows the future: no policy refaults less with the same memory. Schemes that report the same draw one line.',
        without: ['cost', 'scope'],
      },
      panels(
        [...byHow].map(([title, group]) => ({ title: printable(title), color: ctx.theme.ink, data: pointsOf(group), view })),
        { ...ctx, width: ctx.width - 160 },
        260,
      ),
    );
  },
};

function pointsOf(rows: readonly DataRow[]): Point[] {
  const references = new Map<string, Point>();
  const points = rows.map((row) => {
    const memory = num(row, 'memory');
    for (const [series, column] of [
      [LRU, 'lru'],
      [OPT, 'opt'],
    ] as const) {
      const value = numOrNull(row, column);
      if (value !== null) references.set(`${series} ${memory}`, { series, memory, refaults: value });
    }
    return { series: printable(text(row, 'scheme')), memory, refaults: num(row, 'refaults') };
  });
  return [...points, ...references.values()];
}
