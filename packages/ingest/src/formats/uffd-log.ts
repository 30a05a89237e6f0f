/** Userfaultfd messages: struct uffd_msg as read from the descriptor, or the CSV of a logger with times. */
import { READ, TraceFormatError, WRITE } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { ByteReader, pageAt } from '../binary.ts';
import { spaceOf } from '../dump.ts';
import { lineBlocks } from '../lines.ts';
import { AccessBatches } from '../text/access-batches.ts';
import { rateOption } from '../text/ordinal.ts';

const MESSAGE_BYTES = 32;
/** What recognition looks at, however the bytes arrive. */
const HEAD_BYTES = 64 * MESSAGE_BYTES;
const PAGEFAULT = 0x12;
const FIRST_EVENT = 0x12;
const LAST_EVENT = 0x16;
const EVENT_NAMES: Readonly<Record<number, string>> = { 0x13: 'fork', 0x14: 'remap', 0x15: 'remove', 0x16: 'unmap' };
/** UFFD_PAGEFAULT_FLAG_WRITE and _WP: a write-protect fault is always a write. */
const WRITE_FLAGS = 0b11;
const CSV_HEADER = 'mono_ns,event,flags,address,ptid';

/** Faults as accesses. Options: space; accesses-per-second for the binary form, which has no times. */
export const uffdLogIngestor: Ingestor<'uffd-log'> = {
  descriptor: {
    id: 'uffd-log',
    title: 'userfaultfd log (uffd_msg or CSV)',
    source: 'include/uapi/linux/userfaultfd.h, struct uffd_msg',
    produces: 'faults',
    space: 'gva',
    clock: 'monotonic (CSV), ordinal (binary)',
    truth: 'faults',
    usualNames: ['uffd.csv', 'uffd_msg.bin'],
  },
  sniff: (head) => (isCsv(head) ? 1 : looksLikeMessages(head) ? 0.8 : 0),
  ingest: readLog,
};

async function* readLog(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader(source, ctx.signal);
  await reader.need(HEAD_BYTES);
  const head = reader.bytes.subarray(reader.start, Math.min(reader.end, reader.start + HEAD_BYTES));
  const faults = new Faults(ctx);
  if (isCsv(head)) {
    yield* readCsv(reader, ctx, faults);
  } else if (looksLikeMessages(head)) {
    yield* readMessages(reader, ctx, faults);
  } else {
    throw new TraceFormatError(
      'neither uffd_msg records nor their CSV',
      { file: source.path, byteOffset: 0 },
      `32-byte records, or lines after the header ${CSV_HEADER}`,
    );
  }
  faults.finish();
  yield* faults.out;
}

async function* readMessages(reader: ByteReader, ctx: IngestContext, faults: Faults): AsyncGenerator<IngestBatch> {
  const rate = rateOption(ctx, 'a raw uffd_msg log', false);
  for (let i = 0; await reader.need(MESSAGE_BYTES); reader.start += MESSAGE_BYTES) {
    const { view, start, bytes } = reader;
    const at = { byteOffset: reader.offset };
    if (bytes[start] === PAGEFAULT)
      faults.add(i++ * rate.nsPerStep, view.getUint32(start + 8, true), pageAt(view, start + 16, true), view.getInt32(start + 24, true), 0);
    else faults.other(bytes[start]!, at);
    yield* faults.out.splice(0);
  }
  if (reader.available > 0)
    ctx.reject('partial-entry', `${reader.available} bytes at the end are no whole message`, {
      byteOffset: reader.offset,
      severity: 'warning',
    });
}

async function* readCsv(reader: ByteReader, ctx: IngestContext, faults: Faults): AsyncGenerator<IngestBatch> {
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
      if (line === '' || line === CSV_HEADER) continue;
      // 1652434153425,18,0x1,0x7b0000001010,7468
      const match = /^(\d{1,19}),(\d+|0x[0-9a-f]+),(0x[0-9a-f]+|\d+),(0x[0-9a-f]{1,16}|\d{1,19}),(\d+)$/i.exec(line);
      if (match === null) ctx.reject('damaged-line', 'a line that is no userfaultfd event', { line: cursor.line, severity: 'warning' });
      else if (Number(match[2]) === PAGEFAULT)
        faults.add(Number(match[1]), Number(match[3]), Number(BigInt(match[4]!) >> 12n), Number(match[5]), cursor.line);
      else faults.other(Number(match[2]), { line: cursor.line });
    }
    yield* faults.out.splice(0);
  }
}

class Faults {
  readonly out: IngestBatch[] = [];
  readonly #ctx: IngestContext;
  readonly #batches: AccessBatches;

  constructor(ctx: IngestContext) {
    this.#ctx = ctx;
    this.#batches = new AccessBatches(spaceOf(ctx, 'gva'), ctx, this.out, true);
  }

  add(timeNs: number, flags: number, page: number, thread: number, line: number): void {
    this.#batches.add(timeNs, page, (flags & WRITE_FLAGS) === 0 ? READ : WRITE, thread, -1, line);
  }

  other(event: number, at: { line?: number; byteOffset?: number }): void {
    const name = EVENT_NAMES[event];
    if (name === undefined) this.#ctx.reject('unknown-event', `event 0x${event.toString(16)} is not known`, { ...at, severity: 'warning' });
    else this.#ctx.reject('other-event', `${name} events are not accesses`, { ...at, severity: 'info' });
  }

  finish(): void {
    this.#batches.flush();
  }
}

function isCsv(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 64))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .startsWith(CSV_HEADER.slice(0, 19));
}

/** Event codes with zeroed reserved bytes, in every whole record shown. */
function looksLikeMessages(head: Uint8Array): boolean {
  if (head.length < MESSAGE_BYTES) return false;
  for (let at = 0; at + MESSAGE_BYTES <= Math.min(head.length, HEAD_BYTES); at += MESSAGE_BYTES) {
    const event = head[at]!;
    if (event < FIRST_EVENT || event > LAST_EVENT) return false;
    for (let i = 1; i < 8; i++) if (head[at + i] !== 0) return false;
  }
  return true;
}
