/** Worker threads, kept for the next pass: a new one loads 50 modules, and compiles every hot loop again. */
import { Worker } from 'node:worker_threads';
import { InterruptedError, RunError, TraceFormatError, UsageError, WorksetError } from '@workset/model';
import type { WorkerMessage, WorkerStart } from './worker.ts';

const idle: Worker[] = [];

/**
 * What a new thread costs until it helps, ms for each scheme: a process that has just been started compiles them meanwhile, on the core
 * that the thread would have. Measured with eight schemes (60 ms) and seventeen (130 to 240).
 */
const START_MS = 8;

/** Time until threads could help, ms for each scheme: 0 when some are there, or about to be. */
export function threadStartMs(): number {
  return idle.length > 0 ? 0 : START_MS;
}

/** Has at least `n` threads ready or about to be; new ones load what such work takes first. */
export function startWorkers(n: number, kind: WorkerStart['kind']): void {
  while (idle.length < n) idle.push(newWorker(kind));
}

/**
 * Runs one job on a thread of its own; rejects with what the job threw. `isKept` false ends the thread afterwards, and with it the
 * memory that it would hold for its next arena.
 */
export async function runWorker(start: WorkerStart, onProgress: (touches: number) => void, isKept = true): Promise<void> {
  const worker = idle.pop() ?? newWorker(start.kind);
  worker.ref();
  try {
    await outcome(worker, start, onProgress);
  } catch (error) {
    // What it still holds is unknown.
    void worker.terminate();
    throw error;
  }
  if (!isKept) return void (await worker.terminate());
  worker.unref();
  idle.push(worker);
}

function newWorker(kind: WorkerStart['kind']): Worker {
  const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData: kind });
  // An idle thread does not keep the process alive.
  worker.unref();
  return worker;
}

/** Resolves when the job is done; listens no longer afterwards (a worker does not survive removeAllListeners). */
function outcome(worker: Worker, start: WorkerStart, onProgress: (touches: number) => void): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const settle = (how: () => void): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      how();
    };
    const onError = (error: Error): void => settle(() => reject(error));
    const onExit = (code: number): void => onError(new Error(`a replay worker ended early with code ${code}`));
    const onMessage = (message: WorkerMessage): void => {
      if (message.kind === 'failed') return onError(revive(message));
      onProgress(message.touches);
      if (message.kind === 'done') settle(resolve);
    };
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
    worker.postMessage(start);
  });
}

function revive(message: WorkerMessage & { kind: 'failed' }): Error {
  if (message.code === undefined) return Object.assign(new Error(message.message), { name: message.name, stack: message.stack });
  if (message.code === 'interrupted') return new InterruptedError(message.message);
  if (message.code === 'usage') return new UsageError(message.message, message.hint);
  if (message.code === 'bad-data') return new TraceFormatError(message.message, message.place, message.hint);
  if (message.code === 'run-failed') return new RunError(message.message, message.hint);
  return new WorksetError(message.code, message.exitCode!, message.message, {
    ...(message.place === undefined ? {} : { place: message.place }),
    ...(message.hint === undefined ? {} : { hint: message.hint }),
  });
}
