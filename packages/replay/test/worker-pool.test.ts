import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena } from '../src/memory/arena.ts';
import { runWorker, startWorkers, threadStartMs } from '../src/worker-pool.ts';
import { Team } from '../src/team/team.ts';

test('threads take time to start until one is there, idle again or not', async () => {
  assert.ok(threadStartMs() > 0);
  startWorkers(1, 'help');
  assert.equal(threadStartMs(), 0);
  const team = new Team(new Arena(1 << 15, true), 1 << 15, 1);
  const helping = runWorker({ kind: 'help', seat: team.seat }, () => undefined);
  assert.ok(threadStartMs() > 0, 'the only one is busy');
  team.dismiss();
  await helping;
  assert.equal(threadStartMs(), 0);
});

test('a thread that was started to help can be given a job: it fails as the job does', async () => {
  startWorkers(1, 'help');
  const job = { trace: '/nowhere.trace', out: '/nowhere', version: '0', runs: [], time: undefined, flushBytes: 0 };
  const running = runWorker({ kind: 'job', job, stop: new Int32Array(new SharedArrayBuffer(4)) }, () => undefined);
  await assert.rejects(running, { code: 'unreadable' });
});
