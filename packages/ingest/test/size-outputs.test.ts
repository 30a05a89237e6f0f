import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Ingestor } from '@workset/model';
import { UnreadableInputError } from '@workset/model';
import { kidledIngestor } from '../src/formats/kidled.ts';
import { lruGenIngestor } from '../src/formats/lru-gen.ts';
import { memtierdIngestor } from '../src/formats/memtierd.ts';
import { smapsIngestor } from '../src/formats/smaps.ts';
import { wssIngestor } from '../src/formats/wss.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';

const CASE = join(import.meta.dirname, '../../../traces/size-outputs');
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(CASE, name)));
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const run = (ingestor: Ingestor, data: Uint8Array, chunk = 9): Promise<Collected> => collect(ingestor, bytesSource(data, chunk, 'x.txt'));
const rows = (result: Collected): [string, Readonly<Record<string, number>>][] =>
  result.others.flatMap((batch) =>
    batch.kind === 'sizes' ? [[batch.subject, batch.values] as [string, Readonly<Record<string, number>>]] : [],
  );
const codes = (result: Collected): string[] => result.ctx.rejections.map(({ code }) => code);

test('smaps: sizes in bytes per mapping', async () => {
  const [[subject, values]] = rows(await run(smapsIngestor, bytes('smaps.after-clear_refs-10-touched.txt'))) as [
    [string, Record<string, number>],
  ];
  assert.equal(subject, '7a0000000000-7a0000040000');
  assert.deepEqual([values['Size'], values['Rss'], values['Referenced']], [256 * 1024, 148 * 1024, 40 * 1024]);
  const rollup = await run(smapsIngestor, bytes('smaps_rollup.txt'));
  assert.equal(rows(rollup)[0]![0], '5643f42a7000-7ffc0b027000 [rollup]');
  assert.equal(rows(rollup)[0]![1]['Referenced'], 1528 * 1024);
  assert.deepEqual(codes(rollup), []);
  assert.equal(smapsIngestor.sniff(bytes('smaps_rollup.txt')), 1);
  assert.deepEqual(codes(await run(smapsIngestor, text(`${Buffer.from(bytes('smaps_rollup.txt')).toString()}junk\n`))), ['damaged-line']);
});

test('wss: both header forms, no newline at the end', async () => {
  const v1 = text('Watching PID 181 page references during 0.10 seconds...\nEst(s)     Ref(MB)\n0.107        28.00');
  assert.deepEqual(rows(await run(wssIngestor, v1)), [['pid 181', { estNs: 107_000_000, ref: 28 * 2 ** 20 }]]);
  const pl = text('Slp(s) Dur(s) Est(s) RSS(MB) PSS(MB) Ref(MB)\n0.100 0.2 0.11 717.68 715.00 27.5\n1 2\n');
  const result = await run(wssIngestor, pl);
  assert.deepEqual(rows(result)[0]![1], {
    slpNs: 1e8,
    durNs: 2e8,
    estNs: 1.1e8,
    rss: Math.round(717.68 * 2 ** 20),
    pss: 715 * 2 ** 20,
    ref: 27.5 * 2 ** 20,
  });
  assert.deepEqual(codes(result), ['damaged-line']);
  assert.ok(wssIngestor.sniff(v1) > 0.9);
  assert.equal(wssIngestor.sniff(text('hello')), 0);
});

test('kidled: bytes per type and idle time', async () => {
  const result = await run(kidledIngestor, bytes('memory.idle_page_stats.txt'));
  const clean = rows(result).find(([type]) => type === 'csei')!;
  assert.equal(clean[1]['idle120s'], 2613248);
  assert.equal(clean[1]['idle1800s'], 293683200);
  assert.equal(Object.keys(clean[1]).length, 8);
  assert.ok(rows(result).some(([type]) => type === 'slab'));
  assert.deepEqual(codes(result), []);
  assert.equal(kidledIngestor.sniff(bytes('memory.idle_page_stats.txt')), 1);
});

