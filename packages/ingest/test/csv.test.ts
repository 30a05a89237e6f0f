import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '@workset/model';
import { ingestCapture } from '@workset/ingest';
import { csvIngestor } from '../src/formats/csv.ts';
import { ingestText } from './text-harness.ts';
import type { Outcome } from './text-harness.ts';

const rows = (outcome: Outcome): unknown[] => outcome.accesses.map(({ space, timeNs, page, cls }) => [space, timeNs, page, cls]);

test('columns by their names', async () => {
  const outcome = await ingestText(csvIngestor, 'time_us,op,address,size,pid\n10,R,0x1ffc,8,7\n11.5,write,8192,1,8\n');
  assert.deepEqual(rows(outcome), [
    ['gva', 10_000, 1, 0],
    ['gva', 10_000, 2, 0],
    ['gva', 11_500, 2, 1],
  ]);
  assert.deepEqual(
    outcome.accesses.map(({ pid }) => pid),
    [7, 7, 8],
  );
  assert.deepEqual(outcome.rejected, {});
});
test('a column says who accessed; all actors reach the trace, beside one another', async () => {
  const actors = ['user', 'kernel', 'device', 'pinned', 'host', 'gup', 'GUP_fast', 'other', ''];
  const text = `time_ns,gva,op,actor\n${actors.map((actor, i) => `${i},0x7f0000001000,${i % 2 === 0 ? 'r' : 'w'},${actor}\n`).join('')}`;
  const outcome = await ingestText(csvIngestor, `${text}9,0x1000,r,martian\n10,0x1000,kw,\n`);
  assert.deepEqual(
    outcome.accesses.map(({ cls }) => cls),
    [0, 3, 4, 5, 6, 9, 10, 13, 0, 3],
  );
  assert.deepEqual(outcome.rejected, { 'damaged-row': 1 });
  const dir = mkdtempSync(join(tmpdir(), 'workset-csv-'));
  try {
    writeFileSync(join(dir, 'a.csv'), text);
    const { spaces } = await ingestCapture([join(dir, 'a.csv')], { out: join(dir, 'a.trace') });
    assert.deepEqual(
      spaces.map(({ classBits, nTouches, nAccesses }) => ({ classBits, nTouches, nAccesses })),
      [{ classBits: 4, nTouches: 8, nAccesses: 9 }],
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});
test('tabs, quotes, CRLF, a flag column and page numbers', async () => {
  const outcome = await ingestText(csvIngestor, '"t_ns"\t"page"\t"is_write"\r\n"5"\t"17"\t"1"\r\n6\t18\t0\r\n');
  assert.deepEqual(rows(outcome), [
    ['object', 5, 17, 1],
    ['object', 6, 18, 0],
  ]);
});
test('a quoted cell may hold delimiters, quotes and digits in groups; an open quote is damage', async () => {
  const outcome = await ingestText(
    csvIngestor,
    'comm,time_ns,gva,op\n"a,b",1,0x1000,"w"\n"say ""hi, you""",2,0x2000,r\n"c","3,000",0x3000,w\n"d,4,0x4000,w\n',
  );
  assert.deepEqual(rows(outcome), [
    ['gva', 1, 1, 1],
    ['gva', 2, 2, 0],
  ]);
  assert.deepEqual(outcome.rejected, { 'damaged-row': 2 });
});
test('columns named by the option fields, with or without a header, whatever the delimiter', async () => {
  const expected = [
    ['gva', 1e9, 1, 0],
    ['gva', 2e9, 2, 1],
  ];
  for (const text of ['1,0x1000,r\n2,0x2000,w\n', '1\t0x1000\tr\n2\t0x2000\tw\n', 'when;address;how\n1;0x1000;r\n2;0x2000;w\n'])
    assert.deepEqual(rows(await ingestText(csvIngestor, text, { fields: 'time,addr,rw' })), expected, text);
});
test('what to do about missing columns reads as one would type it', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'workset-csv-')), 'a.csv');
  writeFileSync(path, '1,0x1000,r\n');
  await assert.rejects(ingestCapture([path], { out: `${path}.trace`, format: 'csv' }), (error: UsageError) => {
    assert.match(error.hint!, /--fields time,addr,rw .*, or --set columns="time-col=1, obj-id-col=2, delimiter=,, has-header=true"$/);
    return true;
  });
  rmSync(join(path, '..'), { recursive: true });
});
test("libCacheSim's column syntax", async () => {
  const options = { columns: 'time-col=2, obj-id-col=3, obj-size-col=4, delimiter=,, has-header=true' };
  const outcome = await ingestText(csvIngestor, 'a,b,c,d\nx,1,100,4096\nx,2,18446744073709551615,1\n', options);
  assert.deepEqual(rows(outcome), [['object', 1e9, 100, 0]]);
  assert.deepEqual(outcome.rejected, { 'assumed-time-unit': 1, 'access-type-unknown': 1, 'damaged-row': 1 });
  assert.equal(outcome.firstLine['damaged-row'], 3);
  const semicolon = await ingestText(csvIngestor, '1;100\n', { columns: 'time-col=1, addr-col=2, delimiter=;, time-unit=ms' });
  assert.deepEqual(rows(semicolon), [['gva', 1e6, 0, 0]]);
});
test('page-shift, base and space', async () => {
  const outcome = await ingestText(csvIngestor, 'time_ns,addr\n1,200000\n', { base: '16', 'page-shift': '21', space: 'gpa' });
  assert.deepEqual(rows(outcome), [['gpa', 1, 1, 0]]);
});
test('no time column: a rate is needed', async () => {
  assert.ok((await ingestText(csvIngestor, 'op,addr\nR,4096\n')).error instanceof UsageError);
  assert.deepEqual(rows(await ingestText(csvIngestor, 'op,addr\nR,4096\nW,8192\n', { 'accesses-per-second': '1e6' })), [
    ['gva', 0, 1, 0],
    ['gva', 1000, 2, 1],
  ]);
});
test('short rows, bad times and bad addresses are counted', async () => {
  const outcome = await ingestText(csvIngestor, 'time_ns,addr\n1\n-5,4096\n1e3,4096\n3,zz\n4,4096\n');
  assert.equal(outcome.rejected['damaged-row'], 4);
  assert.equal(outcome.accesses.length, 1);
});
test('wrong options name what is wrong', async () => {
  for (const options of [
    { columns: 'time-col=1' },
    { columns: 'obj-id-col=x' },
    { 'time-unit': 'weeks' },
    { delimiter: 'abc' },
    { 'page-shift': '99' },
  ] as Record<string, string>[]) {
    assert.ok((await ingestText(csvIngestor, 'time,addr\n1,2\n', options)).error instanceof UsageError, JSON.stringify(options));
  }
});
test('sniffing needs a header with an address', () => {
  assert.equal(csvIngestor.sniff(Buffer.from('mono_ns,event,flags,address,ptid\n1,18,0,4096,0\n')), 0.7);
  assert.equal(csvIngestor.sniff(Buffer.from('vaddr,pfn,flags\n4096,7,3\n')), 0.4);
  assert.equal(csvIngestor.sniff(Buffer.from('1,2,3\n')), 0);
  assert.equal(csvIngestor.sniff(Buffer.from('name,colour\n')), 0);
});
