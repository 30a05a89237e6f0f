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
import {
  BLOCK_PAGES,
  BLOCK_SHIFT,
  TraceFormatError,
  throwIfAborted,
  type ByteSource,
  type IngestBatch,
  type IngestContext,
  type Ingestor,
} from '@workset/model';
import { startsWith } from '../byte-source.ts';
import { CodedBatch, CodedColumn } from '../coded-touches.ts';
import { BLOCK_SLOTS, FrameBlocks, VirtualBlocks } from './vmgt-blocks.ts';

const MAGIC = 'VMGT1\n';
/** Marker codes: 1 and 2 bound a recording, 16.. are workload phases. */
const RECORDING_STARTS = 1;
const RECORDING_STOPS = 2;
const FIRST_PHASE = 16;
const TAG = { H: 0x48, M: 0x4d, Q: 0x51, E: 0x45 } as const;

/** Bytes of zero kept behind the data, so that a record cut by the end of a chunk is read without bounds checks and refused afterwards. */
const PAD = 64;
/** Room at first: a chunk of a file and the rest of the one before it. */
const FIRST_BYTES = 2 << 20;
/** One frame holds at most this much: a quantum that touched 8 M pages. Longer ones are damage. */
const FRAME_BYTES_MAX = 64 << 20;

/** More than three bytes of a page number can take away. */
const NO_BLOCK = 2 ** 24;
const PFN_MAX = 0x7fffffff;
/** User halves have at most 56 address bits. */
const VPN_MAX = 2 ** 44;

/** flags → mask of classes: user read or fetch 1, user write 2, kernel read or fetch 4, kernel write 8. */
const CLASS_MASK = Uint8Array.from(
  { length: 64 },
  (_, flags) => (flags & 5 ? 1 : 0) | (flags & 2 ? 2 : 0) | (flags & 40 ? 4 : 0) | (flags & 16 ? 8 : 0),
);

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
    const decoder = new Decoder(source, ctx);
    for await (const chunk of source.chunks()) {
      throwIfAborted(ctx.signal);
      decoder.push(chunk);
      if (decoder.worthParsing) yield* decoder.parse(false);
    }
    yield* decoder.parse(true);
    decoder.finish();
  },
};

interface Header {
  readonly icountShift: number;
  readonly quantumNs: number;
  readonly ncpu: number;
  readonly times: boolean;
}

/** Thrown by the readers below when a frame goes on behind the bytes at hand. */
const MORE = Symbol('more bytes needed');

class Decoder {
  readonly #source: ByteSource;
  readonly #ctx: IngestContext;
  readonly #wantsGva: boolean;
  readonly #wantsGpa: boolean;
  /** Data is bytes[start, end), then PAD zeros. `offset` is the file offset of bytes[0]. */
  #bytes = new Uint8Array(FIRST_BYTES + PAD);
  #start = 0;
  #end = 0;
  #offset = 0;
  /** Bytes that must be at hand before the next try; grows so that re-reading a cut frame stays linear. */
  #wanted = 1;
  /** Read position inside the frame. */
  #at = 0;
  #header: Header | undefined;
  #records = 0;
  #lastQuantum = -1;
  #totals: { records: number } | undefined;
  readonly #gpa = new CodedColumn();
  readonly #gva = new CodedColumn();
  readonly #frames = new FrameBlocks();
  readonly #blocks = new VirtualBlocks();

  constructor(source: ByteSource, ctx: IngestContext) {
    this.#source = source;
    this.#ctx = ctx;
    const only = ctx.options['space'];
    this.#wantsGpa = only === undefined || only === 'gpa';
    this.#wantsGva = only === undefined || only === 'gva';
  }

  get worthParsing(): boolean {
    return this.#end - this.#start >= this.#wanted;
  }

