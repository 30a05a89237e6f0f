/** Where the fields of a PERF_RECORD_SAMPLE lie, in 32-bit words from the record's header. */
import { SAMPLE } from './attr.ts';
import type { PerfAttr } from './attr.ts';

const ABSENT = -1;
const HEADER_WORDS = 2;
/** read_format bits */
const READ_TIME_ENABLED = 1;
const READ_TIME_RUNNING = 2;
const READ_ID = 4;
const READ_GROUP = 8;
const READ_LOST = 16;

/** Fields before the first part of variable length have fixed places; -1 = not recorded. */
export interface SampleLayout {
  readonly tid: number;
  readonly time: number;
  readonly addr: number;
  readonly id: number;
  readonly cpu: number;
  /** Fixed place of data_src; -1 when absent or behind a part of variable length. */
  readonly dataSrc: number;
  /** Words that every sample of this event has at least. */
  readonly minWords: number;
  /** First word that may be of variable length. */
  readonly tail: number;
}

const VARIABLE = SAMPLE.callchain | SAMPLE.raw | SAMPLE.branchStack | SAMPLE.regsUser | SAMPLE.stackUser;

export function layoutOf(attr: PerfAttr): SampleLayout {
  const type = attr.sampleType;
  let at = HEADER_WORDS;
  const place = (bit: number): number => {
    if ((type & bit) === 0) return ABSENT;
    at += 2;
    return at - 2;
  };
  const identifier = place(SAMPLE.identifier);
  place(SAMPLE.ip);
  const tid = place(SAMPLE.tid);
  const time = place(SAMPLE.time);
  const addr = place(SAMPLE.addr);
  const id = place(SAMPLE.id);
  place(SAMPLE.streamId);
  const cpu = place(SAMPLE.cpu);
  place(SAMPLE.period);
  const tail = at;
  const fixedTail = (type & VARIABLE) === 0 && ((type & SAMPLE.read) === 0 || (attr.readFormat & READ_GROUP) === 0);
  let dataSrc = ABSENT;
  if (fixedTail && (type & SAMPLE.dataSrc) !== 0) {
    if ((type & SAMPLE.read) !== 0) at += readWords(attr.readFormat);
    if ((type & (SAMPLE.weight | SAMPLE.weightStruct)) !== 0) at += 2;
    dataSrc = at;
    at += 2;
  }
  return { tid, time, addr, id: identifier >= 0 ? identifier : id, cpu, dataSrc, minWords: at, tail };
}

/** What lies behind the parts of variable length. Word offsets from the start of the record; -1 = absent. */
export interface SampleTail {
  dataSrc: number;
  physAddr: number;
  /** Byte offset of the raw payload from the start of the record. */
  rawAt: number;
  rawBytes: number;
}

/**
 * Walks the parts of variable length of one sample. False when a part reaches beyond the record.
 * @param words little-endian or already swapped words; `w` = first word of the record
 * @param lo index of the low half of a u64: 0 in little-endian files, 1 in big-endian ones
 */
export function walkTail(
  attr: PerfAttr,
  layout: SampleLayout,
  words: Uint32Array,
  w: number,
  sizeWords: number,
  lo: 0 | 1,
  out: SampleTail,
): boolean {
  const type = attr.sampleType;
  let at = layout.tail;
  out.dataSrc = out.physAddr = out.rawAt = ABSENT;
  out.rawBytes = 0;
  const low = (index: number): number => words[w + index + lo]!;
  const high = (index: number): number => words[w + index + 1 - lo]!;
  // a count that the record cannot hold is damage; the high half must be 0
  const skipCounted = (perItem: number, extra: number): boolean => {
    if (at + 2 > sizeWords || high(at) !== 0) return false;
    at += 2 + extra + low(at) * perItem;
    return at <= sizeWords;
  };
  const skipRegs = (count: number): boolean => {
    if (at + 2 > sizeWords) return false;
    at += low(at) === 0 && high(at) === 0 ? 2 : 2 + 2 * count;
    return at <= sizeWords;
  };
  if ((type & SAMPLE.read) !== 0) {
    if ((attr.readFormat & READ_GROUP) !== 0) {
      const perValue = 2 * (1 + bit(attr.readFormat, READ_ID) + bit(attr.readFormat, READ_LOST));
      const times = 2 * (bit(attr.readFormat, READ_TIME_ENABLED) + bit(attr.readFormat, READ_TIME_RUNNING));
      if (!skipCounted(perValue, times)) return false;
    } else {
      at += readWords(attr.readFormat);
    }
  }
  if ((type & SAMPLE.callchain) !== 0 && !skipCounted(2, 0)) return false;
  if ((type & SAMPLE.raw) !== 0) {
    if (at + 1 > sizeWords) return false;
    out.rawBytes = words[w + at]!;
    out.rawAt = (at + 1) * 4;
    at += 2 * Math.ceil((out.rawBytes + 4) / 8);
    if (at > sizeWords) return false;
  }
  if ((type & SAMPLE.branchStack) !== 0 && !skipCounted(6, attr.branchHwIndex ? 2 : 0)) return false;
  if ((type & SAMPLE.regsUser) !== 0 && !skipRegs(attr.regsUserCount)) return false;
  if ((type & SAMPLE.stackUser) !== 0) {
    if (at + 2 > sizeWords || high(at) !== 0) return false;
    const bytes = low(at);
    at += 2 + (bytes === 0 ? 0 : Math.ceil(bytes / 4) + 2);
    if (at > sizeWords) return false;
  }
  if ((type & (SAMPLE.weight | SAMPLE.weightStruct)) !== 0) at += 2;
  if ((type & SAMPLE.dataSrc) !== 0) {
    out.dataSrc = at;
    at += 2;
  }
  if ((type & SAMPLE.transaction) !== 0) at += 2;
  if ((type & SAMPLE.regsIntr) !== 0 && !skipRegs(attr.regsIntrCount)) return false;
  if ((type & SAMPLE.physAddr) !== 0) {
    out.physAddr = at;
    at += 2;
  }
  return at <= sizeWords;
}

function readWords(format: number): number {
  return 2 * (1 + bit(format, READ_TIME_ENABLED) + bit(format, READ_TIME_RUNNING) + bit(format, READ_ID) + bit(format, READ_LOST));
}

function bit(value: number, mask: number): number {
  return (value & mask) === 0 ? 0 : 1;
}
