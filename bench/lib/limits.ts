/** What the machine can do on the same data in the same process: the yardsticks beside every rate. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SpaceReader } from '@workset/store';
import type { Limit } from './bench.ts';

/** `last[touch] = t` over all touches of a space, decoding not counted: the fastest any replay of it can be. The median of so many passes. */
export function stampLoop(space: SpaceReader, passes = 1): Limit {
  const rates = Array.from({ length: passes }, () => stampRate(space)).sort((a, b) => a - b);
  return { name: 'plain stamp loop', unit: 'touches', unitsPerCpuS: rates[passes >> 1]! };
}

function stampRate(space: SpaceReader): number {
  const last = new Int32Array(space.info.nPages << space.info.classBits);
  const batch = new Int32Array(space.batchRows);
  let us = 0;
  let touches = 0;
  for (let b = 0; b < space.nBatches; b++) {
    const rows = space.readBatch(b, batch);
    const start = cpuUs();
    stamp(last, batch, rows, b + 1);
    us += cpuUs() - start;
    touches += rows;
  }
  return touches / Math.max(1e-6, us / 1e6);
}

/**
 * CPU time so far, us, of all threads; the others sleep meanwhile. Linux brings that of a process up to date for whoever asks, that of a
 * thread alone only with each tick, and divides it into user and system by what its ticks happened to see.
 */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function stamp(last: Int32Array, touches: Int32Array, rows: number, t: number): void {
  for (let i = 0, n = rows | 0; i < n; i = (i + 1) | 0) last[touches[i]!] = t;
}

/** A sum over a block that does not fit the cache, 8 bytes at a time. */
export function bandwidth(bytes: number): Limit {
  const block = new Float64Array(bytes / 8).fill(1);
  let best = 0;
  let check = 0;
  for (let round = 0; round < 4; round++) {
    const start = cpuUs();
    check += sum(block);
    best = Math.max(best, block.byteLength / Math.max(1e-6, (cpuUs() - start) / 1e6));
  }
  return { name: 'memory sum', unit: 'bytes', unitsPerCpuS: check > 0 ? best : 0 };
}

function sum(block: Float64Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0, n = block.length | 0; i < n; i = (i + 4) | 0) {
    a += block[i]!;
    b += block[i + 1]!;
    c += block[i + 2]!;
    d += block[i + 3]!;
  }
  return a + b + c + d;
}

/** How much more two threads do than one in the same time, when each scatters stamps over a table of its own. */
export async function twoThreadSpeedUp(): Promise<number> {
  const alone = Math.min(await scatterMs(1), await scatterMs(1));
  const together = Math.min(await scatterMs(2), await scatterMs(2));
  return (2 * alone) / together;
}

const SCATTER = `
  const { parentPort, workerData: start } = require('node:worker_threads');
  const last = new Int32Array(1 << 21);
  const touches = Int32Array.from({ length: 1 << 20 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 11);
  const pass = (t) => { for (let i = 0; i < touches.length; i++) last[touches[i]] = t; };
  for (let t = 0; t < 20; t++) pass(t);
  parentPort.postMessage('ready');
  Atomics.wait(start, 0, 0);
  for (let t = 0; t < 100; t++) pass(t);
  parentPort.postMessage('done');`;

async function scatterMs(threads: number): Promise<number> {
  const start = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from({ length: threads }, () => new Worker(SCATTER, { eval: true, workerData: start }));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const done = workers.map((worker) => once(worker, 'message'));
  const begin = performance.now();
  Atomics.store(start, 0, 1);
  Atomics.notify(start, 0);
  await Promise.all(done);
  const took = performance.now() - begin;
  await Promise.all(workers.map((worker) => worker.terminate()));
  return took;
}
