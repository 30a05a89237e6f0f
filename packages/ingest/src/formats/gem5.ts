/** gem5 packet traces: the text of util/decode_packet_trace.py, and the protobuf stream itself. Addresses are physical. */
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { READ, TraceFormatError, WRITE } from '@workset/model';
import { AccessBatches } from '../text/access-batches.ts';
import { lineBlocks } from '../lines.ts';
import { requireSome, shareOfLines, take } from '../text/line-reader.ts';
import { ascii, startsWith } from '../text/numbers.ts';
import { positive } from '../text/ordinal.ts';
import { spaceOption } from '../text/perf-text.ts';
import { ProtoMessages } from '../text/proto-messages.ts';
import type { ProtoFields } from '../text/proto-messages.ts';
import { addSized } from '../text/straddle.ts';

const MAGIC = ascii('gem5');
/** gem5's default: one tick is one picosecond. */
const DEFAULT_TICKS_PER_S = 1e12;
// [pkt_id,]cmd,addr,size[,flags],tick[,pc]     r,2147483648,64,0,1000
const ROW = /^(?:\d+,)?([rwu]),(\d+),(\d+)(?:,(\d+))?,(\d+)(?:,(\d+))?$/;

export const gem5Ingestor: Ingestor<'gem5'> = {
  descriptor: {
    id: 'gem5',
    title: 'gem5 packet trace, protobuf or decoded text',
    source: 'gem5 src/proto/packet.proto; util/decode_packet_trace.py',
    produces: 'accesses',
    space: 'gpa',
    clock: 'trace',
    truth: 'exact',
    usualNames: ['*.trc.gz', '*.ptrc.gz'],
  },
  sniff: (head) => (startsWith(head, 0, head.length, MAGIC) ? 1 : shareOfLines(head, ROW) > 0.8 ? 0.9 : 0),
  ingest,
};

async function* ingest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const chunks = source.chunks()[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC.length) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const again: ByteSource = { path: source.path, chunks: () => replay(head, chunks) };
  const out: IngestBatch[] = [];
  const packets = new Packets(ctx, out);
  const read = startsWith(head, 0, head.length, MAGIC) ? readProto : readRows;
  for await (const _ of read(again, ctx, packets)) yield* take(out);
  packets.finish(source.path);
  yield* take(out);
}

async function* replay(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

class Packets {
  ticksPerSecond: number | undefined;
  readonly #ctx: IngestContext;
  readonly #batches: AccessBatches;
  #n = 0;

  constructor(ctx: IngestContext, out: IngestBatch[]) {
    this.#ctx = ctx;
    this.#batches = new AccessBatches(spaceOption(ctx) ?? 'gpa', ctx, out, false);
    this.ticksPerSecond = positive(ctx, 'ticks-per-second');
  }

  /** @param write undefined for a command that is neither read nor write */
  add(write: boolean | undefined, page: number, low: number, size: number, ticks: number, line: number): void {
    if (this.ticksPerSecond === undefined) {
      this.ticksPerSecond = DEFAULT_TICKS_PER_S;
      this.#ctx.reject('assumed-ticks', "one tick is taken as 1 ps, gem5's default; set it with the option ticks-per-second", {
        severity: 'info',
      });
    }
    if (write === undefined) {
      this.#ctx.reject('other-command', 'a packet that is neither read nor write', { line, severity: 'info' });
      return;
    }
    this.#n++;
    addSized(this.#batches, this.#ctx, (ticks / this.ticksPerSecond) * 1e9, page, low, size, write ? WRITE : READ, -1, -1, line);
  }

  damaged(line: number): void {
    this.#ctx.reject('damaged-line', 'a line that is no gem5 packet', { line, severity: 'warning' });
  }

  finish(path: string): void {
    requireSome(this.#n, 'gem5 packet', path);
    this.#batches.flush();
  }
}

async function* readRows(source: ByteSource, ctx: IngestContext, packets: Packets): AsyncGenerator<void> {
  for await (const lines of lineBlocks(source, ctx)) {
    while (lines.next()) {
      if (lines.from === lines.to) continue;
      const row = ROW.exec(lines.bytes.toString('latin1', lines.from, Math.min(lines.to, lines.from + 200)));
      const address = row === null || row[2]!.length > 20 ? 0n : BigInt(row[2]!);
      if (row === null || row[2]!.length > 20 || address >= 1n << 64n) packets.damaged(lines.line);
      else
        packets.add(
          row[1] === 'u' ? undefined : row[1] === 'w',
          Number(address >> 12n),
          Number(address & 4095n),
          Number(row[3]),
          Number(row[5]),
          lines.line,
        );
    }
    yield;
  }
}

// Packet: tick=1, cmd=2, addr=3, size=4, flags=5, pkt_id=6, pc=7.   PacketHeader: obj_id=1, ver=2, tick_freq=3
const [TICK, CMD, ADDR, SIZE, TICK_FREQ] = [1, 2, 3, 4, 3];
/** MemCmd::ReadReq and WriteReq (gem5 src/mem/packet.hh); prefetches and cache maintenance have other numbers. */
const [READ_REQ, WRITE_REQ] = [1, 4];

async function* readProto(source: ByteSource, ctx: IngestContext, packets: Packets): AsyncGenerator<void> {
  const messages = new ProtoMessages(MAGIC.length);
  let isHeader = true;
  for await (const chunk of source.chunks()) {
    messages.push(chunk);
    for (let fields = messages.next(); fields !== undefined; fields = messages.next()) {
      if (isHeader) packets.ticksPerSecond ??= fields.number[TICK_FREQ] || undefined;
      else addPacket(fields, packets);
      isHeader = false;
    }
    if (messages.broken !== undefined)
      throw new TraceFormatError(`damaged gem5 protobuf: ${messages.broken}`, { file: source.path, byteOffset: messages.offset });
    yield;
  }
  if (messages.pending > 0)
    ctx.reject('truncated-record', 'the file ends inside a packet', { byteOffset: messages.offset, severity: 'warning' });
}

function addPacket(fields: ProtoFields, packets: Packets): void {
  const command = fields.number[CMD];
  const write = command === READ_REQ ? false : command === WRITE_REQ ? true : undefined;
  packets.add(write, fields.page[ADDR]!, fields.low[ADDR]!, fields.number[SIZE]!, fields.number[TICK]!, 0);
}
