/** One perf.data file, pipe or bare record stream → batches, in time order per FINISHED_ROUND. */
import { TraceFormatError, UnreadableInputError } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext } from '@workset/model';
import { ByteReader, ByteWindow, memorySource } from '../binary.ts';
import { EVENT_TYPE } from './attr.ts';
import { PerfDecoder } from './decoder.ts';
import type { Stop } from './decoder.ts';
import { borrowSampleMemory, giveBackSampleMemory } from './fast-samples.ts';
import type { SampleMemory } from './fast-samples.ts';
import { readFeatures, readFeaturesOfFile } from './features.ts';
import type { PerfFacts } from './features.ts';
import { readHeader } from './header.ts';
import type { PerfHeader } from './header.ts';
import { gradeOf } from './plan.ts';
import { ZstdStream } from './zstd.ts';

/** Data of a file that can be read only once and names its tracepoints behind the data is held in memory up to this size. */
const MAX_HELD_BYTES = 512 << 20;
const MAX_TAIL_BYTES = 16 << 20;
const MAX_TRACING_BYTES = 64 << 20;
const TRACING_DATA = 1;
const DIR_FORMAT = 24;

/** Batches of a whole perf.data file or pipe. */
export async function* readPerf(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const memory = borrowSampleMemory();
  try {
    yield* readWith(memory, source, ctx);
  } finally {
    if (memory !== undefined) giveBackSampleMemory(memory);
  }
}

async function* readWith(memory: SampleMemory | undefined, source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader(source, ctx.signal, 0, memory?.input);
  const header = await readHeader(reader);
  let isEmpty = true;
  for await (const batch of readPerfRecords(
    reader,
    header,
    { attrs: header.attrs, little: header.little, clock: null, timeBaseHigh: null },
    ctx,
    memory,
  )) {
    if (batch.kind === 'accesses' || batch.kind === 'report') isEmpty = false;
    yield batch;
  }
  if (isEmpty && header.features.includes(DIR_FORMAT)) {
    throw new UnreadableInputError(
      'this is the file "data" of a recording in a directory (perf record --threads): its samples are in data.0, data.1, …',
      { file: source.path },
      'give the directory itself',
    );
  }
}

/** Batches of what follows the header. */
export async function* readPerfRecords(
  reader: ByteReader,
  header: PerfHeader,
  facts: PerfFacts,
  ctx: IngestContext,
  memory?: SampleMemory,
): AsyncGenerator<IngestBatch> {
  const stream = new PerfStream(reader.path, facts, ctx, memory);
  if (header.mode === 'pipe') {
    yield* stream.records(reader);
  } else if (header.dataSize === 0) {
    ctx.reject('perf-unfinished', 'perf record was killed: its header says 0 bytes of data; read to the end of the file', {
      byteOffset: 48,
      severity: 'warning',
    });
    yield* stream.records(reader);
  } else {
    yield* readFile(reader, header, facts, stream, ctx);
  }
  yield* stream.finish();
}

async function* readFile(
  reader: ByteReader,
  header: PerfHeader,
  facts: PerfFacts,
  stream: PerfStream,
  ctx: IngestContext,
): AsyncGenerator<IngestBatch> {
  const dataEnd = header.dataOffset + header.dataSize;
  const known = await readFeaturesOfFile(reader.path, header, facts);
  if (known === 'cut') noFeatures(ctx, dataEnd);
  const needsNames = known === 'other' && header.attrs.some((attr) => attr.type === EVENT_TYPE.tracepoint);
  if (needsNames) {
    const held = await reader.rest(MAX_HELD_BYTES);
    if (await reader.need(1)) {
      throw new TraceFormatError(
        `the names of the tracepoints lie behind ${header.dataSize} bytes of data, more than fits in memory`,
        { file: reader.path },
        'give the uncompressed file by its path, so that it can be read out of order',
      );
    }
    if (!(await readFeatures(header, async (offset, size) => piece(held, offset - header.dataOffset, size), facts)))
      noFeatures(ctx, dataEnd);
    const again = new ByteReader(memorySource(reader.path, [held]), ctx.signal, header.dataOffset);
    again.limit(dataEnd);
    yield* stream.records(again);
    return;
  }
  reader.limit(dataEnd);
  yield* stream.records(reader);
  reader.limit(Number.POSITIVE_INFINITY);
  if (known === 'other' && reader.offset === dataEnd) {
    const tail = await reader.rest(MAX_TAIL_BYTES);
    if (!(await readFeatures(header, async (offset, size) => piece(tail, offset - dataEnd, size), facts))) noFeatures(ctx, dataEnd);
  }
}

function noFeatures(ctx: IngestContext, byteOffset: number): void {
  ctx.reject('perf-no-features', 'the sections behind the data are cut off: event names and clocks may be missing', {
    byteOffset,
    severity: 'info',
  });
}

