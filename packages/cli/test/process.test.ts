/** Signals, broken pipes, colours: the process as a good citizen. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { BIN, exitOf, scratch, start, workset } from './run-cli.ts';

/** Waits until the command is at work: its unfinished output exists. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !condition(); i++) await sleep(50);
  assert.ok(condition(), 'the command did not begin in 30 s');
}

for (const [signal, launcher] of [
  ['SIGINT', false],
  ['SIGTERM', false],
  ['SIGINT', true],
] as const) {
  test(`${signal}${launcher ? ' to the launcher' : ''} during a synth: exit 130, nothing left`, async (t) => {
    const dir = scratch(t);
    const out = join(dir, 'long.trace');
    const child = start(['synth', 'zipf', '--seconds', '100000', '--rate', '1e7', '-o', out], launcher);
    const exit = exitOf(child);
    t.after(() => child.kill('SIGKILL'));
    await until(() => existsSync(`${out}.part`));
    child.kill(signal);
    assert.deepEqual(await exit, { code: 130, signal: null });
    assert.deepEqual(readdirSync(dir), []);
  });
}

test('SIGINT during an ingest from a pipe that never ends: exit 130, nothing left', async (t) => {
  const dir = scratch(t);
  const out = join(dir, 'pipe.trace');
  const child = start(['ingest', '-', '-o', out]);
  const exit = exitOf(child);
  t.after(() => child.kill('SIGKILL'));
  let line = 0;
  child.stdin!.on('error', () => {});
  const feed = setInterval(() => {
    for (let i = 0; i < 200; i++, line++) {
      // perf script -F comm,pid,tid,cpu,time,event,addr,ip, as in traces/redis-pti/B.perf.txt.gz
      child.stdin!.write(
        `       perf-exec   121/121   [000]    ${(100 + line / 1e4).toFixed(9)}: page-faults:     7f${(0x1000000000 + line * 4096).toString(16)}     7f1e93106e5e\n`,
      );
    }
  }, 10);
  t.after(() => clearInterval(feed));
  await until(() => existsSync(`${out}.part`));
  child.kill('SIGINT');
  assert.deepEqual(await exit, { code: 130, signal: null });
  assert.deepEqual(readdirSync(dir), []);
});

test('a second SIGINT does not wait for the cleanup', async (t) => {
  const dir = scratch(t);
  const child = start(['ingest', '-', '-o', join(dir, 'x.trace')]);
  const exit = exitOf(child);
  t.after(() => child.kill('SIGKILL'));
  // nothing is ever written to stdin: the read cannot end by itself
  await sleep(1500);
  child.kill('SIGINT');
  await sleep(600);
  child.kill('SIGINT');
  const { code, signal } = await exit;
  assert.ok(code === 130 || signal === 'SIGINT', `code ${code}, signal ${signal}`);
});

test('a reader that goes away in the middle of a large query is no error, and nothing hangs', { timeout: 60_000 }, async (t) => {
  const dir = scratch(t);
  const [trace, results] = [join(dir, 't.trace'), join(dir, 'r')];
  assert.equal((await workset(['synth', 'zipf', '--pages', '512', '--seconds', '0.5', '--rate', '1e4', '-o', trace])).code, 0);
  assert.equal((await workset(['replay', trace, '-o', results, '--scheme', 'pml', '--window', '100ms'])).code, 0);
  const child = start(['sql', results, '--csv', '-c', 'SELECT a.range x, b.range y FROM range(100000) a, range(100000) b']);
  const exit = exitOf(child);
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr!.on('data', (data) => (stderr += String(data)));
  child.stdout!.once('data', () => child.stdout!.destroy());
  assert.deepEqual(await exit, { code: 0, signal: null });
  assert.equal(stderr, '');
});

test('SIGINT during a replay: exit 130, whole tables or none, and the next replay does the rest', { timeout: 120_000 }, async (t) => {
  const dir = scratch(t);
  const [trace, results] = [join(dir, 't.trace'), join(dir, 'r')];
  assert.equal((await workset(['synth', 'zipf', '--pages', '65536', '--seconds', '30', '--rate', '1e6', '-o', trace])).code, 0);
  const args = ['replay', trace, '-o', results, '--scheme', 'uffd-rwp:interval=10ms', '--scheme', 'pml:interval=10ms'];
  const child = start(args);
  const exit = exitOf(child);
  t.after(() => child.kill('SIGKILL'));
  await until(() => existsSync(join(results, 'workset.json')));
  child.kill('SIGINT');
  assert.deepEqual(await exit, { code: 130, signal: null });
  const files = readdirSync(results, { recursive: true }).map(String);
  assert.deepEqual(
    files.filter((name) => name.endsWith('.part')),
    [],
  );
  const info = await workset(['info', results, '--json']);
  assert.equal(info.code, 0, info.stderr);
  const again = await workset(args);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /^2 runs done, 0 were there already|^[01] runs done, [12] were there already/m);
});

test('a place that cannot be written to: exit 1, 2 or 3, named, and no fault of ours', async (t) => {
  const dir = scratch(t);
  const file = join(dir, 'file');
  writeFileSync(file, '');
  const [trace, results] = [join(dir, 't.trace'), join(dir, 'r')];
  assert.equal((await workset(['synth', 'zipf', '--pages', '512', '--seconds', '0.5', '--rate', '1e4', '-o', trace])).code, 0);
  assert.equal((await workset(['replay', trace, '-o', results, '--scheme', 'pml', '--window', '100ms'])).code, 0);
  const commands = [
    ['synth', 'zipf', '--seconds', '0.1', '-o', join(file, 'x.trace')],
    ['convert', trace, '-o', join(file, 'x.csv')],
    ['replay', trace, '-o', join(file, 'res')],
    ['report', results, '-o', join(file, 'r.html')],
    ['chart', results, 'pareto', '-o', join(file, 'p.svg')],
    ['export', results, '-o', join(file, 'r.duckdb')],
    ['sql', results, '-c', 'FROM runs', '-o', join(file, 'x.csv')],
  ];
  for (const args of commands) {
    const { code, stdout, stderr } = await workset(args);
    assert.ok([1, 2, 3].includes(code), `${args[0]}: ${code}`);
    assert.equal(stdout, '', args[0]);
    assert.ok(stderr.includes(file) && !stderr.includes('fault in workset'), `${args[0]}: ${stderr}`);
  }
});

test('a reader that goes away is no error', async () => {
  const child = start(['list', 'schemes', '--json']);
  const exit = exitOf(child);
  let stderr = '';
  child.stderr!.on('data', (data) => (stderr += String(data)));
  child.stdout!.destroy();
  assert.deepEqual(await exit, { code: 0, signal: null });
  assert.equal(stderr, '');
});

test('no colours on a pipe, with NO_COLOR, or with --no-color; colours with --color', async () => {
  const escape = '\u001b[';
  const args = ['list', 'uffd-rwp'];
  assert.ok(!(await workset(args)).stdout.includes(escape));
  assert.ok((await workset([...args, '--color'])).stdout.includes(escape));
  assert.ok(!(await workset([...args, '--no-color'])).stdout.includes(escape));
  assert.ok(!(await workset(args, { env: { NO_COLOR: '1' } })).stdout.includes(escape));
});

test('--quiet leaves stderr empty', async () => {
  const { stderr, stdout } = await workset(['list', '--quiet']);
  assert.equal(stderr, '');
  assert.match(stdout, /uffd-rwp/);
});

/** A Node on the PATH that is older than the launcher accepts. */
function oldNode(): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(':').map((dir) => join(dir, 'node'));
  return candidates.filter(existsSync).find((node) => /^v(?:1\d|20|21)\./.test(execFileSync(node, ['--version']).toString()));
}

test(
  'an old Node hands over to the installed one, exit code and all',
  { skip: oldNode() === undefined ? 'no old Node on the PATH' : false },
  () => {
    const env = { ...process.env, WORKSET_SRC: '1' };
    assert.match(execFileSync(oldNode()!, [BIN, '--version'], { env }).toString(), /^workset \d/);
    assert.throws(() => execFileSync(oldNode()!, [BIN, 'nonsense'], { env, stdio: 'pipe' }), { status: 2 });
  },
);
