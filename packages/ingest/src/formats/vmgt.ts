/**
 * VMGT1: every page touched per quantum of guest time, from a TCG plugin. The exact log of a capture.
 * Little endian; uv = LEB128 unsigned, zv = zigzag of it:
 *
 *     "VMGT1\n" uv page_shift uv icount_shift uv quantum_ns uv ncpu u8 options (1 times, 2 fetches included), then frames:
 *     'H' uv host_ns                        recording (re)starts
 *     'M' uv code uv tick uv host_ns uv n n*uv   marker; values: guest TSC, guest CLOCK_MONOTONIC ns, extra
 *     'Q' uv q uv host_ns_delta uv n        quantum q begins at q * quantum_ns of tick time; n records by ascending frame:
 *          uv pfn_delta u8 flags [zv user_vpn_delta when flags & 7] [u8 first u8 last when times] [u8 cpumask when ncpu > 1]
 *     'E' uv insns uv accesses uv user uv kernel uv records
 *
 * flags: 1 read, 2 write, 4 fetch through a user address; 8, 16, 32 the same through a kernel one. One tick is 2^icount_shift ns.
 */
import { throwIfAborted, type ByteSource, type IngestBatch, type IngestContext, type Ingestor } from '@workset/model';
import { startsWith } from '../byte-source.ts';
import { QuantaColumns } from '../coded-touches.ts';
import { DAMAGED, MORE, VmgtCursor } from './vmgt-cursor.ts';
import { giveBackVmgtMemory, takeVmgtMemory, type VmgtMemory } from './vmgt-memory.ts';
import { VmgtRecords } from './vmgt-records.ts';

const MAGIC = 'VMGT1\n';
/** Marker codes: 1 and 2 bound a recording, 16.. are workload phases. */
const RECORDING_STARTS = 1;
const RECORDING_STOPS = 2;
const FIRST_PHASE = 16;
const TAG = { H: 0x48, M: 0x4d, Q: 0x51, E: 0x45 } as const;

/** What most frames have to hand on. */
const NONE: readonly IngestBatch[] = [];
/** Quanta handed on at once. */
const WAITING_QUANTA_MAX = 4096;
/** One frame holds at most this much: a quantum that touched 8 M pages. Longer ones are damage. */
const FRAME_BYTES_MAX = 64 << 20;

export const vmgtIngestor: Ingestor<'vmgt'> = {
  descriptor: {
    id: 'vmgt',
    title: 'VMGT1 ground truth: pages touched per quantum of guest time (QEMU TCG plugin)',
    source: 'capture kit: TCG plugin gtrace, format VMGT1 (header of formats/vmgt.ts)',
    produces: 'touches',
    space: 'gpa',
    clock: 'vmgt',
    truth: 'exact',
    usualNames: ['gt.vmgt', 'gt.vmgt.gz'],
  },
  sniff: (head) => (startsWith(head, MAGIC) ? 1 : 0),
  async *ingest(source, ctx) {
    const memory = takeVmgtMemory();
    try {
      const decoder = new Decoder(source, ctx, memory);
      for await (const chunk of source.chunks()) {
        throwIfAborted(ctx.signal);
        decoder.push(chunk);
        if (decoder.worthParsing) yield* decoder.parse(false);
      }
      yield* decoder.parse(true);
      decoder.finish();
    } finally {
      giveBackVmgtMemory(memory);
    }
  },
};

interface Header {
  readonly icountShift: number;
  readonly quantumNs: number;
  readonly ncpu: number;
  readonly times: boolean;
}

class Decoder {
  readonly #ctx: IngestContext;
  readonly #wantsGva: boolean;
  readonly #wantsGpa: boolean;
  readonly #cursor: VmgtCursor;
  /** Bytes that must be at hand before the next try; grows so that re-reading a cut frame stays linear. */
  #wanted = 1;
  #header: Header | undefined;
  #records = 0;
  #lastQuantum = -1;
  #totals: { records: number } | undefined;
  readonly #touches: VmgtRecords;
  readonly #frameQuanta = new QuantaColumns();
  readonly #virtualQuanta = new QuantaColumns();

