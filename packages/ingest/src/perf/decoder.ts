/** Records of one perf event stream → pending accesses and reports. Synchronous: the caller feeds bytes and takes batches. */
import { UsageError } from '@workset/model';
import type { IngestBatch, IngestContext, SpaceId } from '@workset/model';
import { u64 } from '../binary.ts';
import type { ByteWindow } from '../binary.ts';
import { MIN_ATTR_BYTES, readAttr } from './attr.ts';
import type { PerfAttr } from './attr.ts';
import { DamonSamples } from './damon.ts';
import { applyFeature } from './features.ts';
import type { PerfFacts } from './features.ts';
import { fastSamples } from './fast-samples.ts';
import type { SampleMemory } from './fast-samples.ts';
import { walkTail } from './layout.ts';
import type { SampleTail } from './layout.ts';
import { AccessOrder } from './order.ts';
import { isDamon, planEvent } from './plan.ts';
import type { EventPlan } from './plan.ts';
import { mappedRange, mapsWanted } from './mappings.ts';
import type { MapsWanted } from './mappings.ts';
import { RecordWords, RECORD } from './records.ts';
import { ACCESS_DECODERS, decodeDamon, decodeDamos } from './tracepoint.ts';
import type { AccessUse, RawAccess, RawRegion } from './tracepoint.ts';

/** Why `consume` returned. */
export type Stop =
  | { readonly why: 'more' | 'round' | 'full' }
  | { readonly why: 'damage'; readonly message: string }
  /** Bytes [from, to) of the window are the payload of a compressed record of `size` bytes; `to` may be cut by the end of the window. */
  | { readonly why: 'compressed'; readonly headerBytes: number; readonly payloadBytes: number; readonly size: number }
  /** `bytes` follow the record and belong to it. */
  | { readonly why: 'payload'; readonly bytes: number; readonly tracing: boolean };

const MORE: Stop = { why: 'more' };
const ROUND: Stop = { why: 'round' };
const FULL: Stop = { why: 'full' };
const HEADER_BYTES = 8;
const TWO_32 = 0x1_0000_0000;
/** Times from here on lose nanoseconds as doubles; they are counted from the first sample's multiple of 2^32 ns. */
const BIG_TIME_HIGH = 1 << 20;
const MAX_PENDING_REGIONS = 1 << 20;

