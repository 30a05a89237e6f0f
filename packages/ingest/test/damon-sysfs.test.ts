import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UnreadableInputError } from '@workset/model';
import { damonSysfsIngestor } from '../src/formats/damon-sysfs.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';

const CASE = join(import.meta.dirname, '../../../traces/damon-sysfs');
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(CASE, name)));
const run = (data: Uint8Array, options: Record<string, string> = {}, chunk = 65536): Promise<Collected> =>
  collect(damonSysfsIngestor, bytesSource(data, chunk, 'snap.tsv'), { ops: 'paddr', begin: '1s', end: '1100ms', ...options });
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const codes = (result: Collected): string[] => result.ctx.rejections.map(({ code }) => code);
const rows = (result: Collected): number[][] => {
  const { startPage, nPages, nrAccesses, age } = result.reports[0]!.regions!;
  return Array.from(startPage, (start, i) => [start * 4096, (start + nPages[i]!) * 4096, nrAccesses[i]!, age[i]!]);
};

test('tried_regions in both dumps are the same regions', async () => {
  const lines = Buffer.from(bytes('tried_regions.txt'))
    .toString()
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('total'))
    .map((line) => line.split(' ').map(Number));
  const table = await run(bytes('tried_regions.txt'));
  assert.deepEqual(
    rows(table),
    lines.map((line) => line.slice(1, 5)),
  );
  const tree = await run(bytes('kdamonds.tsv'), {}, 11);
  assert.deepEqual(rows(tree), rows(table));
  assert.deepEqual(codes(tree), []);
  const [stream] = tree.others;
  assert.ok(stream?.kind === 'stream');
  assert.equal(stream.stream.stream, 'snap.k0.c0.s0');
  assert.deepEqual(stream.stream.notes, { event: 'tried_regions', aggr_us: 100000, sample_us: 5000 });
  assert.equal(tree.reports[0]!.complete, true);
});

test('the end alone is enough where the interval is known', async () => {
  const ctx = await collect(damonSysfsIngestor, bytesSource(bytes('kdamonds.tsv')), { ops: 'paddr', end: '2s' });
  assert.deepEqual([ctx.reports[0]!.setBeginNs, ctx.reports[0]!.readEndNs], [1.9e9, 2e9]);
  const none = await collect(damonSysfsIngestor, bytesSource(bytes('kdamonds.tsv')), { ops: 'paddr' });
  assert.deepEqual([none.reports[0]!.complete, codes(none)], [false, ['no-time']]);
});

test('DAMON_STAT percentiles are size rows in ns', async () => {
  const list = Array.from({ length: 101 }, (_, i) => i - 50).join(',');
  for (const data of [text(`${list}\n`), text(`/sys/module/damon_stat/parameters/memory_idle_ms_percentiles\t${list}\n`)]) {
    const result = await run(data);
    const [row] = result.others;
    assert.ok(row?.kind === 'sizes');
    assert.deepEqual([row.values['p0Ns'], row.values['p100Ns']], [-50e6, 50e6]);
    assert.ok(damonSysfsIngestor.sniff(data) > 0.8);
  }
});

test('damage is counted, emptiness refused', async () => {
  assert.deepEqual(codes(await run(text('0 4096 8192 1 1\n2 8192 4096 1 1\n'))), ['bad-region']);
  assert.deepEqual(codes(await run(text('0 4096 8192 1 1\nhello\n'))), ['damaged-line']);
  assert.deepEqual(codes(await run(text('kdamonds/0/contexts/0/schemes/0/tried_regions/0/start\tx\n0 4096 8192 1 1\n'))), ['damaged-line']);
  await assert.rejects(run(text('kdamonds/0/state\ton\n')), UnreadableInputError);
  assert.equal(damonSysfsIngestor.sniff(bytes('kdamonds.tsv')), 1);
  assert.equal(damonSysfsIngestor.sniff(text('1 2 3 4 5\n')), 0);
});
