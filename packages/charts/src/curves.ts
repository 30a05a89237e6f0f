/** What charts of the table `curves` share: its rows as series, exact ones solid, samples dashed in a band of their error. */
import type { ChartContext, DataRow, QuerySource, Spec } from './chart.ts';
import { DARK, SERIES_DARK } from './style.ts';
import { groupBy, num, printable, quote, text } from './values.ts';

const HUES = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8a6d3b', '#6f7f8c'];

/** Name of the trace with the most curves; undefined when there are none. */
export async function tracedByCurves(source: QuerySource): Promise<string | undefined> {
  const { rows } = await source.query('SELECT trace FROM curves GROUP BY trace ORDER BY count(*) DESC, trace LIMIT 1');
  return rows[0] === undefined ? undefined : text(rows[0], 'trace');
}

export function curvesSql(ctx: ChartContext, kind: string): string {
  const space = ctx.space === undefined ? '' : ` AND space = ${quote(ctx.space)}`;
  return `SELECT trace_id, space, truth, method, rate, seed, x, x_unit, value, error, touches FROM curves WHERE kind = ${quote(kind)} AND trace = ${quote(ctx.trace)}${space}
ORDER BY touches DESC, space, trace_id, method, rate DESC, seed, x`;
}

export interface CurveData {
  readonly series: string;
  readonly x: number;
  readonly y: number;
  readonly lo: number;
  readonly hi: number;
}
export interface CurveSeries {
  readonly data: readonly CurveData[];
  readonly color: Spec;
  readonly strokeDash: Spec;
  readonly sampled: boolean;
  /** The context with what the curves say of their truth. */
  readonly ctx: ChartContext;
}

/** @param factors what a unit of x and of value is on the axes */
export function curveSeries(rows: readonly DataRow[], ctx: ChartContext, factors: { readonly x: number; readonly y: number }): CurveSeries {
  const traces = [...new Set(rows.map((row) => text(row, 'trace_id')))];
  const label = (row: DataRow): string => {
    const how = text(row, 'method') === 'exact' ? 'exact' : `sampled ${num(row, 'rate') * 100}%, seed ${num(row, 'seed')}`;
    const of = traces.length > 1 ? ` of ${text(row, 'trace_id').slice(0, 8)}` : '';
    return printable(`${text(row, 'space')}${of}, ${how}`);
  };
  const groups = [...groupBy(rows, label)];
  const exact = groups.map(([, [first]]) => text(first!, 'method') === 'exact');
  const scale = (range: readonly unknown[]): Spec => ({
    field: 'series',
    type: 'nominal',
    title: null,
    scale: { domain: groups.map(([name]) => name), range },
    legend: { symbolType: 'stroke', symbolSize: 260, symbolStrokeWidth: 2, symbolOpacity: 1 },
  });
  const truths = [...new Set(rows.map((row) => text(row, 'truth')))];
  return {
    data: rows.map((row) => {
      const [value, error] = [num(row, 'value'), num(row, 'error')];
      return {
        series: label(row),
        x: num(row, 'x') * factors.x,
        y: value * factors.y,
        lo: Math.max(0, value - error) * factors.y,
        hi: (value + error) * factors.y,
      };
    }),
    color: scale(groups.map((_, i) => (i === 0 ? ctx.theme.truth : hueOf(i - 1, ctx)))),
    strokeDash: scale(exact.map((is) => (is ? [1, 0] : [6, 3]))),
    sampled: exact.includes(false),
    ctx: { ...ctx, truth: truths.join(', '), omitted: 0, variants: 0 },
  };
}

function hueOf(i: number, { theme }: ChartContext): string {
  const hue = HUES[i % HUES.length]!;
  return theme === DARK ? (SERIES_DARK[hue] ?? hue) : hue;
}

/** Lines over a band of their error. */
export function curveLayers({ data, color, strokeDash, sampled }: CurveSeries, x: Spec, y: Spec): Spec {
  const band = {
    mark: { type: 'area', opacity: 0.18, aria: false },
    encoding: { x, y: { ...y, field: 'lo' }, y2: { field: 'hi' }, color },
  };
  const line = { mark: { type: 'line', aria: false }, encoding: { x, y: { ...y, field: 'y' }, color, strokeDash } };
  return { data: { values: data }, layer: sampled ? [band, line] : [line] };
}
