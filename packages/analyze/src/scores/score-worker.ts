/** One thread of score-pool.ts. */
import { parentPort } from 'node:worker_threads';
import { groupOverlaps } from './score-group.ts';
import type { GroupTask } from './score-group.ts';
import type { PoolReply } from './score-pool.ts';

const port = parentPort!;
const stop = new AbortController();
port.on('message', (task: GroupTask | 'stop') => {
  if (task === 'stop') stop.abort();
  else void work(task);
});

async function work(task: GroupTask): Promise<void> {
  try {
    send({ kind: 'done', runs: await groupOverlaps(task, stop.signal) });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    send({ kind: 'failed', name, message });
  }
}

function send(reply: PoolReply): void {
  port.postMessage(reply);
}
