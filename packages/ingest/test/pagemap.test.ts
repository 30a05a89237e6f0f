import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { IngestBatch, Ingestor } from '@workset/model';
import { TraceFormatError, UsageError, WorksetError } from '@workset/model';
import { kpageflagsIngestor } from '../src/formats/kpageflags.ts';
import { pageIdleRawIngestor } from '../src/formats/page-idle-raw.ts';
import { pagemapIngestor } from '../src/formats/pagemap.ts';
import { pagemapScanIngestor } from '../src/formats/pagemap-scan.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';

const CASE = join(import.meta.dirname, '../../../traces/pagemap');
const bytes = (name: string): Uint8Array => {
  const data = readFileSync(join(CASE, name));
  return new Uint8Array(name.endsWith('.gz') ? gunzipSync(data) : data);
};
const VADDR = '0x7a0000000000';
const FIRST = 0x7a0000000;
const TIMES = { begin: '1s', end: '2s' };
const run = (ingestor: Ingestor, data: Uint8Array, options: Record<string, string> = {}, chunk = 65536): Promise<Collected> =>
  collect(ingestor, bytesSource(data, chunk, 'dir/x.bin'), options);
const map = (name: string, options: Record<string, string> = {}): Promise<Collected> =>
  run(pagemapIngestor, bytes(name), { vaddr: VADDR, ...TIMES, ...options });
const codes = (result: Collected): string[] => result.ctx.rejections.map(({ code }) => code);
const kind = <K extends IngestBatch['kind']>(result: Collected, wanted: K): Extract<IngestBatch, { kind: K }>[] =>
  result.others.filter((batch): batch is Extract<IngestBatch, { kind: K }> => batch.kind === wanted);

/** Page numbers of a set, relative to `base`. */
function pagesOf(set: { startPage: number; nPages: number; bits: Uint8Array } | null, base = 0): number[] {
  assert.ok(set !== null);
  const pages: number[] = [];
  for (let i = 0; i < set.nPages; i++) if (((set.bits[i >> 3]! >> (i & 7)) & 1) === 1) pages.push(set.startPage + i - base);
  return pages;
}
const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
/** What pmdump.c wrote after protecting the buffer. */
const WRITTEN = [...span(4, 12), ...span(40, 44), 60];

interface PageRow {
  readonly pfn: number;
  readonly flags: bigint;
}
const TABLE: PageRow[] = readFileSync(join(CASE, 'pages.before.tsv'), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split('\t'))
  .map((cells) => ({ pfn: Number(cells[3]), flags: BigInt(cells[4]!) }));

test('frames of a pagemap are those the dump program saw', async () => {
  const result = await map('pagemap.before.bin');
  const [mapping] = kind(result, 'mapping');
  assert.ok(mapping !== undefined);
  assert.equal(mapping.vPage, FIRST);
  assert.deepEqual(
    [...mapping.frame],
    TABLE.map((row, i) => (i < 48 ? row.pfn : -1)),
  );
  assert.deepEqual(codes(result), []);
  assert.deepEqual(
    kind(result, 'range').map(({ startPage, nPages }) => [startPage, nPages]),
    [[FIRST, 64]],
  );
  assert.equal(kind(result, 'sizes')[0]!.values['present'], 48 * 4096);
});

test('uffd-wp: written pages are the present ones without the mark; markers are no swap', async () => {
  const before = await map('pagemap.after-wp.bin');
  assert.deepEqual(pagesOf(before.reports[0]!.reported), []);
  assert.equal(kind(before, 'sizes')[0]!.values['swapped'], 0);
  assert.equal(kind(before, 'sizes')[0]!.values['marker'], 16 * 4096);
  const after = await map('pagemap.after-write.bin');
  const [report] = after.reports;
  assert.deepEqual(pagesOf(report!.reported, FIRST), WRITTEN);
  assert.deepEqual(pagesOf(report!.eligible, FIRST), [...span(0, 48), 60]);
  assert.deepEqual([report!.setBeginNs, report!.readEndNs, report!.complete], [1e9, 2e9, true]);
  assert.equal(kind(after, 'stream')[0]!.stream.tracker, 'uffd-wp');
});

