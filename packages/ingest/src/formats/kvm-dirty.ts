/** What KVM says was written: the dirty bitmap of a memory slot, or dirty ring entries, raw or as text. */
import { TraceFormatError, WRITE } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { ByteReader, u64 } from '../binary.ts';
import { choiceOption, dumpWindow, pageReport, pageStream, u64Pieces } from '../dump.ts';
import { lineBlocks } from '../lines.ts';
import { slotBases, type SlotBases } from '../slot-bases.ts';
import { streamName } from '../stream-name.ts';
import { AccessBatches } from '../text/access-batches.ts';
import { rateOption } from '../text/ordinal.ts';

const ENTRY_BYTES = 16;
const DIRTY = 1;
const RESET = 2;
const MAX_BITMAP_BYTES = 1 << 30;
/** KVM_GET_DIRTY_LOG and the ring see only writes, so the stream is compared with written pages. */
const TRACKER = 'kvm-dirty-log';

/**
 * Options: layout=bitmap|ring (raw files), slot-base=GFN or slot-base=SLOT:GFN,… (first guest frame of each slot, required);
 * bitmap: begin, end; ring: accesses-per-second, since its entries have an order but no time.
 */
export const kvmDirtyIngestor: Ingestor<'kvm-dirty'> = {
  descriptor: {
    id: 'kvm-dirty',
    title: 'KVM dirty bitmap or dirty ring',
    source: 'Documentation/virt/kvm/api.rst, KVM_GET_DIRTY_LOG and KVM_CAP_DIRTY_LOG_RING',
    produces: 'reports',
    space: 'gpa',
    clock: 'none (bitmap), ordinal (ring)',
    truth: 'observed',
    usualNames: ['dirty_bitmap.bin', 'dirty_ring.bin', 'dirty_ring.txt'],
  },
  // raw words carry no mark; only the text form can be recognised
  sniff: (head) => (isRingText(head) ? 0.95 : 0),
  ingest: readDirty,
};

async function* readDirty(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader(source, ctx.signal);
  await reader.need(64);
  if (isRingText(reader.bytes.subarray(reader.start, reader.end))) yield* readRingText(reader, ctx);
  else if (choiceOption(ctx, 'layout', ['bitmap', 'ring']) === 'ring') yield* readRing(reader, ctx);
  else yield* readBitmap(reader, ctx);
}

async function* readBitmap(reader: ByteReader, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const startPage = slotBases(ctx).of(0);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const view of u64Pieces(reader, ctx)) {
    pieces.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice());
    bytes += view.byteLength;
    if (bytes > MAX_BITMAP_BYTES)
      throw new TraceFormatError(
        'a bitmap above 1 GiB would be 32 TiB of guest memory',
        { file: reader.path, byteOffset: reader.offset },
        'give a bitmap of one slot',
      );
  }
  if (bytes === 0)
    throw new TraceFormatError('the bitmap is empty', { file: reader.path, byteOffset: 0 }, 'KVM returns 8 bytes per 64 pages of the slot');
  const bits = new Uint8Array(Buffer.concat(pieces));
  const nPages = bytes * 8;
  const name = streamName(reader.path);
  ctx.accept(1);
  yield { kind: 'range', space: 'gpa', startPage, nPages };
  yield pageStream(name, TRACKER, 'gpa', 'written', { startPage, nPages });
  yield pageReport(name, dumpWindow(ctx), { startPage, nPages, bits }, null, true);
}

async function* readRing(reader: ByteReader, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const ring = new Ring(ctx);
  while (await reader.need(ENTRY_BYTES)) {
    const { view, start } = reader;
    ring.add(view.getUint32(start, true), view.getUint32(start + 4, true), u64(view, start + 8, true), { byteOffset: reader.offset });
    reader.start += ENTRY_BYTES;
    yield* ring.out.splice(0);
  }
  if (reader.available > 0)
    ctx.reject('partial-entry', `${reader.available} bytes at the end are no whole ring entry`, {
      byteOffset: reader.offset,
      severity: 'warning',
    });
  yield* ring.finish();
}

async function* readRingText(reader: ByteReader, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const ring = new Ring(ctx);
  const rest: ByteSource = {
    path: reader.path,
    async *chunks() {
      while (await reader.need(1)) {
        yield reader.bytes.slice(reader.start, reader.end);
        reader.start = reader.end;
      }
    },
  };
  for await (const cursor of lineBlocks(rest, ctx)) {
    while (cursor.next()) {
      const line = cursor.bytes.toString('latin1', cursor.from, cursor.to);
      if (line === '' || line.startsWith('#')) continue;
      // flags=1 slot=0x0 offset=0x100
      const match = /^flags=(\d+) slot=(0x[0-9a-f]{1,8}|\d{1,10}) offset=(0x[0-9a-f]{1,13}|\d{1,15})$/.exec(line);
      if (match === null) ctx.reject('damaged-line', 'a line that is no ring entry', { line: cursor.line, severity: 'warning' });
      else ring.add(Number(match[1]), Number(match[2]), Number(match[3]), { line: cursor.line });
    }
    yield* ring.out.splice(0);
  }
  yield* ring.finish();
}

/** Ring entries → writes in the order of the first write of each page. */
class Ring {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #bases: SlotBases;
  readonly #batches: AccessBatches;
  readonly #nsPerStep: number;
  #entries = 0;
  #unused = 0;

  constructor(ctx: IngestContext) {
    this.#ctx = ctx;
    this.#bases = slotBases(ctx);
    this.#batches = new AccessBatches('gpa', ctx, this.out, false);
    this.#nsPerStep = rateOption(ctx, 'a dirty ring', false).nsPerStep;
  }

  add(flags: number, slot: number, offset: number, at: { line?: number; byteOffset?: number }): void {
    if (flags === 0) {
      this.#unused++;
      return;
    }
    // an entry that was harvested keeps its page until the kernel reuses it
    if ((flags & ~(DIRTY | RESET)) !== 0 || !(offset < 2 ** 52)) {
      this.#ctx.reject('bad-entry', 'a ring entry with unknown flags or an absurd offset', { ...at, severity: 'warning' });
      return;
    }
    this.#batches.add(this.#entries++ * this.#nsPerStep, this.#bases.of(slot) + offset, WRITE, -1, -1, at.line ?? 0);
  }

  *finish(): Generator<IngestBatch> {
    if (this.#unused > 0)
      this.#ctx.reject('unused-entry', 'ring entries that were never filled', { count: this.#unused, severity: 'info' });
    this.#batches.flush();
    yield* this.out.splice(0);
  }
}

function isRingText(head: Uint8Array): boolean {
  return /^(?:\xef\xbb\xbf)?(?:#.*\r?\n)*flags=\d+ slot=\S+ offset=\S+/.test(Buffer.from(head.subarray(0, 256)).toString('latin1'));
}
