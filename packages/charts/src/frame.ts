/** What every chart shares: title, subtitle with trace, truth grade and cost profile, and the chart that says there is no data. */
import type { Chart, ChartContext, Spec } from './chart.ts';
import { blindSpotNote } from './blind-spots.ts';
import { configOf } from './style.ts';
import { wrap } from './text-width.ts';

export interface FrameNotes {
  /** How to read it: marks, panels, statistics. */
  readonly reading?: string;
  /** Parts of the subtitle that do not apply to this chart. */
  readonly without?: readonly ('scope' | 'cost')[];
  /** Below everything else in the subtitle; default: what the schemes drawn cannot see. */
  readonly caption?: string;
}

/** Puts a view (or a concat) under the common title and config. */
export function framed(chart: Chart, ctx: ChartContext, notes: FrameNotes, view: Spec): Spec {
  const lines = [subtitle(chart, ctx, notes), notes.reading ?? '', notes.caption ?? blindSpotNote(ctx)].filter((line) => line !== '');
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    description: `${chart.descriptor.title} ${lines.join(' ')}`,
    title: { text: wrap(chart.descriptor.title, ctx.width, 14, true), subtitle: lines.flatMap((line) => wrap(line, ctx.width, 10.5)) },
    usermeta: { facts: lines[0], reading: lines.slice(1).join(' ') },
    padding: { left: 6, right: 12, top: 8, bottom: 8 },
    config: configOf(ctx.theme),
    ...view,
  };
}

function subtitle(chart: Chart, ctx: ChartContext, notes: FrameNotes): string {
  const without = notes.without ?? [];
  const across = chart.descriptor.acrossTraces === true;
  const parts = [
    across ? `${ctx.traces.length} trace${ctx.traces.length === 1 ? '' : 's'}` : `trace ${ctx.trace}`,
    spaceNote(ctx),
    ctx.truth === '' ? '' : `truth: ${ctx.truth}`,
    without.includes('scope') ? '' : `scope: ${ctx.scope}, pages ${ctx.target}`,
    without.includes('cost') || ctx.costProfile === '' ? '' : `cost profile: ${ctx.costProfile}`,
    ctx.variants > 0 ? 'eviction variants drawn once' : '',
    ctx.omitted > 0 && !across ? `${ctx.omitted} more runs not shown` : '',
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

function spaceNote(ctx: ChartContext): string {
  if (ctx.space === undefined) return '';
  const others = ctx.spaces.filter((space) => space !== ctx.space);
  return `address space ${ctx.space}${others.length === 0 ? '' : ` (not shown: ${others.join(', ')})`}`;
}

/** A chart without data: a text that says why and what to run. */
export function emptySpec(chart: Chart, ctx: ChartContext, why: string): Spec {
  const lines = [...wrap(why, ctx.width - 20, 12), ...wrap(`To get it: ${chart.descriptor.advice}`, ctx.width - 20, 12)];
  return framed(
    chart,
    ctx,
    { without: ['scope', 'cost'], caption: '' },
    {
      width: ctx.width - 40,
      height: 24 + 16 * lines.length,
      view: { stroke: null },
      data: { values: [{ message: lines }] },
      mark: { type: 'text', align: 'left', baseline: 'top', lineHeight: 16, fontSize: 12, x: 4, y: 8, text: lines },
    },
  );
}
