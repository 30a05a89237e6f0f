/**
 * Computes the table `scores` from the page sets, one part per run. Parts that replay wrote are read page by page (set-arena.ts), others
 * by DuckDB; both give the same rows (docs/metrics.md, "How it is computed").
 */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Row } from '@workset/model';
import { writeTablePart } from '@workset/store';
import { needsPacking, packedSource, packParts } from '../results/packed.ts';
import { bytesOf, partsOf, readRuns } from './runs.ts';
import type { RunInfo } from './runs.ts';
import { overlapsAt, PAIRS } from './score-group.ts';
import type { GroupTask, RunOverlaps, RunParts } from './score-group.ts';
import { countOverlaps } from './score-pool.ts';
import { pairsOf, scoreRow } from './score-rows.ts';
import type { ScoreRow } from './score-rows.ts';

export interface ScoreOptions {
  /** Score runs again whose part of `scores` is already newer than their row in `runs`. */
  readonly force?: boolean;
  /** CPU threads. Default 2. */
  readonly threads?: number;
  /** Worker threads. Default: `threads` when the page sets exceed 32 MiB, else none. The scores are the same. */
  readonly workers?: number;
  /** For the database and the sets held at once. Default: DuckDB's own limit, and the sets of eight runs and a window per worker. */
  readonly memoryLimitBytes?: number;
  readonly signal?: AbortSignal;
  /** Called after each run. */
  readonly onRun?: (runId: string, rows: number) => void;
}
export interface ScoreSummary {
  readonly scored: number;
  /** Runs left alone because their scores were there. */
  readonly skipped: number;
  readonly rows: number;
}

/** Page sets on disk from which workers pay for their start. */
const WORKER_BYTES = 32 * 2 ** 20;
/** Runs scored side by side; their sets of one window are in memory together. */
const GROUP_RUNS = 8;
/** Under a limit below this sets are held for one run at a time: eight runs over 64 M pages hold half of it. */
const ROOMY_BYTES = 2 ** 30;

/** Scores every run in `dir` that has no scores yet. Throws RunError when the stored sets contradict one another, InterruptedError. */
export async function materialiseScores(dir: string, options: ScoreOptions = {}): Promise<ScoreSummary> {
  const root = resolve(dir);
  const settled = options.force === true ? new Set<string>() : settledRuns(root);
  const runs = await readRuns(root, settled);
  const due = runs.filter((run) => options.force === true || !isNewer(join(root, 'scores', `${run.id}.parquet`), run.file));
  let rows = 0;
  const write = async ({ id }: RunInfo, scores: readonly (ScoreRow & Row)[]): Promise<void> => {
    if (scores.length > 0) await writeTablePart(root, 'scores', id, scores);
    else await (await import('./score-by-sql.ts')).writeNoRows('scores', join(root, 'scores', `${id}.parquet`));
    options.onRun?.(id, scores.length);
    rows += scores.length;
  };
  const parts = due.length === 0 ? [] : partsOf(root, due);
  const threads = options.threads ?? 2;
  const { memoryLimitBytes = Infinity } = options;
  const isTight = memoryLimitBytes < ROOMY_BYTES;
  const database = { threads, memoryLimit: Number.isFinite(memoryLimitBytes) ? `${Math.floor(memoryLimitBytes / 2 ** 20)}MiB` : undefined };
  if (parts === undefined) {
    const { scoreBySql } = await import('./score-by-sql.ts');
    await scoreBySql(root, due, database, options.signal, write);
  } else if (due.length > 0) {
    const workers = options.workers ?? (!isTight && bytesOf(join(root, 'page_sets')) > WORKER_BYTES ? threads : 1);
    await scoreParts(due, parts, { workers, together: isTight ? 1 : GROUP_RUNS }, options.signal, write);
  }
  if (needsPacking(root)) {
    const { withDuckDb } = await import('./score-by-sql.ts');
    await withDuckDb(database, (connection) => packParts(root, (sql) => connection.run(sql)));
  }
  return { scored: due.length, skipped: settled.size + runs.length - due.length, rows };
}

/** Parts of `runs` that are packed together with their scores: neither has changed since, so there is nothing to do, or to read. */
function settledRuns(root: string): Set<string> {
  const scored = packedSource(root, 'scores')?.packed;
  const runs = packedSource(root, 'runs')?.packed;
  if (scored === undefined || runs === undefined) return new Set();
  return new Set([...runs].filter((name) => scored.has(name.replace(/-\d{3,}\.parquet$/, '.parquet'))));
}

function isNewer(part: string, source: string): boolean {
  return existsSync(part) && statSync(part).mtimeMs >= statSync(source).mtimeMs;
}

/** How the work is shared out: workers, and runs whose sets are held side by side. */
interface Share {
  readonly workers: number;
  readonly together: number;
}

async function scoreParts(
  due: readonly RunInfo[],
  parts: readonly RunParts[],
  share: Share,
  signal: AbortSignal | undefined,
  write: (run: RunInfo, rows: readonly (ScoreRow & Row)[]) => Promise<void>,
): Promise<void> {
  const { tasks, pieces } = tasksOf(due, parts, share);
  const runOf = new Map(due.map((run) => [run.id, run]));
  const waiting = new Map<string, RunOverlaps[]>();
  await countOverlaps(tasks, share.workers, signal, async (_task, answers) => {
    for (const answer of answers) {
      const known = [...(waiting.get(answer.runId) ?? []), answer];
      waiting.set(answer.runId, known);
      if (known.length < pieces) continue;
      waiting.delete(answer.runId);
      const run = runOf.get(answer.runId)!;
      await write(run, rowsOf(run, known));
    }
  });
}

/** Few groups are cut along time, so that every worker has something to do; all runs come in the same number of pieces. */
function tasksOf(
  due: readonly RunInfo[],
  parts: readonly RunParts[],
  { workers, together }: Share,
): { tasks: GroupTask[]; pieces: number } {
  const order = due.map((_, i) => i).sort((a, b) => compareRuns(due[a]!, due[b]!));
  const groups: number[][] = [];
  for (let i = 0; i < order.length; i += together) groups.push(order.slice(i, i + together));
  const pieces = workers > 1 && groups.length < 2 * workers ? workers : 1;
  const tasks = groups.flatMap((group) => {
    const step = Math.max(1, Math.ceil(Math.max(...group.map((i) => due[i]!.nWindows)) / pieces));
    return Array.from({ length: pieces }, (_, piece) => ({
      runs: group.map((i) => parts[i]!),
      range: { from: piece === 0 ? -Infinity : piece * step, to: piece === pieces - 1 ? Infinity : (piece + 1) * step },
    }));
  });
  return { tasks, pieces };
}

/** Runs with the same windows over the same trace side by side. */
function compareRuns(a: RunInfo, b: RunInfo): number {
  return compare(a.traceId, b.traceId) || a.nWindows - b.nWindows || compare(a.id, b.id);
}
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rowsOf(run: RunInfo, answers: readonly RunOverlaps[]) {
  const pairs = pairsOf(run, new Set(answers.flatMap(({ stored }) => stored)));
  return answers
    .flatMap((answer) => answer.ws.flatMap((w, i) => pairs.map((pair) => scoreRow(run.id, w, PAIRS[pair]!, overlapsAt(answer, i, pair)))))
    .sort((a, b) => a.w - b.w);
}
