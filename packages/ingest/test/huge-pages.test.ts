/** Huge pages of a capture set: which evidence counts, and what the manifest says of it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readManifest, type TraceManifest } from '@workset/store';
import { ingestCapture } from '@workset/ingest';
import { pagemapFile, snapshotFile, bitmap, u64, vmgtFile } from './kit-files.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-huge-'));
after(() => rmSync(root, { recursive: true }));
let next = 0;

const HEAD = 1 << 15;
const TAIL = 1 << 16;
const THP = 1 << 22;
/** Arena of three blocks and two halves: block 0x8000 begins at its page 256. */
const ARENA = 0x8000 * 512 - 256;
const PAGES = 2048;

/** Frames of the arena: `blocks[i]` is the physical block that whole block i maps as one run, undefined = scattered frames. */
function arena(blocks: readonly (number | undefined)[]): Uint8Array {
  const frames = Array.from({ length: PAGES }, (_, i) => {
    const block = blocks[Math.floor((i - 256) / 512)];
    return block === undefined ? 10_000 + 2 * i : block * 512 + ((i - 256) % 512);
  });
  return pagemapFile(ARENA * 4096, frames);
}

/** Flags of `n` frames with huge pages at these blocks. */
function flags(n: number, ...blocks: readonly number[]): Uint8Array {
  const words = Array.from({ length: n }, () => 0);
  for (const block of blocks) for (let i = 0; i < 512; i++) words[block * 512 + i] = THP | (i === 0 ? HEAD : TAIL);
  return Uint8Array.from(words.flatMap(u64));
}

const GT = vmgtFile(
  [
    { tag: 'M', code: 1, tick: 1_000_000, values: [9, 1_000_000_000, 1] },
    {
      tag: 'Q',
      q: 2,
      records: [
        { pfn: 3, flags: 1, vpn: ARENA },
        { pfn: 4000, flags: 1, vpn: ARENA + 1 },
      ],
    },
    { tag: 'M', code: 2, tick: 10_000_000, values: [9, 1_018_000_000, 1] },
    { tag: 'E', records: 2 },
  ],
  { ncpu: 3 },
);

async function ingested(files: Readonly<Record<string, Uint8Array>>): Promise<TraceManifest> {
  const dir = join(root, `capture${next}`);
  mkdirSync(dir);
  for (const [name, bytes] of Object.entries({ 'gt.vmgt': GT, ...files })) writeFileSync(join(dir, name), bytes);
  const out = join(root, `out${next++}.trace`);
  await ingestCapture([dir], { out });
  return readManifest(out);
}
const codes = (manifest: TraceManifest) => manifest.diagnostics.map(({ code, count }) => `${code} ${count}`);

test('a run of frames that the flags of its segment call huge, next to one that they do not', async () => {
  const manifest = await ingested({
    'A.pagemap.bin': arena([5, undefined, undefined]),
    'A.kpageflags.bin': flags(4096, 5, 7),
    'start.kpageflags.bin': flags(4096),
  });
  assert.deepEqual(manifest.hugeBlocks, [
    { space: 'gpa', blocks: [5, 7], segment: 'A', source: 'A.kpageflags (KPF_THP)' },
    { space: 'gva', blocks: [0x8000], segment: 'A', source: 'A.pagemap: aligned runs of 512 frames with A.kpageflags (KPF_THP)' },
    { space: 'gpa', blocks: [5], segment: 'A', source: 'A.pagemap: aligned runs of 512 frames with A.kpageflags (KPF_THP)' },
  ]);
  assert.ok(codes(manifest).includes('taken-by-name 1'));
  assert.equal(manifest.name, `out${next - 1}`);
  assert.equal(manifest.vcpus, 3);
});

test('without flags most blocks must be runs, and the source says that it is inferred', async () => {
  const most = await ingested({ 'A.pagemap.bin': arena([7, 2, undefined]) });
  assert.deepEqual(
    most.hugeBlocks?.map(({ space, blocks, source }) => [space, blocks, source.startsWith('inferred')]),
    [
      ['gva', [0x8000, 0x8001], true],
      ['gpa', [2, 7], true],
    ],
  );
  assert.equal((await ingested({ 'A.pagemap.bin': arena([undefined, 2, undefined]) })).hugeBlocks, undefined);
});

test('a tracker that had asked for huge pages is evidence for every run of its segment, not of another', async () => {
  const snap = snapshotFile({
    magic: 'RWPSNAP0',
    fields: [0, 8, 1_001_000_000, 1_001_100_000, 0, 0, 1_009_000_000, 1_009_500_000, 0, 0, PAGES, 2, 1, 55, 0],
    bytes: [bitmap(PAGES / 8, 0)],
  });
  const manifest = await ingested({
    'A.rwp.bin': snap,
    'A.pagemap.bin': arena([undefined, 2, undefined]),
    'B.rwp.bin': snap,
    'B.pagemap.bin': arena([undefined, undefined, undefined]),
  });
  assert.deepEqual(
    manifest.hugeBlocks?.map(({ space, blocks }) => [space, blocks]),
    [
      ['gva', [0x8001]],
      ['gpa', [2]],
    ],
  );
  assert.match(manifest.hugeBlocks[0]!.source, /MADV_HUGEPAGE says A.rwp$/);
  assert.ok(codes(manifest).includes('huge-elsewhere 1'), codes(manifest).join());
});

test('dumps whose frames differ are counted', async () => {
  const manifest = await ingested({
    'A.pagemap.bin': arena([undefined, 2, undefined]),
    'A.pagemap.bin.end': arena([undefined, undefined, undefined]),
  });
  assert.ok(codes(manifest).includes('frames-changed 512'), codes(manifest).join());
});

test('flags by name: too few frames are refused, without an exact log they are not read, counts are known but unused', async () => {
  const short = await ingested({ 'A.kpageflags.bin': flags(3584, 5) });
  assert.equal(short.hugeBlocks, undefined);
  assert.ok(codes(short).includes('name-misleads 1'));
  assert.ok(codes(await ingested({ 'A.kpagecount.bin': flags(64) })).includes('unused-file 1'));
  const dir = join(root, 'alone');
  mkdirSync(dir);
  writeFileSync(join(dir, 'A.kpageflags.bin'), flags(1024, 1));
  await assert.rejects(ingestCapture([dir], { out: join(root, 'alone.trace') }), /no exact log beside/);
});
