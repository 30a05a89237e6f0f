import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TraceFormatError, UsageError } from '@workset/model';
import { uffdLogIngestor } from '../src/formats/uffd-log.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';

const CASE = join(import.meta.dirname, '../../../traces/uffd-log');
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(CASE, name)));
const run = (data: Uint8Array, options: Record<string, string> = {}, chunk = 65536): Promise<Collected> =>
  collect(uffdLogIngestor, bytesSource(data, chunk), options);
const RATE = { 'accesses-per-second': '1e6' };
const codes = (result: Collected): string[] => result.ctx.rejections.map(({ code }) => code);

test('CSV: time, page and class of every fault', async () => {
  const lines = Buffer.from(bytes('uffd.csv'))
    .toString()
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));
  const result = await run(bytes('uffd.csv'));
  assert.deepEqual(
    result.accesses.map(({ t, page, cls, pid }) => [t, page, cls, pid]),
    lines.map(([t, , flags, address, thread]) => [
      Number(t),
      Math.floor(Number(address) / 4096),
      (Number(flags) & 3) === 0 ? 0 : 1,
      Number(thread),
    ]),
  );
  assert.equal(result.accesses.length, 40);
  assert.deepEqual(result.ctx.rejections, []);
  assert.equal(result.accesses[0]!.space, 'gva');
});

test('binary messages hold the same faults; their times need a rate', async () => {
  const csv = await run(bytes('uffd.csv'));
  for (const chunk of [1, 7, 65536]) {
    const result = await run(bytes('uffd_msg.bin'), RATE, chunk);
    assert.deepEqual(
      result.accesses.map(({ page, cls }) => [page, cls]),
      csv.accesses.map(({ page, cls }) => [page, cls]),
    );
    assert.deepEqual(
      result.accesses.map(({ t }) => t),
      result.accesses.map((_, i) => i * 1000),
    );
  }
  await assert.rejects(run(bytes('uffd_msg.bin')), UsageError);
});

test('cut and foreign messages are counted', async () => {
  assert.deepEqual(codes(await run(bytes('uffd_msg.bin').subarray(0, 100), RATE)), ['partial-entry']);
  const data = bytes('uffd_msg.bin').slice();
  data[32] = 0x15;
  assert.deepEqual(codes(await run(data, RATE)), ['other-event']);
  const late = new Uint8Array(Buffer.concat([bytes('uffd_msg.bin'), bytes('uffd_msg.bin'), bytes('uffd_msg.bin')]));
  late[70 * 32] = 0x99;
  const result = await run(late, RATE);
  assert.deepEqual(codes(result), ['unknown-event']);
  assert.equal(result.accesses.length, 119);
  await assert.rejects(run(new Uint8Array(64), RATE), TraceFormatError);
  const text = 'mono_ns,event,flags,address,ptid\n10,18,0x0,0x1000,7\nfoo\n20,21,0x0,0x2000,7\n';
  assert.deepEqual(codes(await run(new TextEncoder().encode(text))), ['damaged-line', 'other-event']);
});

test('sniffing', () => {
  assert.equal(uffdLogIngestor.sniff(bytes('uffd.csv')), 1);
  assert.equal(uffdLogIngestor.sniff(bytes('uffd_msg.bin')), 0.8);
  assert.equal(uffdLogIngestor.sniff(new Uint8Array(64)), 0);
});