export class PerfDecoder {
  readonly facts: PerfFacts;
  readonly plans: EventPlan[] = [];
  readonly orders = new Map<SpaceId, AccessOrder>();
  readonly damon: DamonSamples;
  readonly unknownTypes = new Map<number, number>();
  unknownIds = 0;
  /** More than one process: their virtual addresses share one space. */
  manyProcesses = false;
  /** Mapped memory, when the option maps asks for it. */
  readonly ranges: IngestBatch[] = [];
  readonly #maps: MapsWanted;
  readonly #ctx: IngestContext;
  readonly #record: RecordWords;
  readonly #byId = new Map<number, EventPlan>();
  readonly #pidFilter: number;
  readonly #tail: SampleTail = { dataSrc: -1, physAddr: -1, rawAt: -1, rawBytes: 0 };
  readonly #access: RawAccess = { page: 0, write: false, kernelHalf: false };
  readonly #region: RawRegion = {
    targetId: 0,
    targetText: '',
    ctx: -1,
    scheme: -1,
    nrRegions: 0,
    startPage: 0,
    endPage: 0,
    nrAccesses: 0,
    age: 0,
  };
  /** Of the first address space, for there is only one when it is used. */
  readonly #memory: SampleMemory | undefined;
  #firstPid = -1;
  #planned = 0;

  /** @param memory for rows to stay in, until the decoder is no longer used */
  constructor(path: string, facts: PerfFacts, ctx: IngestContext, memory?: SampleMemory) {
    this.#memory = memory;
    this.facts = facts;
    this.#ctx = ctx;
    this.#record = new RecordWords(facts.little);
    this.damon = new DamonSamples(path, ctx);
    this.#maps = mapsWanted(ctx.options);
    this.#pidFilter = pidOption(ctx.options['pid']);
  }

  /** Clock reading that time 0 of the batches stands for. */
  get timeBaseNs(): number {
    return (this.facts.timeBaseHigh ?? 0) * TWO_32;
  }

  /** Handles whole records at the window's start until something needs the caller. */
  consume(win: ByteWindow): Stop {
    for (;;) {
      this.#fastSamples(win);
      if (this.#anyFull()) return FULL;
      if (win.available < HEADER_BYTES) return MORE;
      const { type, size } = this.#record.header(win);
      if (size < HEADER_BYTES && type !== RECORD.compressed2) {
        return { why: 'damage', message: `a record of type ${type} claims a size of ${size} bytes` };
      }
      if (type === RECORD.compressed) return { why: 'compressed', headerBytes: HEADER_BYTES, payloadBytes: size - HEADER_BYTES, size };
      if (type === RECORD.compressed2) {
        if (win.available < HEADER_BYTES + 8) return MORE;
        return compressed2(u64(win.view, win.start + HEADER_BYTES, this.facts.little), size);
      }
      if (win.available < size) return MORE;
      const stop = this.#handle(type, size, win);
      win.start += size;
      if (stop !== null) return stop;
    }
  }

  /** Takes a TRACING_DATA payload or a feature for the names of events. */
  rename(feature: number, body: Uint8Array<ArrayBuffer>): void {
    applyFeature(feature, body, this.facts);
    this.#planned = 0;
  }

  order(space: SpaceId): AccessOrder {
    let order = this.orders.get(space);
    if (order === undefined) {
      order = new AccessOrder(space, this.orders.size === 0 ? this.#memory?.ring : undefined);
      this.orders.set(space, order);
    }
    return order;
  }

  #anyFull(): boolean {
    for (const order of this.orders.values()) if (order.full) return true;
    return this.damon.pending >= MAX_PENDING_REGIONS;
  }

  /** Plans events that are new or were renamed. */
  #plan(): void {
    if (this.#planned === this.facts.attrs.length) return;
    this.#planned = this.facts.attrs.length;
    for (const [index, attr] of this.facts.attrs.entries()) {
      const old = this.plans[index];
      const plan = planEvent(attr, this.#ctx.options);
      if (old !== undefined)
        Object.assign(plan, {
          samples: old.samples,
          ignored: old.ignored,
          noAddress: old.noAddress,
          noAccess: old.noAccess,
          damaged: old.damaged,
        });
      this.plans[index] = plan;
      for (const id of attr.ids) this.#byId.set(id, plan);
    }
  }

  #handle(type: number, size: number, win: ByteWindow): Stop | null {
    const { view } = win;
    const at = win.start;
    const { little } = this.facts;
    switch (type) {
      case RECORD.sample:
        this.#slowSample(win, size);
        return null;
      case RECORD.lost:
        if (size >= 24) this.#ctx.lost(u64(view, at + 16, little));
        return null;
      case RECORD.lostSamples:
        if (size >= 16) this.#ctx.lost(u64(view, at + 8, little));
        return null;
      case RECORD.mmap:
      case RECORD.mmap2: {
        const range = mappedRange(win, at, size, type, little, this.#maps, this.#pidFilter);
        if (range !== null) this.ranges.push({ kind: 'range', space: 'gva', ...range });
        return null;
      }
      case RECORD.finishedRound:
        return ROUND;
      case RECORD.headerAttr:
        this.#addAttr(view, at, size);
        return null;
      case RECORD.eventUpdate:
        this.#nameEvent(win, at, size);
        return null;
      case RECORD.headerFeature:
        if (size >= 16) this.rename(u64(view, at + 8, little), win.bytes.slice(at + 16, at + size));
        return null;
      case RECORD.tracingData:
        return size < 12 ? null : { why: 'payload', bytes: view.getUint32(at + 8, little), tracing: true };
      case RECORD.auxtrace:
        return size < 16 ? null : { why: 'payload', bytes: u64(view, at + 8, little), tracing: false };
      default:
        if (!RECORD_KNOWN.has(type)) this.unknownTypes.set(type, (this.unknownTypes.get(type) ?? 0) + 1);
        return null;
    }
  }

  #addAttr(view: DataView, at: number, size: number): void {
    const attrAt = at + HEADER_BYTES;
    const attrSize = size >= HEADER_BYTES + MIN_ATTR_BYTES ? view.getUint32(attrAt + 4, this.facts.little) : 0;
    if (attrSize < MIN_ATTR_BYTES || HEADER_BYTES + attrSize > size) {
      this.#ctx.reject('perf-bad-attr', 'an event description is shorter than its size field says', { severity: 'warning' });
      return;
    }
    const attr: PerfAttr = readAttr(view, attrAt, attrSize, this.facts.little);
    for (let id = attrAt + attrSize; id + 8 <= at + size; id += 8) attr.ids.push(u64(view, id, this.facts.little));
    this.facts.attrs.push(attr);
  }

  /** EVENT_UPDATE: u64 type (2 = name), u64 id, text. */
  #nameEvent(win: ByteWindow, at: number, size: number): void {
    if (size < 24 || u64(win.view, at + 8, this.facts.little) !== 2) return;
    const id = u64(win.view, at + 16, this.facts.little);
    const attr = this.facts.attrs.find((candidate) => candidate.ids.includes(id));
    if (attr === undefined) return;
    attr.name = Buffer.from(win.bytes.subarray(at + 24, at + size))
      .toString('latin1')
      .replace(/\0.*$/s, '');
    this.#planned = 0;
  }

  /** Consecutive samples of the only event, little-endian, all fields in fixed places. */
  #fastSamples(win: ByteWindow): void {
    this.#plan();
    const plan = this.plans[0];
    if (this.plans.length !== 1 || plan === undefined || !plan.fast || !this.facts.little) return;
    const { layout, zeroIsNone } = plan;
    const { view, start, available } = win;
    if (available < HEADER_BYTES || view.getUint32(start, true) !== RECORD.sample) return;
    if (this.facts.timeBaseHigh === null && available >= 4 * layout.minWords) {
      const high = view.getUint32(start + 4 * layout.time + 4, true);
      this.facts.timeBaseHigh = high >= BIG_TIME_HIGH ? high : 0;
      this.#firstPid = view.getInt32(start + 4 * layout.tid, true);
    }
    const counts = fastSamples(win, this.order(plan.space), {
      layout,
      pid: this.#pidFilter,
      zeroIsNone,
      timeBaseHigh: this.facts.timeBaseHigh ?? 0,
      firstPid: this.#firstPid,
    });
    if (counts.isMixed) this.manyProcesses = true;
    plan.samples += counts.samples;
    plan.noAddress += counts.empty;
  }

  /** Any sample: several events, big-endian, misaligned, or fields behind parts of variable length. */
  #slowSample(win: ByteWindow, size: number): void {
    this.#plan();
    const record = this.#record;
    const sizeWords = size >> 2;
    const w = record.load(win, size);
    const { words, lo } = record;
    const plan = this.#planOf(words, w, sizeWords, lo);
    if (plan === null) {
      this.unknownIds++;
      return;
    }
    plan.samples++;
    const { layout } = plan;
    if (sizeWords < layout.minWords) {
      plan.damaged++;
      return;
    }
    if (plan.use === null) {
      plan.ignored++;
      return;
    }
    const pid = layout.tid < 0 ? -1 : words[w + layout.tid]! | 0;
    if (this.#pidFilter >= 0 && pid !== this.#pidFilter) return;
    if (!walkTail(plan.attr, layout, words, w, sizeWords, lo, this.#tail)) {
      plan.damaged++;
      return;
    }
    const timeHigh = words[w + layout.time + 1 - lo]!;
    this.facts.timeBaseHigh ??= timeHigh >= BIG_TIME_HIGH ? timeHigh : 0;
    if (this.#firstPid < 0) this.#firstPid = pid;
    const t = (timeHigh - this.facts.timeBaseHigh) * TWO_32 + words[w + layout.time + lo]!;
    const cpu = layout.cpu < 0 ? -1 : words[w + layout.cpu]! | 0;
    if (plan.use === 'address' || plan.use === 'physical') this.#addressSample(plan, words, w, lo, t, pid, cpu);
    else this.#rawSample(plan, win, t, pid, cpu);
  }

  #addressSample(plan: EventPlan, words: Uint32Array, w: number, lo: 0 | 1, t: number, pid: number, cpu: number): void {
    const at = w + (plan.use === 'address' ? plan.layout.addr : this.#tail.physAddr);
    const low = words[at + lo]!;
    const high = words[at + 1 - lo]!;
    if (plan.zeroIsNone && (low | high) === 0) {
      plan.noAddress++;
      return;
    }
    const src = this.#tail.dataSrc;
    const write = src < 0 ? 0 : (words[w + src + lo]! >>> 2) & 1;
    const kernel = plan.use === 'address' ? (high >>> 31) << 1 : 0;
    if (plan.use === 'address' && pid !== this.#firstPid) this.manyProcesses = true;
    this.order(plan.space).add(t, high * 0x10_0000 + (low >>> 12), kernel | write, pid, cpu);
  }

  #rawSample(plan: EventPlan, win: ByteWindow, t: number, pid: number, cpu: number): void {
    const at = win.start + this.#tail.rawAt;
    const size = this.#tail.rawBytes;
    const { little } = this.facts;
    if (isDamon(plan.use)) {
      const decode = plan.use === 'damon_aggregated' ? decodeDamon : decodeDamos;
      if (decode(win.view, at, size, little, this.#region)) this.damon.add(plan.use, t, this.#region);
      else plan.damaged++;
      return;
    }
    const decoded = ACCESS_DECODERS[plan.use as AccessUse](win.view, at, size, little, this.#access);
    if (decoded === 'other') plan.noAccess++;
    if (decoded === 'damaged') plan.damaged++;
    if (decoded !== 'access') return;
    const { page, write, kernelHalf } = this.#access;
    if (plan.use === 'user-fault' && pid !== this.#firstPid) this.manyProcesses = true;
    this.order(plan.space).add(t, page, (write ? 1 : 0) | (kernelHalf && plan.use === 'user-fault' ? 2 : 0), pid, cpu);
  }

  #planOf(words: Uint32Array, w: number, sizeWords: number, lo: 0 | 1): EventPlan | null {
    const first = this.plans[0];
    if (this.plans.length === 1 || first === undefined) return first ?? null;
    // all events of a file keep their id at the same place
    const at = first.layout.id;
    if (at < 0 || at + 2 > sizeWords) return null;
    return this.#byId.get(words[w + at + 1 - lo]! * TWO_32 + words[w + at + lo]!) ?? null;
  }
}

/** -1 = all processes. Throws UsageError. */
function pidOption(text: string | undefined): number {
  if (text === undefined) return -1;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`pid is ${JSON.stringify(text)}`, 'a process id, such as pid=433');
  return Number(text);
}

/** The size of a COMPRESSED2 record may have wrapped around 65536: then its own data_size counts. */
function compressed2(dataSize: number, size: number): Stop {
  const headerBytes = HEADER_BYTES + 8;
  if (!(dataSize <= 1 << 20)) return { why: 'damage', message: `a compressed record claims ${dataSize} bytes of data` };
  const whole = size === 0 || headerBytes + dataSize > size ? 8 * Math.ceil((headerBytes + dataSize) / 8) : size;
  return { why: 'compressed', headerBytes, payloadBytes: dataSize, size: whole };
}

/** Record types that are understood to carry nothing we read. */
const RECORD_KNOWN: ReadonlySet<number> = new Set([
  3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 67, 69, 70, 72, 73, 74, 75, 76, 77, 79, 82, 84, 85, 86,
]);
