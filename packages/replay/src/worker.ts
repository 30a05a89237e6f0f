/** Worker thread: runs jobs, or helps others to, one after the other; polls a shared flag for cancellation, posts progress. */
import module from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { Job } from './job.ts';
import type { TeamSeat } from './team/control.ts';

export type WorkerStart =
  | {
      readonly kind: 'job';
      readonly job: Job;
      /** One int32 on a SharedArrayBuffer: 1 = stop. */
      readonly stop: Int32Array;
    }
  | { readonly kind: 'help'; readonly seat: TeamSeat };
export type WorkerMessage =
  | { readonly kind: 'progress'; readonly touches: number }
  | { readonly kind: 'done'; readonly touches: number }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly code: string | undefined;
      readonly exitCode: number | undefined;
      readonly hint: string | undefined;
      readonly place: object | undefined;
    };

const port = parentPort!;
const send = (message: WorkerMessage): void => port.postMessage(message);

// Before anything large is loaded: compiled code is kept from one start to the next.
module.enableCompileCache?.();
// Helping takes a fifth of the code that a job does, and whoever is to help is waited for.
const load = { job: () => import('./job.ts'), help: () => import('./team/helper.ts') };
const { WorksetError } = await import('@workset/model');
await load[workerData as WorkerStart['kind']]();

port.on('message', (start: WorkerStart) => void run(start));

async function run(start: WorkerStart): Promise<void> {
  try {
    send({ kind: 'done', touches: await outcomeOf(start) });
  } catch (error) {
    const known = error instanceof WorksetError ? error : undefined;
    const { name, message, stack } = error as Error;
    send({ kind: 'failed', name, message, stack, code: known?.code, exitCode: known?.exitCode, hint: known?.hint, place: known?.place });
  }
}

/** Touches applied. */
async function outcomeOf(start: WorkerStart): Promise<number> {
  if (start.kind === 'help') {
    const { help } = await load.help();
    help(start.seat);
    return 0;
  }
  const { job, stop } = start;
  const { flagSignal, openAndRun } = await load.job();
  const { touches } = await openAndRun(job, flagSignal(stop), (done) => send({ kind: 'progress', touches: done }));
  return touches;
}
