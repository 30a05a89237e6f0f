/** Results made up row by row, scored and opened. */
import type { TestContext } from 'node:test';
import { materialiseScores, Results } from '@workset/analyze';
import type { Row } from '@workset/model';
import { scratch, windowRow, writeRows, writeSets } from './results-dir.ts';
import type { SetRow } from './results-dir.ts';

export interface RunSpec {
  readonly id: string;
  readonly run?: Row;
  readonly windows: readonly Row[];
  readonly sets: readonly SetRow[];
}

/** A results directory with scores, opened. */
export async function openWith(
  t: TestContext,
  runs: readonly RunSpec[],
  more: Partial<Record<'costs' | 'regions' | 'inputs' | 'diagnostics', readonly Row[]>> = {},
): Promise<Results> {
  const dir = scratch(t);
  await writeRows(
    dir,
    'runs',
    runs.map(({ id, run }) => ({ run_id: id, ...run })),
  );
  await writeRows(
    dir,
    'windows',
    runs.flatMap(({ id, windows }) => windows.map((row, w) => windowRow(id, w, row))),
  );
  for (const { id, sets } of runs) await writeSets(dir, id, sets);
  for (const [table, rows] of Object.entries(more)) await writeRows(dir, table as 'costs', rows);
  await materialiseScores(dir);
  const results = await Results.open(dir);
  t.after(() => results.close());
  return results;
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
export const rowsOf = async (results: Results, sql: string): Promise<readonly object[]> => (await results.query(sql)).rows;
