/** Small multiples: panels of equal size in a grid, each titled with its scheme. */
import type { ChartContext, Spec } from './chart.ts';

export interface Panel {
  readonly title: string;
  /** Colour of the panel's title. */
  readonly color: string;
  readonly data: readonly object[];
  /** A view without data, size or title. */
  readonly view: Spec;
}

/** @param height of one panel, px */
export function panels(list: readonly Panel[], ctx: ChartContext, height: number, axisPx = 66): Spec {
  const columns = Math.max(1, Math.min(list.length, Math.floor(ctx.width / 300)));
  const width = Math.floor((ctx.width - 18 * (columns - 1)) / columns) - axisPx;
  return {
    columns,
    align: 'all',
    bounds: 'full',
    concat: list.map((panel) => ({
      title: { text: panel.title, color: panel.color, fontSize: 11, fontWeight: 'bold', anchor: 'start', offset: 4, frame: 'group' },
      width,
      height,
      data: { values: panel.data },
      ...panel.view,
    })),
  };
}