test('soft-dirty bits, swap and guard entries', async () => {
  const data = new Uint8Array(5 * 8);
  const view = new DataView(data.buffer);
  const entries = [(1n << 63n) | (1n << 55n) | 7n, (1n << 63n) | 8n, (1n << 62n) | (5n << 5n) | 2n, 1n << 58n, 0n];
  for (const [i, entry] of entries.entries()) view.setBigUint64(i * 8, entry, true);
  const result = await run(pagemapIngestor, data, { vaddr: '0x1000', ...TIMES });
  assert.deepEqual(pagesOf(result.reports[0]!.reported), [1]);
  assert.equal(kind(result, 'stream')[0]!.stream.tracker, 'soft-dirty');
  const { swapped, guard, softDirty } = kind(result, 'sizes')[0]!.values;
  assert.deepEqual([swapped, guard, softDirty], [4096, 4096, 4096]);
  assert.equal((await run(pagemapIngestor, data, { vaddr: '0x1000', report: 'none' })).reports.length, 0);
});

test('several ranges of a maps file, and a start is required', async () => {
  const result = await map('pagemap.after-write.bin', { vaddr: `${VADDR}-0x7a0000010000,0x100000-0x130000` });
  assert.deepEqual(
    kind(result, 'range').map(({ startPage, nPages }) => [startPage, nPages]),
    [
      [FIRST, 16],
      [256, 48],
    ],
  );
  assert.deepEqual(
    result.reports.map((report) => pagesOf(report.reported)),
    [span(4, 12).map((page) => FIRST + page), [...span(40, 44), 60].map((page) => 256 + page - 16)],
  );
  assert.deepEqual(codes(await map('pagemap.before.bin', { vaddr: '0x1000-0x2000' })), ['range-mismatch']);
  await assert.rejects(
    run(pagemapIngestor, bytes('pagemap.before.bin')),
    (error: unknown) => error instanceof UsageError && /vaddr=/.test(error.hint ?? ''),
  );
});

const DAMAGED: [name: string, codes: string[], present: number][] = [
  ['pagemap.bigendian.bin', ['byte-order'], 48],
  ['pagemap.no-cap.bin', ['no-frames'], 48],
  ['pagemap.partial-8.bin', ['partial-entry'], 48],
  ['pagemap.present+swap.bin', ['corrupt-entry'], 47],
];
for (const [name, expected, present] of DAMAGED) {
  test(`${name}: named, and the rest kept`, async () => {
    const result = await map(name);
    assert.deepEqual(codes(result), expected);
    assert.equal(kind(result, 'sizes')[0]!.values['present'], present * 4096);
    const frames = kind(result, 'mapping').flatMap((batch) => [...batch.frame]);
    const known = TABLE.map((row, i) => (i < 48 ? row.pfn : -1));
    if (name.includes('no-cap')) assert.deepEqual(frames, []);
    else if (name.includes('present+swap')) assert.deepEqual(frames, [-1, ...known.slice(1)]);
    else assert.deepEqual(frames, known.slice(0, frames.length));
    assert.deepEqual((await run(pagemapIngestor, bytes(name), { vaddr: VADDR, ...TIMES }, 1)).others, result.others);
  });
}

for (const name of ['pagemap_scan.all.bin', 'pagemap_scan.all.txt']) {
  test(`${name}: written pages, present ones eligible`, async () => {
    const result = await run(pagemapScanIngestor, bytes(name), { ...TIMES, 'return-mask': '0xff' });
    assert.deepEqual(pagesOf(result.reports[0]!.reported, FIRST), WRITTEN);
    assert.deepEqual(pagesOf(result.reports[0]!.eligible, FIRST), [...span(0, 48), 60]);
    assert.deepEqual(codes(result), []);
    assert.equal(kind(result, 'stream')[0]!.stream.target, 'written');
  });
}

for (const name of ['pagemap_scan.written.bin', 'pagemap_scan.written.txt']) {
  test(`${name}: a scan for written pages only`, async () => {
    const result = await run(pagemapScanIngestor, bytes(name), { ...TIMES, range: '0x7a0000000000-0x7a0000040000' });
    assert.deepEqual(pagesOf(result.reports[0]!.reported, FIRST), WRITTEN);
    assert.equal(result.reports[0]!.reported!.nPages, 64);
    assert.equal(result.reports[0]!.eligible, null);
    assert.deepEqual(codes(result), ['assumed-return-mask']);
  });
}

