// npm start: from a fresh clone to a scored report of the bundled captures. Each step is one line with its time;
// what is fresh (by content hash) is not done again.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

import { installIfNeeded, pinnedNode, ROOT, run, whyInstall } from './lib/tools.mjs';

const CAPTURES = ['rwp-shmem', 'redis-pti'];
const OUT = join(ROOT, 'out');
const RESULTS = join(OUT, 'results');
const REPORT = join(OUT, 'report.html');
const CLI = join(ROOT, 'packages/cli/bin/workset.js');
const begin = performance.now();
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));

await step('install', () => {
  if (whyInstall() === null) return 'up to date';
  return `because ${installIfNeeded()}`;
});
await step('build', build);

const tools = hashOf(['model', 'store', 'ingest'].map((name) => join(ROOT, 'packages', name, 'dist')));
const models = hashOf(['model', 'store', 'replay', 'analyze'].map((name) => join(ROOT, 'packages', name, 'dist')));
const charts = hashOf(['analyze', 'charts'].map((name) => join(ROOT, 'packages', name, 'dist')));
const found = CAPTURES.filter((name) => existsSync(join(ROOT, 'traces', name)));
if (found.length === 0) fail('no captures in traces/: is this a whole clone?');
const traces = found.map((name) => ({ name, dir: join('traces', name), path: join(OUT, `${name}.trace`) }));
for (const { name, dir, path } of traces)
  await step(`ingest ${name}`, () => fresh(path, hashOf([join(ROOT, dir), tools]), () => workset(['ingest', dir, '-o', path, '--quiet'])));
const jobs = String(availableParallelism());
await step(`replay, all schemes`, () =>
  fresh(RESULTS, hashOf([...traces.map(({ path }) => stampOf(path)), models]), async () => {
    for (const { path } of traces) await workset(['replay', path, '-o', RESULTS, '--jobs', jobs, '--quiet']);
  }),
);
console.log();
const { code } = await run(pinnedNode(), [CLI, 'score', RESULTS]);
if (code !== 0) fail(`workset score ended with exit code ${code}`);
console.log();
await step('report', () => fresh(REPORT, hashOf([stampOf(RESULTS), charts]), () => workset(['report', RESULTS, '-o', REPORT, '--quiet'])));
console.log(`\ndone in ${seconds(begin)}; the report: ${pathToFileURL(REPORT)}`);
console.log(`your own question: node packages/cli/bin/workset.js sql ${relative(process.cwd(), RESULTS)}`);

/** turbo builds package by package with a cache; where it cannot run, one tsc does the same. */
async function build() {
  const turbo = await run('turbo', ['run', 'build', '--output-logs=errors-only', '--no-color'], { capture: true });
  if (turbo.code === 0) return /FULL TURBO/.test(turbo.output) ? 'up to date' : 'turbo';
  const tsc = await run('tsc', ['-b', 'packages/cli'], { capture: true });
  if (tsc.code !== 0) fail(`${turbo.output}\n${tsc.output}`);
  return 'tsc -b';
}

/** Does `work` unless `path` was made from the same content before; a half-made one was never there (X.part). */
async function fresh(path, hash, work) {
  const stamp = stampOf(path);
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return 'up to date';
  rmSync(stamp, { force: true });
  rmSync(path, { recursive: true, force: true });
  await work();
  mkdirSync(join(OUT, '.stamps'), { recursive: true });
  writeFileSync(stamp, hash);
  return '';
}

/** Where the hash of what `path` was made from is kept. */
function stampOf(path) {
  return join(OUT, '.stamps', `${basename(path)}.sha256`);
}

async function workset(args) {
  const { code, output } = await run(pinnedNode(), [CLI, ...args], { capture: true });
  if (code !== 0) fail(`workset ${args[0]} ended with exit code ${code}\n${output}`);
}

/** Hash over texts, files and whole directories, names included. */
function hashOf(parts) {
  const hash = createHash('sha256');
  for (const part of parts) {
    if (!existsSync(part)) hash.update(part);
    else for (const file of filesUnder(part)) hash.update(file.slice(ROOT.length)).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function filesUnder(path) {
  try {
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .sort();
  } catch {
    return [path];
  }
}

async function step(name, work) {
  const start = performance.now();
  const note = await work();
  console.log(`${name.padEnd(28)} ${seconds(start).padStart(8)}${note ? `  ${note}` : ''}`);
}

function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

function fail(message) {
  console.error(message.trimEnd());
  process.exit(1);
}
