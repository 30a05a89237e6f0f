/** Memory that only a tracker tells of: a recording of DAMON on a process, without any log of its accesses. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { ingestCapture } from '@workset/ingest';
import { openTrace } from '@workset/store';
import { WatchedMemory } from '../src/capture/watched-memory.ts';
import { vmgtFile } from './kit-files.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-watched-'));
after(() => rmSync(root, { recursive: true }));

const region = (t: string, start: number, end: number, nr: number): string =>
  `        kdamond.0  6497 [031]  ${t}: damon:damon_aggregated: target_id=0 nr_regions=2 ${start}-${end}: ${nr} 240\n`;
const HEAP = 0x7fd2_0000_0000;
const STACK = 0x7ffc_0000_0000;
const snapshot = (t: string, cut: number): string => region(t, HEAP, HEAP + cut, 5) + region(t, STACK, STACK + (2 << 20), 0);

test('virtual regions are the memory of a trace without touches', async () => {
  const path = join(root, 'damon.txt');
  writeFileSync(path, snapshot('5702.069502', 4 << 20) + snapshot('5702.169502', 6 << 20));
  const { spaces } = await ingestCapture([path], { out: join(root, 'damon.trace') });
  assert.deepEqual(
    spaces.map(({ id, nPages, nTouches, truth }) => [id, nPages, nTouches, truth]),
    [['gva', (8 << 20) / 4096, 0, 'observed']],
  );
});

const region1 = (nr: number) => (start: number, nPages: number) => ({
  reported: null,
  eligible: null,
  regions: { startPage: Float64Array.of(start), nPages: Float64Array.of(nPages), nrAccesses: Float64Array.of(nr), age: Float64Array.of(0) },
});

test('watched memory is declared at the end, once: physical always, virtual where nothing was touched or where it was reported', () => {
  const ranges = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 40 }), fc.nat(1)), { maxLength: 30 });
  fc.assert(
    fc.property(ranges, fc.boolean(), (given, isTouched) => {
      const declared = { gpa: new Set<number>(), gva: new Set<number>() };
      const watched = new WatchedMemory((space, startPage, nPages) => {
        for (let page = startPage; page < startPage + nPages; page++) declared[space as 'gpa' | 'gva'].add(page);
      });
      for (const space of ['gpa', 'gva'] as const) for (const [start, n, nr] of given) watched.add(space, region1(nr)(start, n));
      assert.equal(declared.gva.size, 0);
      assert.deepEqual(watched.finish(new Set(isTouched ? (['gva'] as const) : [])), []);
      const pagesOf = (some: typeof given) => new Set(some.flatMap(([start, n]) => Array.from({ length: n }, (_, i) => start + i)));
      assert.deepEqual(declared.gpa, pagesOf(given));
      assert.deepEqual(declared.gva, pagesOf(isTouched ? given.filter(([, , nr]) => nr > 0) : given));
    }),
  );
});

test('blocks of reported bits are declared; reports of more than 64 GiB without touches are left out, and said', () => {
  const declared: [number, number][] = [];
  const watched = new WatchedMemory((_, startPage, nPages) => declared.push([startPage, nPages]));
  const bits = new Uint8Array(256);
  bits[200] = 0x10; // page 100 + 1604
  watched.add('gpa', { reported: { startPage: 100, nPages: 2048, bits }, eligible: null, regions: null });
  watched.add('gva', region1(1)(0, 2 ** 24 + 1));
  const left = watched.finish(new Set(['gpa', 'gva'] as const));
  assert.deepEqual(
    left.map(([space]) => space),
    ['gva'],
  );
  assert.match(left[0]![1], /^16777217 reported pages/);
  assert.deepEqual(declared, [[1536, 512]]);
});

test('a hot region of a process counts where the log touched nothing, and does not keep the trace from being replayed', async () => {
  const path = join(root, 'partly.txt');
  const log = join(root, 'partly.csv');
  const hot = (t: string): string => region(t, HEAP, HEAP + (4 << 20), 5) + region(t, HEAP + (4 << 20), HEAP + (8 << 20), 5);
  writeFileSync(path, hot('1.100000') + hot('1.200000'));
  writeFileSync(log, `time_ns,gva,op\n1000000000,${HEAP},r\n1300000000,${HEAP + 4096},r\n`);
  const out = join(root, 'partly.trace');
  const { spaces } = await ingestCapture([log, path], { out });
  assert.deepEqual(
    spaces.map(({ id, nPages, nTouches }) => [id, nPages, nTouches]),
    [['gva', (8 << 20) / 4096, 2]],
  );
  assert.equal((await openTrace(out)).manifest.streams[0]!.range, null);
});

test('reports of another time than the accesses are told of', async () => {
  const log = join(root, 'early.csv');
  const path = join(root, 'late.txt');
  writeFileSync(log, `time_ns,gva,op\n1000000000,${HEAP},r\n1300000000,${HEAP + 4096},r\n`);
  const told = async (first: string, second: string) => {
    writeFileSync(path, snapshot(first, 4 << 20) + snapshot(second, 4 << 20));
    const { diagnostics } = await ingestCapture([log, path], { out: join(root, 'late.trace') });
    return diagnostics.filter(({ code }) => code === 'reports-unscored').map(({ severity, count, message }) => [severity, count, message]);
  };
  assert.deepEqual(await told('1.100000', '9.200000'), []);
  const [[severity, count, message]] = (await told('5.100000', '5.200000')) as [[string, number, string]];
  assert.deepEqual([severity, count], ['warning', 2]);
  assert.match(message, /late \(5\.000 to 5\.200 s\).*recorded \(1\.000 to 1\.\d+ s\)/);
});

test('an exact log without markers shares its clock with nobody: a warning', async () => {
  const log = join(root, 'gt.vmgt');
  const path = join(root, 'reports.txt');
  writeFileSync(log, vmgtFile([{ tag: 'Q', q: 1000, records: [{ pfn: 1, flags: 8 }] }]));
  writeFileSync(path, snapshot('1.000500', 4 << 20));
  const { diagnostics } = await ingestCapture([log, path], { out: join(root, 'clock.trace') });
  assert.deepEqual(
    diagnostics.filter(({ code }) => code === 'clock-assumed').map(({ severity }) => severity),
    ['warning'],
  );
});

test('two exact logs of the same time are told apart from one that is out of order; one behind the other is fine', async () => {
  const quantum = (q: number) => ({ tag: 'Q' as const, q, records: [{ pfn: 1, flags: 8 }] });
  const codes = async (...quanta: readonly (readonly number[])[]) => {
    const paths = quanta.map((qs, i) => {
      const path = join(root, `${i}.vmgt`);
      writeFileSync(path, vmgtFile(qs.map(quantum)));
      return path;
    });
    const { diagnostics } = await ingestCapture(paths, { out: join(root, 'two.trace') });
    return diagnostics.flatMap(({ severity, code, count }) => (severity === 'error' ? [[code, count]] : []));
  };
  assert.deepEqual(await codes([1, 2, 3], [4, 5]), []);
  assert.deepEqual(await codes([1, 2, 3], [1, 2, 6]), [['overlapping-log', 2]]);
});

test('the half of a split log that begins within a recording keeps its span', async () => {
  const quantum = (q: number) => ({ tag: 'Q' as const, q, records: [{ pfn: 1, flags: 8 }] });
  const marker = (code: number, ms: number) => ({ tag: 'M' as const, code, tick: ms * 1e6, values: [ms * 1e6, ms * 1e6, 1] });
  const parts = [
    [marker(1, 10), quantum(10), quantum(11)],
    [quantum(12), quantum(13), marker(2, 14), marker(1, 20), quantum(20), marker(2, 21)],
  ];
  const paths = parts.map((frames, i) => {
    const path = join(root, `part${i}.vmgt`);
    writeFileSync(path, vmgtFile(frames, { icountShift: 0 }));
    return path;
  });
  const { spans } = await ingestCapture(paths, { out: join(root, 'split.trace') });
  assert.deepEqual(
    spans.map(({ t0Ns, t1Ns }) => [t0Ns / 1e6, t1Ns / 1e6]),
    [
      [10, 12],
      [12, 14],
      [20, 21],
    ],
  );
});
