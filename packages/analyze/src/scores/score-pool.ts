/** Worker threads that count the overlaps of tasks; the answers are the same for any number of them. */
import { Worker } from 'node:worker_threads';
import { InterruptedError, RunError } from '@workset/model';
import { groupOverlaps } from './score-group.ts';
import type { GroupTask, RunOverlaps } from './score-group.ts';

export type PoolReply =
  | { readonly kind: 'done'; readonly runs: readonly RunOverlaps[] }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string };

/**
 * Calls `onDone` with the answer to each task, as they come. The first failure stops the rest.
 * Throws RunError when a part is damaged, InterruptedError, and what `onDone` throws.
 */
export async function countOverlaps(
  tasks: readonly GroupTask[],
  workers: number,
  signal: AbortSignal | undefined,
  onDone: (task: GroupTask, runs: readonly RunOverlaps[]) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const any = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const queue = [...tasks];
  const n = Math.min(workers, tasks.length);
  const drain = async (answer: (task: GroupTask) => Promise<readonly RunOverlaps[]>): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      if (any.aborted) throw new InterruptedError();
      await onDone(task, await answer(task));
    }
  };
  if (n <= 1) return drain((task) => groupOverlaps(task, any).catch(damaged));
  const outcomes = await Promise.allSettled(
    Array.from({ length: n }, () =>
      withWorker(any, drain).catch((error: unknown) => {
        stop.abort();
        throw error;
      }),
    ),
  );
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  const cause = failures.find((error) => !(error instanceof InterruptedError)) ?? failures[0];
  if (cause !== undefined) throw cause;
}

async function withWorker(
  signal: AbortSignal,
  drain: (answer: (task: GroupTask) => Promise<readonly RunOverlaps[]>) => Promise<void>,
): Promise<void> {
  if (signal.aborted) throw new InterruptedError();
  const file = import.meta.url.endsWith('.ts') ? './score-worker.ts' : './score-worker.js';
  const worker = new Worker(new URL(file, import.meta.url));
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
  const onAbort = (): void => worker.postMessage('stop');
  signal.addEventListener('abort', onAbort);
  try {
    await drain((task) => ask(worker, task));
  } finally {
    signal.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}

function ask(worker: Worker, task: GroupTask): Promise<readonly RunOverlaps[]> {
  return new Promise((resolve, reject) => {
    const onMessage = (reply: PoolReply): void => {
      worker.off('error', onError);
      worker.off('exit', onExit);
      if (reply.kind === 'done') resolve(reply.runs);
      else
        reject(
          reply.name === 'InterruptedError'
            ? new InterruptedError()
            : reply.name === 'RangeError'
              ? damage(reply.message)
              : new Error(reply.message),
        );
    };
    const onError = (error: Error): void => reject(error);
    const onExit = (code: number): void => reject(new Error(`a scoring worker ended early with code ${code}`));
    worker.once('message', onMessage);
    worker.once('error', onError);
    worker.once('exit', onExit);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
    worker.postMessage(task);
  });
}

function damaged(error: unknown): never {
  throw error instanceof RangeError ? damage(error.message) : error;
}

function damage(message: string): RunError {
  return new RunError(`the stored page sets cannot be read: ${message}`, 'remove the damaged run and replay it again');
}