  constructor(source: ByteSource, ctx: IngestContext, memory: VmgtMemory) {
    this.#cursor = new VmgtCursor(source.path, memory);
    this.#touches = new VmgtRecords(memory);
    this.#ctx = ctx;
    const only = ctx.options['space'];
    this.#wantsGpa = only === undefined || only === 'gpa';
    this.#wantsGva = only === undefined || only === 'gva';
  }

  get worthParsing(): boolean {
    return this.#cursor.end - this.#cursor.start >= this.#wanted;
  }

  push(chunk: Uint8Array): void {
    this.#cursor.push(chunk);
  }

  /** Yields the whole frames at hand but for some last quanta; with `last`, what is left must be whole too and all is yielded. */
  *parse(last: boolean): Generator<IngestBatch> {
    while (this.#cursor.start < this.#cursor.end) {
      this.#cursor.at = this.#cursor.start;
      let batches: readonly IngestBatch[];
      try {
        batches = this.#header === undefined ? this.#readHeader() : this.#readFrame(this.#header);
      } catch (error) {
        if (error !== MORE || last) yield* this.#waiting();
        if (error !== MORE) throw error;
        if (last)
          throw this.#cursor.error(
            'the file is truncated: it ends inside a frame that starts here',
            'copy it again, or let the capture tool end by itself',
            this.#cursor.start,
          );
        const have = this.#cursor.end - this.#cursor.start;
        if (have > FRAME_BYTES_MAX)
          throw this.#cursor.error(`a frame is longer than ${FRAME_BYTES_MAX >> 20} MiB`, undefined, this.#cursor.start);
        this.#wanted = Math.max(4096, have + (have >> 1));
        return;
      }
      this.#cursor.start = this.#cursor.at;
      this.#wanted = 1;
      if (batches.length > 0) yield* batches;
    }
    if (last) yield* this.#waiting();
  }

  /** The quanta that have been read but not yielded. */
  *#waiting(): Generator<IngestBatch> {
    const { byFrame, byVirtual } = this.#touches;
    if (this.#frameQuanta.n > 0) yield this.#frameQuanta.batch('gpa', byFrame);
    if (this.#virtualQuanta.n > 0) yield this.#virtualQuanta.batch('gva', byVirtual);
    this.#touches.clear();
  }

  finish(): void {
    if (this.#header === undefined) throw this.#cursor.error('the file is truncated: it ends inside the header', undefined, 0);
    if (this.#totals === undefined) {
      this.#ctx.reject(
        'no-totals',
        'the file ends without its totals: the capture tool did not end by itself, later quanta may be missing',
        { byteOffset: this.#cursor.offset + this.#cursor.end },
      );
    } else if (this.#totals.records !== this.#records) {
      this.#ctx.reject('totals-differ', `the file says it holds ${this.#totals.records} records, ${this.#records} were read`, {
        byteOffset: this.#cursor.offset + this.#cursor.end,
        severity: 'error',
      });
    }
  }

  #readHeader(): IngestBatch[] {
    if (this.#cursor.end - this.#cursor.start < MAGIC.length) throw MORE;
    if (!startsWith(this.#cursor.bytes.subarray(this.#cursor.start, this.#cursor.end), MAGIC))
      throw this.#cursor.error('not a VMGT1 file', undefined, 0);
    this.#cursor.at += MAGIC.length;
    const pageShift = this.#cursor.varint();
    const icountShift = this.#cursor.varint();
    const quantumNs = this.#cursor.varint();
    const ncpu = this.#cursor.varint();
    const options = this.#cursor.byte();
    if (pageShift !== 12)
      throw this.#cursor.error(`page shift ${pageShift}: only 4 KiB pages (12) are supported`, 'record with 4 KiB pages', 0);
    if (icountShift > 20 || quantumNs < 1 || quantumNs > 1e12 || ncpu < 1 || ncpu > 4096 || options > 3) {
      throw this.#cursor.error(
        `header out of range: icount shift ${icountShift}, quantum ${quantumNs} ns, ${ncpu} CPUs, options ${options}`,
        undefined,
        0,
      );
    }
    this.#header = { icountShift, quantumNs, ncpu, times: (options & 1) !== 0 };
    return [{ kind: 'machine', vcpus: ncpu }];
  }

  #readFrame(header: Header): readonly IngestBatch[] {
    const tag = this.#cursor.bytes[this.#cursor.at++]!;
    if (tag === TAG.Q) return this.#readQuantum(header);
    if (tag === TAG.M) return this.#readMarker(header);
    if (tag === TAG.H) {
      this.#cursor.varint();
      return NONE;
    }
    if (tag === TAG.E) return this.#readTotals();
    throw this.#cursor.error(`unknown frame tag 0x${tag.toString(16)}`, DAMAGED, this.#cursor.at - 1);
  }

  #readTotals(): readonly IngestBatch[] {
    for (let i = 0; i < 4; i++) this.#cursor.varint();
    this.#totals = { records: this.#cursor.varint() };
    return NONE;
  }

  #readMarker(header: Header): readonly IngestBatch[] {
    const code = this.#cursor.varint();
    const tNs = this.#cursor.varint() * 2 ** header.icountShift;
    this.#cursor.varint(); // host time
    const n = this.#cursor.varint();
    let monoNs = Number.NaN;
    let extra = 0;
    for (let i = 0; i < n; i++) {
      const value = this.#cursor.varint(true);
      if (i === 1) monoNs = value;
      if (i === 2) extra = value;
    }
    const batches: IngestBatch[] = [];
    batches.push(...this.#waiting());
    if (n >= 2) batches.push({ kind: 'sync', tNs, clock: 'guest-monotonic', otherNs: monoNs });
    if (code === RECORDING_STARTS || code === RECORDING_STOPS) {
      batches.push({ kind: 'span', edge: code === RECORDING_STARTS ? 'begin' : 'end', tNs, label: String(extra) });
    } else {
      batches.push({ kind: 'marker', tNs, code, label: code >= FIRST_PHASE ? `phase ${code - FIRST_PHASE}` : `marker ${code}` });
    }
    this.#ctx.accept(1);
    return batches;
  }

  #readQuantum(header: Header): readonly IngestBatch[] {
    const quantum = this.#cursor.varint();
    this.#cursor.varint(); // host time
    const n = this.#cursor.varint();
    if (!this.#touches.hasRoom(n) || this.#frameQuanta.n >= WAITING_QUANTA_MAX) {
      this.#cursor.at = this.#cursor.start;
      return [...this.#waiting()];
    }
    const { nByVirtual } = this.#touches;
    this.#touches.read(this.#cursor, n, (header.times ? 2 : 0) + (header.ncpu > 1 ? 1 : 0));
    const t0Ns = quantum * header.quantumNs;
    if (quantum < this.#lastQuantum)
      throw this.#cursor.error(`quantum ${quantum} follows quantum ${this.#lastQuantum}`, DAMAGED, this.#cursor.start);
    if (t0Ns > Number.MAX_SAFE_INTEGER) throw this.#cursor.error(`quantum number ${quantum} is out of range`, DAMAGED, this.#cursor.start);
    this.#lastQuantum = quantum;
    this.#records += n;
    this.#ctx.accept(n);
    const t1Ns = t0Ns + header.quantumNs;
    if (this.#wantsGpa) this.#frameQuanta.push(t0Ns, t1Ns, this.#touches.nByFrame);
    if (this.#wantsGva && this.#touches.nByVirtual > nByVirtual) this.#virtualQuanta.push(t0Ns, t1Ns, this.#touches.nByVirtual);
    return NONE;
  }
}
