/** Set algebra over many windows gets expensive: beyond a budget only every s-th window is asked about. */
import type { ChartContext, DataRow } from './chart.ts';
import { runFilter } from './context.ts';
import { num } from './values.ts';

/** Bitmap operations that one chart may need: about 4 GB read, some seconds on two cores. */
const BUDGET = 500_000;

/** A CTE `stride(s)`: 1 while the page sets of the runs, each used `uses` times, stay within the budget. */
export function strideSql(ctx: ChartContext, uses: number): string {
  return `stride AS (SELECT greatest(1, count(*) * ${uses} // ${BUDGET}) AS s FROM page_sets WHERE ${runFilter(ctx)} AND kind IN ('truth', 'reported'))`;
}

/** Words for the reader, when the stride is not 1. */
export function sampled(rows: readonly DataRow[]): string {
  const stride = num(rows[0]!, 'stride');
  return stride > 1 ? ` The results are large: one window in ${stride} is used.` : '';
}