test('wss.pl as it first was: no column of times', async () => {
  const data = text(
    'Watching PID 5 page references grow, output every 1 seconds...\n   RSS(MB)    PSS(MB)    Ref(MB)\n      2.00       1.00       0.50\n',
  );
  const result = await run(wssIngestor, data);
  assert.deepEqual(rows(result), [['pid 5', { rss: 2 ** 21, pss: 2 ** 20, ref: 2 ** 19 }]]);
  assert.equal(wssIngestor.sniff(data), 0.95);
});

test('lru_gen: bytes per memcg, node and generation', async () => {
  const data = text(
    'memcg     1 /\n node     0\n          0      86400       1024        512 \n          1       1000          3          0 \nmemcg     2 /a b\n node     1\n          7         20          1          2 \n',
  );
  const result = await run(lruGenIngestor, data);
  assert.deepEqual(rows(result), [
    ['/ node 0 gen 0', { ageNs: 86400e6, anon: 4 * 2 ** 20, file: 2 * 2 ** 20 }],
    ['/ node 0 gen 1', { ageNs: 1e9, anon: 12288, file: 0 }],
    ['/a b node 1 gen 7', { ageNs: 20e6, anon: 4096, file: 8192 }],
  ]);
  assert.equal(lruGenIngestor.sniff(data), 1);
});

test('memtierd: raw dumps become region reports between dumps, tables size rows', async () => {
  const header = '          timestamp       pid             addr    pages     accs   writes\n';
  const row = (t: string, pid: number, addr: string, pages: number, accs: number): string =>
    `${t.padStart(20)} ${pid} ${addr} ${pages} ${accs} 0\n`;
  const data = text(
    header +
      row('1690000000000000001', 7, '7f0000000000', 16, 1) +
      row('1690000005000000001', 7, '7f0000000000', 16, 3) +
      row('1690000005000000001', 7, '7f0000100000', 4, 0) +
      row('1690000010000000002', 7, '7f0000000000', 16, 9),
  );
  const result = await run(memtierdIngestor, data);
  assert.deepEqual(
    result.reports.map(({ setBeginNs, readEndNs, regions }) => [setBeginNs, readEndNs, [...regions!.nrAccesses]]),
    [
      [0, 5e9, [3, 0]],
      [5e9, 10e9 + 1, [9]],
    ],
  );
  assert.deepEqual(codes(result), ['no-first-window']);
  const table = text(
    'table: time since last access\n     pid lastaccs>=[s] lastaccs<[s]    pages   mem[G] pidmem[%]\n      7         0.000        5.000      512    0.002    12.50\n',
  );
  assert.deepEqual(rows(await run(memtierdIngestor, table)), [['pid 7 idle 0.000-5.000 s', { idleFromNs: 0, size: 2 ** 21 }]]);
  const session = text(
    'memtierd> policy -dump accessed 0,5s,0\n  table: time since last access\n       pid lastaccs>=[s] lastaccs<[s]    pages   mem[G] pidmem[%]\n' +
      '       all         0.000        5.000      512    0.002    12.50\n         7         5.000        0.000        0    0.000       NaN\n',
  );
  const printed = await run(memtierdIngestor, session);
  assert.deepEqual(rows(printed), [
    ['all idle 0.000-5.000 s', { idleFromNs: 0, size: 2 ** 21 }],
    ['pid 7 idle 5.000 s or more', { idleFromNs: 5e9, size: 0 }],
  ]);
  assert.deepEqual(codes(printed), ['message']);
  assert.equal(memtierdIngestor.sniff(data), 1);
  assert.equal(memtierdIngestor.sniff(table), 1);
});

test('files without a row are refused', async () => {
  for (const ingestor of [smapsIngestor, wssIngestor, kidledIngestor, lruGenIngestor, memtierdIngestor]) {
    await assert.rejects(run(ingestor, text('nothing here\n')), UnreadableInputError);
    assert.equal(ingestor.sniff(text('nothing here\n')), 0);
    assert.equal(ingestor.sniff(new Uint8Array(0)), 0);
  }
});
