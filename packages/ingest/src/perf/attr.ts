/** perf_event_attr: which events a perf.data file holds and how their samples are laid out. */
import { u64 } from '../binary.ts';

export const EVENT_TYPE = { hardware: 0, software: 1, tracepoint: 2, cache: 3, raw: 4, breakpoint: 5 } as const;
/** Software event numbers (attr.config) that are page faults. */
const FAULT_CONFIGS: readonly number[] = [2, 5, 6];
const DUMMY_CONFIG = 9;

/** sample_type bits, PERF_SAMPLE_*. */
export const SAMPLE = {
  ip: 1 << 0,
  tid: 1 << 1,
  time: 1 << 2,
  addr: 1 << 3,
  read: 1 << 4,
  callchain: 1 << 5,
  id: 1 << 6,
  cpu: 1 << 7,
  period: 1 << 8,
  streamId: 1 << 9,
  raw: 1 << 10,
  branchStack: 1 << 11,
  regsUser: 1 << 12,
  stackUser: 1 << 13,
  weight: 1 << 14,
  dataSrc: 1 << 15,
  identifier: 1 << 16,
  transaction: 1 << 17,
  regsIntr: 1 << 18,
  physAddr: 1 << 19,
  weightStruct: 1 << 24,
} as const;

export interface PerfAttr {
  readonly type: number;
  readonly config: number;
  readonly samplePeriod: number;
  readonly sampleType: number;
  readonly readFormat: number;
  readonly freq: boolean;
  readonly sampleIdAll: boolean;
  /** attr.clockid when use_clockid is set (1 = CLOCK_MONOTONIC), else null: the scheduler's local clock. */
  readonly clockId: number | null;
  readonly branchHwIndex: boolean;
  readonly regsUserCount: number;
  readonly regsIntrCount: number;
  /** Event ids, as doubles: they are small serial numbers. */
  ids: number[];
  name: string;
}

/** The smallest attr any kernel wrote (PERF_ATTR_SIZE_VER0). */
export const MIN_ATTR_BYTES = 64;

/** Reads an attr of `size` bytes at `at`; fields beyond `size` are absent. The caller has checked the bounds. */
export function readAttr(view: DataView, at: number, size: number, little: boolean): PerfAttr {
  const flag = flagReader(view, at + 40, little);
  const has = (offset: number, bytes: number): boolean => offset + bytes <= size;
  const bits = (offset: number): number => (has(offset, 8) ? countBits(view, at + offset) : 0);
  const type = view.getUint32(at, little);
  const config = u64(view, at + 8, little);
  const useClock = flag(25) && has(92, 4);
  return {
    type,
    config,
    samplePeriod: u64(view, at + 16, little),
    // all sample_type bits in use are below 32
    sampleType: u64(view, at + 24, little) >>> 0,
    readFormat: u64(view, at + 32, little) >>> 0,
    freq: flag(10),
    sampleIdAll: flag(18),
    clockId: useClock ? view.getInt32(at + 92, little) : null,
    branchHwIndex: has(72, 8) && (u64(view, at + 72, little) & (1 << 17)) !== 0,
    regsUserCount: bits(80),
    regsIntrCount: bits(96),
    ids: [],
    name: defaultName(type, config),
  };
}

/** True for page-faults, minor-faults and major-faults. */
export function isFaultEvent(attr: PerfAttr): boolean {
  return attr.type === EVENT_TYPE.software && FAULT_CONFIGS.includes(attr.config);
}

/** True for the event that perf record adds for side-band records; it never samples. */
export function isDummyEvent(attr: PerfAttr): boolean {
  return attr.type === EVENT_TYPE.software && attr.config === DUMMY_CONFIG;
}

/** Bit n of the flag bit-field; a big-endian compiler lays bit-fields out from the other end. */
function flagReader(view: DataView, at: number, little: boolean): (bit: number) => boolean {
  return (bit) => {
    const shift = bit & 7;
    const byte = view.getUint8(at + (bit >> 3));
    return ((little ? byte >> shift : byte >> (7 - shift)) & 1) === 1;
  };
}

function countBits(view: DataView, at: number): number {
  let n = 0;
  for (let i = 0; i < 8; i++) for (let byte = view.getUint8(at + i); byte !== 0; byte &= byte - 1) n++;
  return n;
}

function defaultName(type: number, config: number): string {
  if (type === EVENT_TYPE.software) {
    const known: Readonly<Record<number, string>> = { 2: 'page-faults', 5: 'minor-faults', 6: 'major-faults', [DUMMY_CONFIG]: 'dummy' };
    return known[config] ?? `software event ${config}`;
  }
  return type === EVENT_TYPE.tracepoint ? `tracepoint ${config}` : `event type ${type} config 0x${config.toString(16)}`;
}
