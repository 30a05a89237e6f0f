/**
 * npm run fuzz: damaged captures for every reader, until the time is up.
 * usage: npm run fuzz -- [SECONDS] [--seed TEXT] [--format ID] [--case N]
 *
 * Each case takes a fixture, damages it and reads it twice, in one chunk and in odd ones. Both readings must end in time, in the same
 * batches and the same typed error or none. A failure prints the command that repeats it. The same seed gives the same cases.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import { corpus, runCase } from './lib/fuzz-case.ts';
import type { Seed } from './lib/fuzz-case.ts';

const HANG_MS = 15_000;
const MEMORY_MB = 1024;

interface Job {
  readonly seed: string;
  readonly format: string | undefined;
  readonly first: number;
  readonly last: number;
}
type Message =
  | { readonly kind: 'begin'; readonly n: number; readonly format: string }
  | { readonly kind: 'failed'; readonly n: number; readonly format: string; readonly what: string }
  | { readonly kind: 'done' };

if (isMainThread) await supervise();
else await work(workerData as Job);

async function supervise(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string' }, format: { type: 'string' }, case: { type: 'string' } },
  });
  const seconds = Number(positionals[0] ?? 60);
  if (!(seconds > 0)) throw new Error(`${positionals[0]} is no number of seconds`);
  const seed = values.seed ?? new Date().toISOString().slice(0, 19);
  const only = values.case === undefined ? undefined : Number(values.case);
  console.log(`seed ${seed}, ${only === undefined ? `${seconds} s` : `case ${only}`}`);
  const end = Date.now() + seconds * 1000;
  const failures: string[] = [];
  const cases = new Map<string, number>();
  const last = only ?? Number.MAX_SAFE_INTEGER;
  let next = only ?? 0;
  while (Date.now() < end && next <= last && failures.length < 20) {
    next = await oneWorker({ seed, format: values.format, first: next, last }, end, cases, failures);
  }
  const total = [...cases.values()].reduce((sum, n) => sum + n, 0);
  for (const [format, n] of [...cases].sort()) console.log(`${format.padEnd(18)} ${n} cases`);
  console.log(`${total} cases, ${failures.length} failures (seed ${seed})`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

/** Runs cases in a worker until it is told to stop, hangs or dies. Returns the case to go on with. */
function oneWorker(job: Job, end: number, cases: Map<string, number>, failures: string[]): Promise<number> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: job, resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } });
    let at = { n: job.first, format: '', since: Date.now() };
    const fail = (n: number, format: string, what: string) => {
      const repeat = `npm run fuzz -- 60 --seed '${job.seed}'${job.format === undefined ? '' : ` --format ${job.format}`} --case ${n}`;
      failures.push(what);
      console.log(`FAILED ${format}: ${what}\n  ${repeat}`);
    };
    const finish = (n: number) => {
      clearInterval(watch);
      void worker.terminate();
      resolve(n);
    };
    const watch = setInterval(() => {
      if (Date.now() - at.since > HANG_MS) {
        fail(at.n, at.format, `no end after ${HANG_MS / 1000} s`);
        finish(at.n + 1);
      } else if (Date.now() > end) {
        finish(Number.MAX_SAFE_INTEGER);
      }
    }, 200);
    worker.on('message', (message: Message) => {
      if (message.kind === 'done') return finish(Number.MAX_SAFE_INTEGER);
      if (message.kind === 'failed') return fail(message.n, message.format, message.what);
      at = { n: message.n, format: message.format, since: Date.now() };
      cases.set(message.format, (cases.get(message.format) ?? 0) + 1);
    });
    worker.on('error', (error) => {
      fail(at.n, at.format, `the process would have died: ${error.stack ?? error.message}`);
      finish(at.n + 1);
    });
  });
}

function tell(message: Message): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port, not a window
  parentPort!.postMessage(message);
}

async function work(job: Job): Promise<void> {
  const seeds = corpus(filesUnder(join(import.meta.dirname, '../traces'))).filter(
    ({ format }) => job.format === undefined || format === job.format,
  );
  if (seeds.length === 0) throw new Error(`no fixture is of format ${job.format}`);
  // formats take turns, so that one with many fixtures does not get all the time
  const formats = [...new Set(seeds.map(({ format }) => format))];
  for (let n = job.first; n <= job.last; n++) {
    const format = formats[n % formats.length]!;
    const ofFormat: readonly Seed[] = seeds.filter((seed) => seed.format === format);
    tell({ kind: 'begin', n, format });
    const what = await runCase(ofFormat, `${job.seed}/${n}`);
    if (what !== undefined) tell({ kind: 'failed', n, format, what });
  }
  tell({ kind: 'done' });
}

function filesUnder(root: string): { path: string; bytes: Uint8Array }[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path, bytes: readFileSync(path) }));
}
