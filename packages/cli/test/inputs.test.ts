/** What is not a capture, or only half of one: exit code, place, hint, and nothing left behind. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { errorOf, REPO, scratch, workset } from './run-cli.ts';

const REAL = join(REPO, 'traces/rwp-shmem/C.idle.bin.gz');
// the first bytes of every PNG: signature and IHDR
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');

test('a missing file: exit 3, named once', async () => {
  for (const args of [['info', 'no/such.gz'], ['no/such.gz'], ['ingest', 'no/such.gz', '-o', 'never.trace']]) {
    const { code, stdout, stderr } = await workset(args);
    assert.equal(code, 3, stderr);
    assert.equal(stdout, '');
    assert.equal(stderr.split('no/such.gz').length - 1, 1, stderr);
  }
});

test('an empty file: exit 3', async (t) => {
  const file = join(scratch(t), 'empty.bin');
  writeFileSync(file, '');
  const ran = await workset(['info', file, '--json']);
  assert.equal(ran.code, 3, ran.stderr);
  assert.equal(errorOf(ran).code, 'unreadable');
  assert.equal(errorOf(ran).file, file);
});

test('a PNG: exit 3, and what it is', async (t) => {
  const file = join(scratch(t), 'x.png');
  writeFileSync(file, PNG);
  const { code, stderr } = await workset([file]);
  assert.equal(code, 3);
  assert.match(stderr, /PNG/);
});

test('a directory that is neither trace nor results: exit 3, with the command that helps', async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'a.bin'), 'x');
  const { code, stderr } = await workset(['info', dir]);
  assert.equal(code, 3);
  assert.match(stderr, /neither a trace nor results\n {2}hint: .*workset ingest/);
});

test('a gzip file cut in half: an error, no trace', async (t) => {
  const dir = scratch(t);
  const bytes = readFileSync(REAL);
  const file = join(dir, 'half.gz');
  writeFileSync(file, bytes.subarray(0, bytes.length >> 1));
  const info = await workset(['info', file, '--json']);
  assert.ok([1, 3].includes(info.code), info.stderr);
  assert.equal(errorOf(info).file, file);
  const out = join(dir, 'h.trace');
  const ingest = await workset(['ingest', file, '-o', out]);
  assert.ok([1, 3].includes(ingest.code), ingest.stderr);
  assert.ok(!existsSync(out) && !existsSync(`${out}.part`));
});

test('info of a real capture says what it can be used for', async () => {
  const { code, stdout } = await workset(['info', REAL]);
  assert.equal(code, 0);
  assert.match(stdout, /idle/);
  assert.match(stdout, /^next: workset ingest /m);
  const json = JSON.parse((await workset(['info', REAL, '--json'])).stdout) as { kind: string; format: string; streams: unknown[] };
  assert.equal(json.kind, 'capture');
  assert.equal(json.streams.length, 1);
});

test('a perf text without data addresses: exit 3, the command that prints them, no trace', async (t) => {
  const dir = scratch(t);
  const file = join(dir, 'perf.txt');
  // perf script without -F addr: the number is the instruction's
  writeFileSync(file, 'perf-exec   121/121   [000]   100.000000000: page-faults:  7f1e93106e5e foo (/lib/x)\n'.repeat(3));
  const out = join(dir, 'p.trace');
  const { code, stderr } = await workset(['ingest', file, '-o', out]);
  assert.equal(code, 3, stderr);
  assert.match(stderr, /no data address[\s\S]*hint: .*perf script -F [\w,]*addr/);
  assert.ok(!existsSync(out) && !existsSync(`${out}.part`));
});

test('a capture without ground truth: trackers are compared, nothing is simulated, no figure is made up', async (t) => {
  const dir = scratch(t);
  const [trace, results] = [join(dir, 'd.trace'), join(dir, 'r')];
  assert.equal((await workset(['ingest', join(REPO, 'traces/rwp-shmem/D.ftrace.txt.gz'), '-o', trace])).code, 0);
  const asked = await workset(['replay', trace, '-o', results, '--scheme', 'uffd-rwp', '--json']);
  assert.equal(asked.code, 1);
  assert.match(errorOf(asked).hint!, /exact log/);
  const ran = await workset(['replay', trace, '-o', results]);
  assert.equal(ran.code, 0, ran.stderr);
  const scored = await workset(['score', results]);
  assert.equal(scored.code, 0);
  assert.equal(scored.stdout, '');
  assert.match(scored.stderr, /no scores/);
  assert.equal((await workset(['score', results, '--fail-under', 'recall=0'])).code, 4);
  assert.equal((await workset(['report', results, '-o', join(dir, 'r.html')])).code, 0);
});

test('the wrong stage is told which command comes before', async (t) => {
  const trace = await workset(['replay', REAL, '-o', 'x']);
  assert.equal(trace.code, 2);
  assert.match(trace.stderr, /is a capture, a trace is needed\n.*workset ingest/);
  const results = await workset(['score', REAL]);
  assert.match(results.stderr, /is a capture, results are needed/);
  const dir = scratch(t);
  mkdirSync(join(dir, 'full'));
  writeFileSync(join(dir, 'full/mine.txt'), 'keep');
  const over = await workset(['synth', 'zipf', '-o', join(dir, 'full'), '--seconds', '0.01']);
  assert.notEqual(over.code, 0, 'a directory that is no trace is not overwritten');
  assert.equal(readFileSync(join(dir, 'full/mine.txt'), 'utf8'), 'keep');
});

test('names with terminal escapes never reach the terminal', async () => {
  const { stderr, code } = await workset(['info', 'a\u001b[31mb\u009b.gz']);
  assert.equal(code, 3);
  assert.ok(!/[\u001b\u009b]/.test(stderr));
  assert.match(stderr, /a\\x1b\[31mb\\x9b\.gz/);
});
