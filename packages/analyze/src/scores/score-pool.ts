/** Scores runs in worker threads, each with a DuckDB of its own; the parts are the same for any number of them. */
import { Worker } from 'node:worker_threads';
import { InterruptedError, RunError } from '@workset/model';
import type { RunInfo, ScoreOptions } from './materialise.ts';

export interface PoolStart {
  readonly root: string;
  readonly runs: readonly RunInfo[];
}
export type PoolMessage =
  | { readonly kind: 'run'; readonly runId: string; readonly rows: number }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string; readonly hint: string | undefined };

/** Rows written. The first failure stops the other workers; whole parts stay. Throws RunError, InterruptedError. */
export async function scoreInWorkers(
  root: string,
  runs: readonly RunInfo[],
  jobs: number,
  { signal, onRun }: Pick<ScoreOptions, 'signal' | 'onRun'>,
): Promise<number> {
  const n = Math.min(jobs, runs.length);
  const stop = new AbortController();
  const any = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const shares = Array.from({ length: n }, (_, i) => runs.filter((_run, at) => at % n === i));
  const outcomes = await Promise.allSettled(
    shares.map((share) =>
      scoreShare({ root, runs: share }, any, onRun).catch((error: unknown) => {
        stop.abort();
        throw error;
      }),
    ),
  );
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  const cause = failures.find((error) => !(error instanceof InterruptedError)) ?? failures[0];
  if (cause !== undefined) throw cause;
  return outcomes.reduce((sum, outcome) => sum + (outcome.status === 'fulfilled' ? outcome.value : 0), 0);
}

async function scoreShare(start: PoolStart, signal: AbortSignal, onRun: ScoreOptions['onRun']): Promise<number> {
  if (signal.aborted) throw new InterruptedError();
  const file = import.meta.url.endsWith('.ts') ? './score-worker.ts' : './score-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData: start });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
  const onAbort = (): void => worker.postMessage('stop');
  signal.addEventListener('abort', onAbort);
  try {
    return await outcomeOf(worker, onRun);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function outcomeOf(worker: Worker, onRun: ScoreOptions['onRun']): Promise<number> {
  return new Promise((resolve, reject) => {
    let rows = 0;
    worker.on('message', (message: PoolMessage) => {
      if (message.kind === 'failed') return reject(revive(message));
      rows += message.rows;
      onRun?.(message.runId, message.rows);
    });
    worker.on('error', reject);
    worker.on('exit', (code) => (code === 0 ? resolve(rows) : reject(new Error(`a scoring worker ended early with code ${code}`))));
  });
}

function revive({ name, message, hint }: PoolMessage & { kind: 'failed' }): Error {
  if (name === 'InterruptedError') return new InterruptedError(message);
  return name === 'RunError' ? new RunError(message, hint ?? '') : Object.assign(new Error(message), { name });
}