  push(chunk: Uint8Array): void {
    const kept = this.#end - this.#start;
    if (kept + chunk.length + PAD > this.#bytes.length) {
      const bytes = new Uint8Array(2 * (kept + chunk.length) + PAD);
      bytes.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = bytes;
    } else {
      this.#bytes.copyWithin(0, this.#start, this.#end);
    }
    this.#offset += this.#start;
    this.#start = 0;
    this.#bytes.set(chunk, kept);
    this.#end = kept + chunk.length;
    this.#bytes.fill(0, this.#end, this.#end + PAD);
  }

  /** Yields the whole frames at hand; with `last`, what is left must be whole too. */
  *parse(last: boolean): Generator<IngestBatch> {
    while (this.#start < this.#end) {
      this.#at = this.#start;
      let batches: readonly IngestBatch[];
      try {
        batches = this.#header === undefined ? this.#readHeader() : this.#readFrame(this.#header);
      } catch (error) {
        if (error !== MORE) throw error;
        if (last)
          throw this.#error(
            'the file is truncated: it ends inside a frame that starts here',
            'copy it again, or let the capture tool end by itself',
            this.#start,
          );
        const have = this.#end - this.#start;
        if (have > FRAME_BYTES_MAX) throw this.#error(`a frame is longer than ${FRAME_BYTES_MAX >> 20} MiB`, undefined, this.#start);
        this.#wanted = Math.max(4096, have + (have >> 1));
        return;
      }
      this.#start = this.#at;
      this.#wanted = 1;
      yield* batches;
    }
  }

  finish(): void {
    if (this.#header === undefined) throw this.#error('the file is truncated: it ends inside the header', undefined, 0);
    if (this.#totals === undefined) {
      this.#ctx.reject(
        'no-totals',
        'the file ends without its totals: the capture tool did not end by itself, later quanta may be missing',
        { byteOffset: this.#offset + this.#end },
      );
    } else if (this.#totals.records !== this.#records) {
      this.#ctx.reject('totals-differ', `the file says it holds ${this.#totals.records} records, ${this.#records} were read`, {
        byteOffset: this.#offset + this.#end,
        severity: 'error',
      });
    }
  }

  #error(message: string, hint: string | undefined, at: number): TraceFormatError {
    return new TraceFormatError(message, { file: this.#source.path, byteOffset: this.#offset + at }, hint);
  }

  #readHeader(): IngestBatch[] {
    if (this.#end - this.#start < MAGIC.length) throw MORE;
    if (!startsWith(this.#bytes.subarray(this.#start, this.#end), MAGIC)) throw this.#error('not a VMGT1 file', undefined, 0);
    this.#at += MAGIC.length;
    const pageShift = this.#varint();
    const icountShift = this.#varint();
    const quantumNs = this.#varint();
    const ncpu = this.#varint();
    const options = this.#byte();
    if (pageShift !== 12) throw this.#error(`page shift ${pageShift}: only 4 KiB pages (12) are supported`, 'record with 4 KiB pages', 0);
    if (icountShift > 20 || quantumNs < 1 || quantumNs > 1e12 || ncpu < 1 || ncpu > 4096 || options > 3) {
      throw this.#error(
        `header out of range: icount shift ${icountShift}, quantum ${quantumNs} ns, ${ncpu} CPUs, options ${options}`,
        undefined,
        0,
      );
    }
    this.#header = { icountShift, quantumNs, ncpu, times: (options & 1) !== 0 };
    return [{ kind: 'machine', vcpus: ncpu }];
  }

  #readFrame(header: Header): readonly IngestBatch[] {
    const tag = this.#bytes[this.#at++]!;
    if (tag === TAG.Q) return this.#readQuantum(header);
    if (tag === TAG.M) return this.#readMarker(header);
    if (tag === TAG.H) {
      this.#varint();
      return [];
    }
    if (tag === TAG.E) return this.#readTotals();
    throw this.#error(`unknown frame tag 0x${tag.toString(16)}`, 'the file is damaged from here on', this.#at - 1);
  }

  #readTotals(): readonly IngestBatch[] {
    for (let i = 0; i < 4; i++) this.#varint();
    this.#totals = { records: this.#varint() };
    return [];
  }

  #readMarker(header: Header): readonly IngestBatch[] {
    const code = this.#varint();
    const tNs = this.#varint() * 2 ** header.icountShift;
    this.#varint(); // host time
    const n = this.#varint();
    let monoNs = Number.NaN;
    let extra = 0;
    for (let i = 0; i < n; i++) {
      const value = this.#varint(true);
      if (i === 1) monoNs = value;
      if (i === 2) extra = value;
    }
    const batches: IngestBatch[] = [];
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
    const quantum = this.#varint();
    this.#varint(); // host time
    const n = this.#varint();
    this.#gpa.n = 0;
    this.#gva.n = 0;
    this.#readRecords(n, header);
    const t0Ns = quantum * header.quantumNs;
    if (quantum < this.#lastQuantum)
      throw this.#error(`quantum ${quantum} follows quantum ${this.#lastQuantum}`, 'the file is damaged from here on', this.#start);
    if (t0Ns > Number.MAX_SAFE_INTEGER)
      throw this.#error(`quantum number ${quantum} is out of range`, 'the file is damaged from here on', this.#start);
    this.#lastQuantum = quantum;
    this.#records += n;
    this.#ctx.accept(n);
    const t1Ns = t0Ns + header.quantumNs;
    const batches: IngestBatch[] = [];
    if (this.#wantsGpa) batches.push(new CodedBatch('gpa', t0Ns, t1Ns, this.#gpa, this.#frames.list));
    if (this.#wantsGva && this.#gva.n > 0) batches.push(new CodedBatch('gva', t0Ns, t1Ns, this.#gva, this.#blocks.list));
    return batches;
  }

  /**
   * The hot loop: n of { uv pfn_delta, u8 flags, [zv user_vpn_delta], [u8 first, u8 last], [u8 cpumask] }.
   * Frames ascend, so each is new; a virtual page may come again, and then only its new classes are kept.
   */
  #readRecords(n: number, header: Header): void {
    const bytes = this.#bytes;
    const end = this.#end;
    const blocks = this.#blocks;
    const frames = this.#frames;
    const skip = (header.times ? 2 : 0) + (header.ncpu > 1 ? 1 : 0);
    const stamp = blocks.nextStamp();
    const { slotFirst, slotBase } = blocks;
    let at = this.#at;
    let pfn = -1;
    // The virtual page is `first + offset`; `first` is that of its block, whose pages have the ids from `base` on.
    // At first none: an offset so large is in no block, whatever is added to it.
    let first = -NO_BLOCK;
    let offset = NO_BLOCK;
    let base = 0;
    let seen = blocks.seen;
    let k = 0;
    let v = 0;
    let touches = this.#gpa.touch;
    let vTouches = this.#gva.touch;
    // The frame's block, and the first page id of it.
    let block = -1;
    let frameBase = 0;
    for (let i = 0; i < n; i++) {
      if ((i & 1023) === 0) {
        // n is not trusted: room is made as records are found.
        this.#gpa.n = k;
        this.#gpa.reserve(4 * 1024);
        touches = this.#gpa.touch;
        this.#gva.n = v;
        this.#gva.reserve(2 * 1024);
        vTouches = this.#gva.touch;
      }
      let delta = bytes[at++]!;
      if (delta > 127) {
        const high = bytes[at]!;
        if (high < 128) {
          delta = (delta & 127) | (high << 7);
          at++;
        } else {
          this.#at = at - 1;
          const wide = this.#varint();
          at = this.#at;
          if (wide > PFN_MAX) throw this.#outOfRange(wide, at);
          delta = wide | 0;
        }
      }
      if (i === 0) pfn = delta;
      else if (delta === 0)
        throw at > end ? MORE : this.#error('a page occurs twice in one quantum', 'the file is damaged from here on', at - 1);
      else pfn = (pfn + delta) | 0;
      if (pfn < 0) throw at > end ? MORE : this.#outOfRange(pfn + 2 ** 32, at);
      const flags = bytes[at++]!;
      if (flags === 0 || flags > 63)
        throw at > end ? MORE : this.#error(`record flags 0x${flags.toString(16)}`, 'the file is damaged from here on', at - 1);
      const mask = CLASS_MASK[flags]!;
      if ((flags & 7) !== 0) {
        let zigzag = bytes[at++]!;
        if (zigzag > 127) {
          const high = bytes[at]!;
          if (high < 128) {
            zigzag = (zigzag & 127) | (high << 7);
            at++;
          } else {
            const third = bytes[at + 1]!;
            if (third < 128) {
              zigzag = (zigzag & 127) | ((high & 127) << 7) | (third << 14);
              at += 2;
            } else {
              this.#at = at - 1;
              const wide = this.#varint();
              at = this.#at;
              // Far away, perhaps by whole blocks: an offset that is in no block has it looked up.
              first += (wide % 2 === 0 ? wide / 2 : -(wide + 1) / 2) - BLOCK_PAGES;
              offset += BLOCK_PAGES;
              zigzag = 0;
            }
          }
        }
        offset = (offset + ((zigzag >> 1) ^ -(zigzag & 1))) | 0;
        if (offset >>> 0 >= BLOCK_PAGES) {
          const vpn = first + offset;
          if (vpn < 0 || vpn > VPN_MAX)
            throw at > end
              ? MORE
              : this.#error(`page number out of range (frame ${pfn}, virtual page ${vpn})`, 'the file is damaged from here on', at);
          offset = (vpn | 0) & (BLOCK_PAGES - 1);
          first = vpn - offset;
          const slot = ((vpn | 0) >>> 9) & (BLOCK_SLOTS - 1);
          if (slotFirst[slot] === first) base = slotBase[slot]!;
          else {
            base = blocks.base(first);
            seen = blocks.seen;
          }
        }
        const id = base + offset;
        const state = seen[id]!;
        const known = state >> 2 === stamp ? state & 3 : 0;
        seen[id] = (stamp << 2) | known | (mask & 3);
        const fresh = mask & 3 & ~known;
        vTouches[v] = id << 2;
        v += fresh & 1;
        vTouches[v] = (id << 2) | 1;
        v += fresh >> 1;
      }
      at += skip;
      if (pfn >>> BLOCK_SHIFT !== block) {
        block = pfn >>> BLOCK_SHIFT;
        frameBase = frames.base(block);
      }
      const touch = (frameBase + (pfn & (BLOCK_PAGES - 1))) << 2;
      // Written whether the class is there or not, kept only if it is: no branch to mispredict.
      touches[k] = touch;
      k += mask & 1;
      touches[k] = touch | 1;
      k += (mask >> 1) & 1;
      if (mask > 3) {
        touches[k] = touch | 2;
        k += (mask >> 2) & 1;
        touches[k] = touch | 3;
        k += mask >> 3;
      }
      if (at > end) throw MORE;
    }
    this.#at = at;
    this.#gpa.n = k;
    this.#gva.n = v;
  }

  #outOfRange(pfn: number, at: number): TraceFormatError {
    return this.#error(`page number out of range (frame ${pfn})`, 'the file is damaged from here on', at);
  }

  #byte(): number {
    if (this.#at >= this.#end) throw MORE;
    return this.#bytes[this.#at++]!;
  }

  /** LEB128, exact below 2^53. @param lossy marker values may be any 64-bit number; larger ones are rounded */
  #varint(lossy = false): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw MORE;
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER && !lossy)
          throw this.#error(`a number of ${value} is out of range`, 'the file is damaged from here on', this.#at);
        return value;
      }
      scale *= 128;
    }
    throw this.#error('a number is longer than 10 bytes', 'the file is damaged from here on', this.#at);
  }
}
