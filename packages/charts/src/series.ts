/** Colour, dash and shape of runs drawn in one view, with one legend. */
import type { ChartContext, RunInfo, Spec } from './chart.ts';
import { colorOf, styleOf } from './style.ts';

export interface SeriesEncodings {
  readonly color: Spec;
  readonly strokeDash: Spec;
  readonly shape: Spec;
}

const TRUTH = 'truth';
/** Dashes of the second, third … variant of one scheme. */
const VARIANT_DASHES: readonly (readonly number[])[] = [[], [6, 2], [2, 2], [8, 2, 2, 2], [1, 2]];

/** Scales over the labels of `runs`; with `truth`, a solid black series of that name comes first; with `lines`, the legend shows lines. */
export function seriesEncodings(
  runs: readonly RunInfo[],
  ctx: ChartContext,
  options: { truth?: boolean; lines?: boolean } = {},
): SeriesEncodings {
  const lead = options.truth === true;
  const domain = [...(lead ? [TRUTH] : []), ...runs.map((run) => run.label)];
  const legend = options.lines === true ? { legend: { symbolType: 'stroke', symbolSize: 260, symbolStrokeWidth: 2 } } : {};
  const scale = (range: readonly unknown[]): Spec => ({
    field: 'series',
    type: 'nominal',
    title: null,
    scale: { domain, range },
    ...legend,
  });
  return {
    color: scale([...(lead ? [ctx.theme.truth] : []), ...runs.map((run) => colorOf(run.family, ctx.theme))]),
    strokeDash: scale([...(lead ? [[1, 0]] : []), ...runs.map((run) => solid(dashOf(run, runs)))]),
    shape: scale([...(lead ? ['circle'] : []), ...runs.map((run) => styleOf(run.family).shape)]),
  };
}

function dashOf(run: RunInfo, runs: readonly RunInfo[]): readonly number[] {
  if (run.kind === 'observed') return [3, 2];
  const variant = runs.filter((other) => other.family === run.family && other.kind === 'simulated').indexOf(run);
  return variant > 0 ? VARIANT_DASHES[variant % VARIANT_DASHES.length]! : styleOf(run.family).dash;
}

function solid(dash: readonly number[]): readonly number[] {
  return dash.length === 0 ? [1, 0] : dash;
}

/** Labels by run id. */
export function labelsOf(runs: readonly RunInfo[]): ReadonlyMap<string, string> {
  return new Map(runs.map((run) => [run.runId, run.label]));
}