test('a scan for cold pages reports the others', async () => {
  const text = '0x1000-0x3000 0x8\n0x5000-0x6000 0x8\n';
  const scan = (options: Record<string, string>): Promise<Collected> =>
    run(pagemapScanIngestor, new TextEncoder().encode(text), { ...TIMES, 'return-mask': '0x208', query: 'cold', ...options });
  const result = await scan({ range: '0x1000-0x8000' });
  assert.deepEqual(pagesOf(result.reports[0]!.reported), [3, 4, 6, 7]);
  assert.equal(kind(result, 'stream')[0]!.stream.tracker, 'uffd-rwp');
  await assert.rejects(scan({}), UsageError);
});

test('distant ranges of a scan become streams of their own', async () => {
  const text = '0x1000-0x3000 0x2\n0x7f0000000000-0x7f0000001000 0x2\n';
  const result = await run(pagemapScanIngestor, new TextEncoder().encode(text), { ...TIMES, 'return-mask': '2' });
  assert.deepEqual(
    kind(result, 'stream').map((batch) => batch.stream.stream),
    ['x.r0', 'x.r1'],
  );
});

test('whether a scan is text does not depend on how its bytes arrive', async () => {
  const text = new TextEncoder().encode(`# ${'a comment '.repeat(8)}\n0x1000-0x3000 0x2\n`);
  const options = { ...TIMES, 'return-mask': '2' };
  for (const chunk of [1, 65536]) {
    const { reports } = await run(pagemapScanIngestor, text, options, chunk);
    assert.deepEqual(pagesOf(reports[0]!.reported), [1, 2]);
  }
});

test('damaged scans', async () => {
  const cut = await run(pagemapScanIngestor, bytes('pagemap_scan.all.bin').subarray(0, 50), { ...TIMES, 'return-mask': '255' });
  assert.deepEqual(codes(cut), ['partial-entry']);
  const reversed = await run(pagemapScanIngestor, new TextEncoder().encode('0x3000-0x4000 0x2\n0x1000-0x2000 0x2\nfoo\n'), {
    ...TIMES,
    'return-mask': '2',
  });
  assert.deepEqual(codes(reversed), ['bad-region', 'damaged-line']);
  await assert.rejects(run(pagemapScanIngestor, new Uint8Array(10), TIMES), TraceFormatError);
  const huge = new TextEncoder().encode('0x0-0xfffffffffffff000 0x2\n');
  await assert.rejects(run(pagemapScanIngestor, huge, { ...TIMES, 'return-mask': '2' }), TraceFormatError);
  assert.deepEqual(codes(await run(pagemapScanIngestor, bytes('pagemap_scan.written.bin'))), ['assumed-return-mask', 'no-time']);
});

test('kpageflags: idle LRU pages are not reported, tails follow their head', async () => {
  const data = new Uint8Array(6 * 8);
  const view = new DataView(data.buffer);
  const LRU = 1n << 5n;
  const IDLE = 1n << 25n;
  const flags = [LRU, LRU | IDLE, 1n << 10n, LRU | (1n << 15n) | (1n << 33n), 1n << 16n, LRU | IDLE | (1n << 34n)];
  for (const [i, word] of flags.entries()) view.setBigUint64(i * 8, word, true);
  const result = await run(kpageflagsIngestor, data, { pfn: '0x100', ...TIMES });
  assert.deepEqual(pagesOf(result.reports[0]!.reported, 256), [0, 3, 4]);
  assert.deepEqual(pagesOf(result.reports[0]!.eligible, 256), [0, 1, 3, 4, 5]);
  assert.equal(kind(result, 'sizes')[0]!.values['buddy'], 4096);
});

test('kpageflags of real pages without idle marks give sizes only', async () => {
  const data = new Uint8Array(48 * 8);
  const view = new DataView(data.buffer);
  for (let i = 0; i < 48; i++) view.setBigUint64(i * 8, TABLE[i]!.flags, true);
  const result = await run(kpageflagsIngestor, data, {}, 13);
  assert.equal(result.reports.length, 0);
  const values = kind(result, 'sizes')[0]!.values;
  const count = (bit: bigint): number => 4096 * TABLE.slice(0, 48).filter((row) => ((row.flags >> bit) & 1n) === 1n).length;
  assert.deepEqual([values['lru'], values['anon'], values['zeroPage'], values['mmap']], [count(5n), count(12n), count(24n), count(11n)]);
  await assert.rejects(run(kpageflagsIngestor, new Uint8Array(0)), TraceFormatError);
});