function piece(bytes: Uint8Array<ArrayBuffer>, at: number, size: number): Uint8Array<ArrayBuffer> | null {
  return at >= 0 && at + size <= bytes.length ? bytes.subarray(at, at + size) : null;
}

/** The state that lasts over the records of one stream. */
export class PerfStream {
  readonly decoder: PerfDecoder;
  readonly #path: string;
  readonly #ctx: IngestContext;
  readonly #zstd = new ZstdStream();
  /** Decompressed bytes; a record may straddle two compressed ones. */
  readonly #inner = new ByteWindow();
  /** Latest time seen before the last FINISHED_ROUND: everything up to it is complete at the next one. */
  #roundLimit = Number.NEGATIVE_INFINITY;
  #graded = false;
  #stopped = false;

  constructor(path: string, facts: PerfFacts, ctx: IngestContext, memory?: SampleMemory) {
    this.decoder = new PerfDecoder(path, facts, ctx, memory);
    this.#path = path;
    this.#ctx = ctx;
  }

  /** All records up to the end of the reader's section. */
  async *records(reader: ByteReader): AsyncGenerator<IngestBatch> {
    try {
      while (!this.#stopped) {
        const stop = this.decoder.consume(reader);
        if (stop.why === 'more') {
          if (reader.pull() || (await reader.need(reader.available + 1))) continue;
          break;
        }
        if (stop.why === 'compressed') {
          yield* this.#compressed(reader, stop);
        } else if (stop.why === 'payload') {
          await this.#payload(reader, stop);
        } else {
          yield* this.#react(stop, reader.offset);
        }
      }
    } finally {
      this.#zstd.close();
    }
    if (!this.#stopped) this.#endOfData(reader);
  }

  /** Everything still pending, clocks, and the counts of what was left out. */
  *finish(): Generator<IngestBatch> {
    yield* this.#flush(Number.POSITIVE_INFINITY);
    yield* this.#reports(this.decoder.damon.finish());
    yield* this.#clocks();
    const { kernel } = this.decoder.facts;
    if (kernel !== undefined && kernel !== '') yield { kind: 'machine', kernel };
    this.#account();
  }

  *#react(stop: Stop, offset: number): Generator<IngestBatch> {
    if (stop.why === 'round') {
      const limit = this.#roundLimit;
      this.#roundLimit = this.#latest();
      yield* this.#flush(limit);
    } else if (stop.why === 'full') {
      for (const order of this.decoder.orders.values()) {
        if (order.full) yield* this.#give(order.flushMost());
      }
      yield* this.#reports(this.decoder.damon.flush(this.decoder.damon.latest));
    } else if (stop.why === 'damage') {
      this.#stopped = true;
      this.#ctx.reject('perf-corrupt', `${stop.message}; everything behind it is lost`, { byteOffset: offset, severity: 'error' });
    }
  }

