/** /proc/kpageflags dumps: 64 flags per page frame; IDLE and LRU tell what idle page tracking saw. */
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { BLOCK_PAGES, TraceFormatError } from '@workset/model';
import { ByteReader } from '../binary.ts';
import { bitsOfRuns, choiceOption, dumpWindow, numberOption, pageReport, pageStream, sizeRow, spaceOf, u64Pieces } from '../dump.ts';
import { streamName } from '../stream-name.ts';

const LRU = 1 << 5;
const HEAD = 1 << 15;
const TAIL = 1 << 16;
const NOPAGE = 1 << 20;
const THP = 1 << 22;
const IDLE = 1 << 25;
/** Flags worth a total, by bit. Bits from 32 on are internal to a kernel version. */
const NAMED: readonly (readonly [name: string, bit: number])[] = [
  ['referenced', 2],
  ['dirty', 4],
  ['lru', 5],
  ['active', 6],
  ['slab', 7],
  ['buddy', 10],
  ['mmap', 11],
  ['anon', 12],
  ['unevictable', 18],
  ['hwpoison', 19],
  ['nopage', 20],
  ['ksm', 21],
  ['thp', 22],
  ['offline', 23],
  ['zeroPage', 24],
  ['idle', 25],
  ['pgtable', 26],
];
const MAX_PAGES = 2 ** 32;

/**
 * Options: pfn (first frame of the dump, default 0), begin and end (idle marks set and read), space;
 * use=huge takes only the huge pages (what a directory's dumps are for: nobody says when they were made).
 */
export const kpageflagsIngestor: Ingestor<'kpageflags'> = {
  descriptor: {
    id: 'kpageflags',
    title: 'kpageflags dump',
    source: 'Documentation/admin-guide/mm/pagemap.rst',
    produces: 'reports',
    space: 'gpa',
    clock: 'none',
    truth: 'observed',
    usualNames: ['kpageflags.bin'],
  },
  sniff: () => 0,
  ingest: readFlags,
};

async function* readFlags(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader(source, ctx.signal);
  const startPage = numberOption(ctx, 'pfn', 0);
  const use = choiceOption(ctx, 'use', ['all', 'huge']);
  const totals = new Map<string, number>(NAMED.map(([name]) => [name, 0]));
  let flags = new Uint32Array(1024);
  let n = 0;
  for await (const view of u64Pieces(reader, ctx)) {
    const wanted = n + view.byteLength / 8;
    if (wanted > MAX_PAGES)
      throw new TraceFormatError('more than 2^32 frames', { file: source.path, byteOffset: reader.offset }, 'this is no kpageflags dump');
    while (flags.length < wanted) flags = doubled(flags);
    for (let at = 0; at < view.byteLength; at += 8) flags[n++] = view.getUint32(at, true);
  }
  if (n === 0) throw new TraceFormatError('the dump is empty', { file: source.path, byteOffset: 0 }, 'read /proc/kpageflags as root');
  let idle = 0;
  for (let i = 0; i < n; i++) {
    // a tail has no state of its own: its head's counts for it
    if (i > 0 && (flags[i]! & TAIL) !== 0) flags[i] = (flags[i]! & ~(LRU | IDLE)) | (flags[i - 1]! & (LRU | IDLE));
    const word = flags[i]!;
    if ((word & IDLE) !== 0) idle++;
    for (const [name, bit] of NAMED) if (((word >>> bit) & 1) === 1) totals.set(name, totals.get(name)! + 4096);
  }
  ctx.accept(n);
  const space = spaceOf(ctx, 'gpa');
  yield { kind: 'range', space, startPage, nPages: n };
  const blocks = hugeBlocks(flags, n, startPage);
  if (blocks.length > 0) yield { kind: 'huge', space, blocks, tNs: null, source: `${streamName(source.path)} (KPF_THP)` };
  if (use === 'huge') return;
  if (idle > 0) yield* idleReport(flags, n, startPage, space, source, ctx);
  yield sizeRow('kpageflags', { size: n * 4096, ...Object.fromEntries(totals) });
}

function* idleReport(
  flags: Uint32Array,
  n: number,
  startPage: number,
  space: ReturnType<typeof spaceOf>,
  source: ByteSource,
  ctx: IngestContext,
): Generator<IngestBatch> {
  const reported = bitsOfRuns(startPage, n, [], source.path);
  const eligible = bitsOfRuns(startPage, n, [], source.path);
  for (let i = 0; i < n; i++) {
    if ((flags[i]! & (LRU | NOPAGE)) !== LRU) continue;
    eligible.bits[i >>> 3]! |= 1 << (i & 7);
    if ((flags[i]! & IDLE) === 0) reported.bits[i >>> 3]! |= 1 << (i & 7);
  }
  const name = streamName(source.path);
  yield pageStream(name, 'idle-page', space, 'touched', { startPage, nPages: n });
  yield pageReport(name, dumpWindow(ctx), reported, eligible, true);
}

/** Aligned blocks that are one compound page: a head with THP and 511 tails. */
function hugeBlocks(flags: Uint32Array, n: number, startPage: number): Float64Array {
  const blocks: number[] = [];
  const first = (BLOCK_PAGES - (startPage % BLOCK_PAGES)) % BLOCK_PAGES;
  for (let at = first; at + BLOCK_PAGES <= n; at += BLOCK_PAGES) {
    if ((flags[at]! & (HEAD | THP)) !== (HEAD | THP)) continue;
    let tails = 1;
    while (tails < BLOCK_PAGES && (flags[at + tails]! & TAIL) !== 0) tails++;
    if (tails === BLOCK_PAGES) blocks.push((startPage + at) / BLOCK_PAGES);
  }
  return Float64Array.from(blocks);
}

function doubled(old: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(old.length * 2);
  next.set(old);
  return next;
}
