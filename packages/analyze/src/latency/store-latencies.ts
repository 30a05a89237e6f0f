/** The table `latencies`: one part per run, computed when a query first asks for it, for it takes as long as reading every page set again. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope, Target } from '@workset/model';
import { writeTablePart } from '@workset/store';
import type { Results } from '../results/results.ts';
import { readRuns } from '../scores/runs.ts';
import type { RunInfo } from '../scores/runs.ts';
import { latenciesOf } from './latencies.ts';
import type { LatencyRow } from './latencies.ts';

/**
 * Writes the parts that are missing, or older than their run. Where the results may not be written the rows are returned instead:
 * those of every run.
 */
export async function storeLatencies(results: Results): Promise<readonly LatencyRow[] | undefined> {
  const runs = await readRuns(results.dir, new Set());
  const due = runs.filter((run) => !isNewer(partOf(results.dir, run), run.file));
  if (due.length > 0 && !isWritable(results.dir)) return allRows(results, runs);
  for (const run of due) {
    const rows = await rowsOf(results, run);
    if (rows.length > 0) await writeTablePart(results.dir, 'latencies', run.id, rows);
    else await (await import('../scores/score-by-sql.ts')).writeNoRows('latencies', partOf(results.dir, run));
  }
  return undefined;
}

async function allRows(results: Results, runs: readonly RunInfo[]): Promise<LatencyRow[]> {
  const all: LatencyRow[] = [];
  for (const run of runs) all.push(...(await rowsOf(results, run)));
  return all;
}

function rowsOf(results: Results, { id, scope, target }: RunInfo): Promise<LatencyRow[]> {
  return latenciesOf(results, id, scope as Scope, target as Target);
}

function partOf(dir: string, { id }: RunInfo): string {
  return join(dir, 'latencies', `${id}.parquet`);
}

function isWritable(dir: string): boolean {
  const folder = join(dir, 'latencies');
  try {
    accessSync(existsSync(folder) ? folder : dir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function isNewer(part: string, source: string): boolean {
  return existsSync(part) && statSync(part).mtimeMs >= statSync(source).mtimeMs;
}