  async *#compressed(reader: ByteReader, stop: Extract<Stop, { why: 'compressed' }>): AsyncGenerator<IngestBatch> {
    const offset = reader.offset;
    // of a cut record, what is there still decodes up to the cut
    const whole = await reader.need(stop.size);
    const from = reader.start + stop.headerBytes;
    const to = Math.min(from + stop.payloadBytes, reader.end);
    let pieces: readonly Uint8Array[] = [];
    try {
      pieces = to > from ? await this.#zstd.decode(reader.bytes.subarray(from, to)) : [];
    } catch (error) {
      yield* this.#react({ why: 'damage', message: `the zstd stream is damaged (${(error as Error).message})` }, offset);
    }
    if (whole) reader.start += stop.size;
    for (const bytes of pieces) {
      this.#inner.push(bytes);
      yield* this.#innerRecords(offset);
    }
    if (!whole && !this.#stopped) {
      this.#stopped = true;
      this.#truncated(offset);
    }
  }

  *#innerRecords(offset: number): Generator<IngestBatch> {
    while (!this.#stopped) {
      const stop = this.decoder.consume(this.#inner);
      if (stop.why === 'more') return;
      if (stop.why === 'compressed' || stop.why === 'payload') {
        yield* this.#react({ why: 'damage', message: 'a compressed record holds a record that is not allowed inside' }, offset);
      } else {
        yield* this.#react(stop, offset);
      }
    }
  }

  async #payload(reader: ByteReader, stop: Extract<Stop, { why: 'payload' }>): Promise<void> {
    const offset = reader.offset;
    if (stop.tracing && stop.bytes <= MAX_TRACING_BYTES && (await reader.need(stop.bytes))) {
      this.decoder.rename(TRACING_DATA, reader.bytes.slice(reader.start, reader.start + stop.bytes));
    }
    if ((await reader.skip(stop.bytes)) > 0) {
      this.#stopped = true;
      this.#truncated(offset);
    }
  }

  *#flush(limit: number): Generator<IngestBatch> {
    yield* this.decoder.ranges.splice(0);
    for (const order of this.decoder.orders.values()) yield* this.#give(order.flush(limit));
    yield* this.#reports(this.decoder.damon.flush(limit));
  }

  *#give(batches: readonly Extract<IngestBatch, { kind: 'accesses' }>[]): Generator<IngestBatch> {
    for (const batch of batches) {
      yield* this.#grade();
      this.#ctx.accept(batch.n);
      yield batch;
    }
  }

  *#grade(): Generator<IngestBatch> {
    if (this.#graded) return;
    this.#graded = true;
    yield { kind: 'grade', truth: gradeOf(this.decoder.plans) };
  }

  *#reports(batches: readonly IngestBatch[]): Generator<IngestBatch> {
    if (batches.length > 0) yield* this.#grade();
    for (const batch of batches) {
      if (batch.kind === 'report') this.#ctx.accept(batch.report.regions?.startPage.length ?? 0);
      yield batch;
    }
  }

  #latest(): number {
    let latest = Math.max(this.#roundLimit, this.decoder.damon.latest);
    for (const order of this.decoder.orders.values()) latest = Math.max(latest, order.latest());
    return latest;
  }

  #endOfData(reader: ByteReader): void {
    if (this.#inner.available > 0) {
      this.#ctx.reject('perf-truncated', `${this.#inner.available} decompressed bytes at the end are no whole record`, {
        byteOffset: reader.offset,
        severity: 'warning',
      });
    }
    if (reader.available > 0 || !reader.atSectionEnd) this.#truncated(reader.offset);
  }

  #truncated(offset: number): void {
    this.#ctx.reject('perf-truncated', 'the file ends inside its data; all samples before the cut are kept', {
      byteOffset: offset,
      severity: 'warning',
    });
  }

  *#clocks(): Generator<IngestBatch> {
    const { facts, timeBaseNs } = this.decoder;
    const clockId = facts.attrs.find((attr) => attr.clockId !== null)?.clockId;
    const name = clockId === undefined || clockId === null ? undefined : CLOCKS[clockId];
    if (name !== undefined) yield { kind: 'sync', tNs: 0, clock: name, otherNs: timeBaseNs };
    if (facts.clock !== null && name !== 'realtime') {
      yield { kind: 'sync', tNs: facts.clock.clockNs - timeBaseNs, clock: 'realtime', otherNs: facts.clock.wallNs };
    }
  }

  /** Counts every sample that did not become an access; fails when none did for want of an address. */
  #account(): void {
    const { decoder } = this;
    const ctx = this.#ctx;
    for (const plan of decoder.plans) {
      const name = plan.attr.name;
      if (plan.ignored > 0) ctx.reject('perf-event-ignored', `${name}: ${plan.why}`, { count: plan.ignored, severity: 'info' });
      if (plan.noAccess > 0)
        ctx.reject('other-event', `${name}: changes of entries that are no first touch`, { count: plan.noAccess, severity: 'info' });
      if (plan.noAddress > 0)
        ctx.reject('perf-no-address', `${name}: samples whose address is 0`, { count: plan.noAddress, severity: 'info' });
      if (plan.damaged > 0)
        ctx.reject('perf-bad-sample', `${name}: samples that do not fit their layout`, { count: plan.damaged, severity: 'warning' });
    }
    if (decoder.unknownIds > 0)
      ctx.reject('perf-unknown-event', 'samples whose id belongs to no event of the file', {
        count: decoder.unknownIds,
        severity: 'warning',
      });
    for (const [type, count] of decoder.unknownTypes)
      ctx.reject('perf-unknown-record', `records of unknown type ${type}`, { count, severity: 'info' });
    for (const order of decoder.orders.values()) {
      if (order.late > 0)
        ctx.reject('perf-out-of-order', 'accesses that came after younger ones had been passed on', {
          count: order.late,
          severity: 'warning',
        });
    }
    if (decoder.manyProcesses) {
      ctx.reject('perf-many-processes', 'addresses of several processes share one address space; choose one process with the option pid', {
        count: 0,
        severity: 'info',
      });
    }
    this.#refuseUseless();
  }

  #refuseUseless(): void {
    const { plans } = this.decoder;
    if (plans.length === 0) {
      throw new TraceFormatError(
        'the file ends before its first event description',
        { file: this.#path },
        'the copy or the pipe was cut: record again',
      );
    }
    const samples = plans.reduce((sum, plan) => sum + plan.samples, 0);
    const useless = plans.filter((plan) => plan.use === null);
    if (samples === 0 || useless.length < plans.length) return;
    const reasons = useless.map((plan) => `${plan.attr.name}: ${plan.why}`).slice(0, 3);
    throw new TraceFormatError(
      `none of ${samples} samples has a data address (${reasons.join('; ')})`,
      { file: this.#path },
      'record page faults with perf record -e page-faults -c 1 -d, or loads and stores with perf mem record',
    );
  }
}

const CLOCKS: Readonly<Record<number, string>> = { 0: 'realtime', 1: 'monotonic', 4: 'monotonic_raw', 7: 'boottime', 11: 'tai' };