test('idle bitmap: accessed means marked and no longer idle', async () => {
  const root = mkdtempSync(join(tmpdir(), 'workset-idle-'));
  try {
    const marked = bytes('bitmap.synthetic.le.bin.gz');
    const pfns = TABLE.slice(0, 32).map((row) => row.pfn);
    for (const pfn of pfns.slice(0, 10)) marked[pfn >> 3]! |= 1 << (pfn & 7);
    writeFileSync(join(root, 'marked.bin'), marked);
    const options = { ...TIMES, marked: join(root, 'marked.bin') };
    const result = await run(pageIdleRawIngestor, bytes('bitmap.synthetic.le.bin.gz'), options);
    assert.deepEqual(
      pagesOf(result.reports[0]!.reported),
      pfns.slice(0, 10).sort((a, b) => a - b),
    );
    assert.deepEqual(
      pagesOf(result.reports[0]!.eligible),
      pfns.toSorted((a, b) => a - b),
    );
    assert.deepEqual(codes(result), []);
    const cut = await run(pageIdleRawIngestor, bytes('bitmap.synthetic.truncated.bin.gz'), options);
    assert.deepEqual(codes(cut), ['partial-entry', 'length-mismatch']);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('idle bitmap whose runs are whole only in the other byte order: said, unless the order is given', async () => {
  // runs of 12 idle and 12 accessed frames
  const little = new Uint8Array(4096);
  for (let pfn = 0; pfn < little.length * 8; pfn++) if (pfn % 24 < 12) little[pfn >> 3]! |= 1 << (pfn & 7);
  const big = little.slice();
  for (let at = 0; at < big.length; at += 8) big.subarray(at, at + 8).reverse();
  assert.ok(!codes(await run(pageIdleRawIngestor, little, TIMES)).includes('byte-order-doubt'));
  assert.ok(codes(await run(pageIdleRawIngestor, big, TIMES)).includes('byte-order-doubt'));
  const told = await run(pageIdleRawIngestor, big, { ...TIMES, 'byte-order': 'big' });
  assert.ok(!codes(told).includes('byte-order-doubt'));
  assert.deepEqual(told.reports[0]!.reported, (await run(pageIdleRawIngestor, little, TIMES)).reports[0]!.reported);
});

test('idle bitmap without its marking pass is reported with a warning, in either byte order', async () => {
  const little = await run(pageIdleRawIngestor, bytes('bitmap.synthetic.le.bin.gz'), TIMES);
  const big = await run(pageIdleRawIngestor, bytes('bitmap.synthetic.be.bin.gz'), { ...TIMES, 'byte-order': 'big' });
  assert.deepEqual(codes(little), ['no-marking-pass']);
  assert.equal(little.reports[0]!.eligible, null);
  assert.deepEqual(little.reports[0]!.reported, big.reports[0]!.reported);
  const idle = TABLE.slice(10, 32).map((row) => row.pfn);
  const accessed = new Set(pagesOf(little.reports[0]!.reported));
  assert.ok(idle.every((pfn) => !accessed.has(pfn)));
  assert.equal(accessed.size, little.reports[0]!.reported!.nPages - idle.length);
  await assert.rejects(
    run(pageIdleRawIngestor, bytes('bitmap.synthetic.le.bin.gz'), { ...TIMES, marked: '/nonexistent/file' }),
    WorksetError,
  );
});

test('raw dumps are never guessed', () => {
  for (const ingestor of [pagemapIngestor, kpageflagsIngestor, pageIdleRawIngestor, pagemapScanIngestor]) {
    assert.equal(ingestor.sniff(bytes('pagemap.before.bin')), 0);
    assert.equal(ingestor.sniff(new Uint8Array(64)), 0);
  }
  assert.ok(pagemapScanIngestor.sniff(bytes('pagemap_scan.all.txt')) > 0.9);
});
