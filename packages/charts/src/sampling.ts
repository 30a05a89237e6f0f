/** Set algebra over many windows gets expensive: beyond a budget only every s-th window is asked about. */
import type { DataRow } from './chart.ts';
import { num } from './values.ts';

/** Bitmap operations that one chart may need: about 1 GB read, some seconds on two cores. */
const BUDGET = 150_000;

/** A CTE `stride(s)` over the CTE `sets`: 1 while the page sets of the runs, each used `uses` times, stay within the budget. */
export function strideSql(uses: number): string {
  return `stride AS (SELECT greatest(1, count(*) * ${uses} // ${BUDGET}) AS s FROM sets WHERE kind IN ('truth', 'reported'))`;
}

/** Words for the reader, when the stride is not 1. */
export function sampled(rows: readonly DataRow[]): string {
  const stride = num(rows[0]!, 'stride');
  return stride > 1 ? ` The results are large: one window in ${stride} is used.` : '';
}
