/** Raw dumps of /sys/kernel/mm/page_idle/bitmap: a bit per page frame, 1 = not accessed since it was marked. */
import { readFile, stat } from 'node:fs/promises';
import { TraceFormatError, UnreadableInputError } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { ByteReader } from '../binary.ts';
import { choiceOption, dumpWindow, numberOption, pageReport, pageStream, spaceOf, u64Pieces } from '../dump.ts';
import { streamName } from '../stream-name.ts';

/** Runs of bits that are whole in the other byte order: fewer are chance. */
const SURE_BREAKS = 16;
/** 1 GiB of bits is 32 TiB of memory. */
const MAX_BYTES = 1 << 30;

/**
 * Options: marked=FILE (the bitmap read right after marking: only pages idle there can be reported; free memory reads 0, too),
 * pfn (first frame), begin, end, byte-order=little|big, space.
 */
export const pageIdleRawIngestor: Ingestor<'page-idle-raw'> = {
  descriptor: {
    id: 'page-idle-raw',
    title: 'raw page_idle bitmap',
    source: 'Documentation/admin-guide/mm/idle_page_tracking.rst',
    produces: 'reports',
    space: 'gpa',
    clock: 'none',
    truth: 'observed',
    usualNames: ['bitmap', 'page_idle.bin'],
  },
  sniff: () => 0,
  ingest: readBitmap,
};

async function* readBitmap(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader(source, ctx.signal);
  const startPage = numberOption(ctx, 'pfn', 0);
  const big = choiceOption(ctx, 'byte-order', ['little', 'big']) === 'big';
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const view of u64Pieces(reader, ctx)) {
    pieces.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice());
    bytes += view.byteLength;
    if (bytes > MAX_BYTES)
      throw new TraceFormatError(
        'more than 1 GiB of bits',
        { file: source.path, byteOffset: reader.offset },
        'this is no page_idle bitmap',
      );
  }
  if (bytes === 0)
    throw new TraceFormatError('the bitmap is empty', { file: source.path, byteOffset: 0 }, 'read /sys/kernel/mm/page_idle/bitmap as root');
  const raw = new Uint8Array(Buffer.concat(pieces));
  if (ctx.options['byte-order'] === undefined) doubtOrder(raw, ctx);
  const idle = inOrder(raw, big);
  const marked = await readMarked(ctx, big);
  const nPages = idle.length * 8;
  const accessed = idle.map((byte, i) => ~byte & (marked === null ? 0xff : (marked[i] ?? 0)));
  const eligible = marked === null ? null : { startPage, nPages, bits: resized(marked, idle.length) };
  if (marked === null) {
    ctx.reject(
      'no-marking-pass',
      'frames that cannot be marked (free, not on an LRU list) read as accessed; give the bitmap read after marking as marked=FILE',
      { severity: 'warning' },
    );
  } else if (marked.length !== idle.length) {
    ctx.reject('length-mismatch', 'the two bitmaps have different lengths', {
      count: Math.abs(marked.length - idle.length),
      severity: 'warning',
    });
  }
  const space = spaceOf(ctx, 'gpa');
  const name = streamName(source.path);
  ctx.accept(1);
  yield { kind: 'range', space, startPage, nPages };
  yield pageStream(name, 'idle-page', space, 'touched', { startPage, nPages });
  yield pageReport(name, dumpWindow(ctx), { startPage, nPages, bits: accessed }, eligible, true);
}

async function readMarked(ctx: IngestContext, big: boolean): Promise<Uint8Array | null> {
  const path = ctx.options['marked'];
  if (path === undefined) return null;
  const unreadable = (error: Error): never => {
    throw new UnreadableInputError(`cannot read the marking pass (${error.message})`, { file: path });
  };
  const { size } = await stat(path).catch(unreadable);
  if (size > MAX_BYTES) throw new TraceFormatError('more than 1 GiB of bits', { file: path }, 'this is no page_idle bitmap');
  const bytes = await readFile(path).catch(unreadable);
  return inOrder(new Uint8Array(bytes.subarray(0, bytes.length & ~7)), big);
}

/** Neighbouring frames are alike more often than not: words in the wrong order break runs at the ends of bytes. */
function doubtOrder(bytes: Uint8Array, ctx: IngestContext): void {
  let little = 0;
  let big = 0;
  let lastLittle = bytes[0]! & 1 ? 255 : 0;
  let lastBig = bytes[7]! & 1 ? 255 : 0;
  for (let word = 0; word < bytes.length; word += 8) {
    for (let i = 0; i < 8; i++) {
      const forward = bytes[word + i]!;
      const backward = bytes[word + 7 - i]!;
      little += (lastLittle >> 7) ^ (forward & 1);
      big += (lastBig >> 7) ^ (backward & 1);
      lastLittle = forward;
      lastBig = backward;
    }
  }
  if (big * 2 >= little || little - big < SURE_BREAKS) return;
  ctx.reject(
    'byte-order-doubt',
    `runs of equal bits are broken less often when the words are big-endian (${big} times, not ${little}): set byte-order=big or byte-order=little`,
    { severity: 'warning' },
  );
}

/** Words of a big-endian machine to bytes in page order. */
function inOrder(bytes: Uint8Array, big: boolean): Uint8Array {
  if (big) for (let at = 0; at < bytes.length; at += 8) bytes.subarray(at, at + 8).reverse();
  return bytes;
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const same = new Uint8Array(length);
  same.set(bytes.subarray(0, length));
  return same;
}
