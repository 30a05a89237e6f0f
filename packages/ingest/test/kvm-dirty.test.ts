import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TraceFormatError, UsageError, WRITE } from '@workset/model';
import { kvmDirtyIngestor } from '../src/formats/kvm-dirty.ts';
import { perfScriptIngestor } from '../src/formats/perf-script.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';

const CASE = join(import.meta.dirname, '../../../traces/kvm-dirty');
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(CASE, name)));
const run = (data: Uint8Array, options: Record<string, string> = {}, chunk = 65536): Promise<Collected> =>
  collect(kvmDirtyIngestor, bytesSource(data, chunk, 'dirty.bin'), options);
const codes = (result: Collected): string[] => result.ctx.rejections.map(({ code }) => code);
/** The guest writes 64 words from 0x100000, 8 KiB apart. */
const WRITTEN = Array.from({ length: 64 }, (_, i) => 0x100 + 2 * i);
const RING = { 'slot-base': '0', 'accesses-per-second': '1e9' };

test('bitmap: the pages the guest wrote, shifted by the base of the slot', async () => {
  for (const [base, first] of [
    ['0', 0],
    ['0x100000', 0x100000],
  ] as const) {
    const result = await run(bytes('dirty_bitmap.slot0.bin'), { 'slot-base': base, begin: '0', end: '1s' });
    const { startPage, nPages, bits } = result.reports[0]!.reported!;
    assert.equal(startPage, first);
    assert.equal(nPages, 2048);
    assert.deepEqual(
      Array.from({ length: nPages }, (_, i) => i).filter((i) => ((bits[i >> 3]! >> (i & 7)) & 1) === 1),
      WRITTEN,
    );
    assert.deepEqual(codes(result), []);
  }
});

test('ring, raw and text: the same writes in order', async () => {
  const text = await run(bytes('dirty_ring.txt'), RING);
  const raw = await run(bytes('dirty_ring.raw.bin'), { ...RING, layout: 'ring' }, 5);
  assert.deepEqual(
    text.accesses.map(({ page, cls, t }) => [page, cls, t]),
    WRITTEN.map((page, i) => [page, 1, i]),
  );
  assert.deepEqual(raw.accesses, text.accesses);
  assert.deepEqual(
    raw.ctx.rejections.map(({ code, count }) => [code, count]),
    [['unused-entry', 4]],
  );
  const based = await run(bytes('dirty_ring.txt'), { ...RING, 'slot-base': '0:0x1000,1:5' });
  assert.equal(based.accesses[0]!.page, 0x1100);
});

test('what is missing is asked for, what is damaged is counted', async () => {
  await assert.rejects(
    run(bytes('dirty_bitmap.slot0.bin')),
    (error: unknown) => error instanceof UsageError && /slot-base=/.test(error.hint ?? ''),
  );
  await assert.rejects(run(bytes('dirty_ring.txt'), { 'slot-base': '0' }), UsageError);
  await assert.rejects(run(bytes('dirty_ring.txt'), { ...RING, 'slot-base': '3:0' }), /no base for memory slot 0/);
  await assert.rejects(run(bytes('dirty_ring.txt'), { ...RING, 'slot-base': 'x' }), UsageError);
  await assert.rejects(run(new Uint8Array(0), { 'slot-base': '0' }), TraceFormatError);
  assert.deepEqual(codes(await run(bytes('dirty_bitmap.slot0.bin').subarray(0, 250), { 'slot-base': '0', begin: '0', end: '1s' })), [
    'partial-entry',
  ]);
  assert.deepEqual(codes(await run(bytes('dirty_ring.raw.bin').subarray(0, 20), { ...RING, layout: 'ring' })), ['partial-entry']);
  const bad = new TextEncoder().encode('flags=1 slot=0x0 offset=0x1\nflags=9 slot=0x0 offset=0x1\nflags=3 slot=0x0 offset=0x2\nnonsense\n');
  const result = await run(bad, RING);
  assert.deepEqual(codes(result), ['bad-entry', 'damaged-line']);
  assert.equal(result.accesses.length, 2);
});

test('only the text form is recognised', () => {
  assert.ok(kvmDirtyIngestor.sniff(bytes('dirty_ring.txt')) > 0.9);
  assert.equal(kvmDirtyIngestor.sniff(bytes('dirty_ring.raw.bin')), 0);
  assert.equal(kvmDirtyIngestor.sniff(bytes('dirty_bitmap.slot0.bin')), 0);
});

const trace = (name: string, options: Record<string, string>): Promise<Collected> =>
  collect(perfScriptIngestor, bytesSource(new Uint8Array(gunzipSync(bytes(name))), 4096, name), options);

for (const name of ['kvm.tracefs.txt.gz', 'kvm.trace-cmd-report.txt.gz']) {
  test(`${name}: kvm_dirty_ring_push lines are the writes of the ring, with their times`, async () => {
    const { accesses, others, ctx } = await trace(name, { 'slot-base': '0x100000' });
    assert.deepEqual(
      accesses.map(({ page }) => page - 0x100000),
      WRITTEN,
    );
    assert.ok(accesses.every(({ space, cls }) => space === 'gpa' && cls === WRITE));
    assert.ok(accesses.every(({ t }, i) => i === 0 || t >= accesses[i - 1]!.t));
    assert.equal(accesses[0]!.t, 1448.84358e9);
    assert.deepEqual(others[0], { kind: 'grade', truth: 'observed' });
    assert.equal(ctx.accepted, 64);
  });
  test(`${name}: refused without the base of the slot, and with that of another one`, async () => {
    await assert.rejects(trace(name, {}), (error: unknown) => error instanceof UsageError && /slot-base=0/.test(error.hint!));
    await assert.rejects(trace(name, { 'slot-base': '3:0' }), (error: unknown) => error instanceof UsageError && /0:GFN/.test(error.hint!));
  });
}

test('damaged dirty ring lines are counted, those beside faults need no base to read the faults', async () => {
  const head = ' tinyvm-5414 [000] .....  1448.843580: ';
  const fault = `${head}kvm_page_fault: vcpu 0 rip 0x1000 address 0x5000 error_code 0x2\n`;
  const lines = [
    'ring 0: dirty 0x1 reset 0x0 slot 0 offset 0x100 (used 1)',
    'ring 0: dirty 0x1 reset 0x0 slot 0',
    'ring 0: dirty 0x1 reset 0x0 slot x offset 0x100 (used 1)',
    'ring 0: dirty 0x1 reset 0x0 slot 0 offset 0xfg (used 1)',
    'ring 0: dirty 0x1 reset 0x0 slot 0 offset 0x11112222333344445 (used 1)',
  ].map((body) => `${head}kvm_dirty_ring_push: ${body}\n`);
  const text = new TextEncoder().encode([fault, ...lines].join(''));
  const { accesses, ctx } = await collect(perfScriptIngestor, bytesSource(text, 100, 'x.txt'), {});
  assert.deepEqual(
    accesses.map(({ page, cls }) => [page, cls]),
    [[5, WRITE]],
  );
  assert.deepEqual(
    ctx.rejections.map(({ code }) => code),
    ['no-slot-base', 'damaged-fields', 'damaged-fields', 'damaged-fields', 'address-overflow'],
  );
});
