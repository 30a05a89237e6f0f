/** One thread of score-pool.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { WorksetError } from '@workset/model';
import { scoreRuns } from './materialise.ts';
import type { PoolMessage, PoolStart } from './score-pool.ts';

const port = parentPort!;
const { root, runs } = workerData as PoolStart;
const stop = new AbortController();
port.on('message', () => stop.abort());
const send = (message: PoolMessage): void => port.postMessage(message);
try {
  await scoreRuns(root, runs, 1, { signal: stop.signal, onRun: (runId, rows) => send({ kind: 'run', runId, rows }) });
} catch (error) {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  send({ kind: 'failed', name, message, hint: error instanceof WorksetError ? error.hint : undefined });
} finally {
  port.close();
}
