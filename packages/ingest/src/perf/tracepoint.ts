/** Raw payloads of the tracepoints that tell about memory, by their fixed layouts. */
import { pageAt } from '../binary.ts';

/** Fields of an access tracepoint, after decoding. */
export interface RawAccess {
  page: number;
  write: boolean;
  /** True for addresses in the kernel half. */
  kernelHalf: boolean;
}
export interface RawRegion {
  /** The id, or of 5.15's kernel pointers the low 52 bits: equal for equal targets. */
  targetId: number;
  /** All digits of an id that a double cannot hold, else empty. */
  targetText: string;
  /** Of damos_before_apply; -1 = the event has none. */
  ctx: number;
  scheme: number;
  nrRegions: number;
  startPage: number;
  endPage: number;
  nrAccesses: number;
  /** -1 before Linux 5.17, whose event had no age. */
  age: number;
}

export type TracepointUse = 'user-fault' | 'kvm-fault' | 'damon_aggregated' | 'damos_before_apply' | null;

/** What to do with an event called `name` ("exceptions:page_fault_user", or without the subsystem). */
export function tracepointUse(name: string): TracepointUse {
  switch (name.replace(/^\w+:/, '')) {
    case 'page_fault_user':
    case 'page_fault_kernel':
      return 'user-fault';
    case 'kvm_page_fault':
      return 'kvm-fault';
    case 'damon_aggregated':
    case 'damos_before_apply':
      return name.endsWith('aggregated') ? 'damon_aggregated' : 'damos_before_apply';
    default:
      return null;
  }
}

const ERROR_CODE_WRITE = 2;

/** page_fault_user and page_fault_kernel: address@8 ip@16 error_code@24. False when the payload has another length. */
export function decodeUserFault(view: DataView, at: number, size: number, little: boolean, out: RawAccess): boolean {
  if (size < 32 || size > 40) return false;
  return decodeFault(view, at + 8, at + 24, little, out);
}

/** kvm_page_fault: vcpu@8 rip@16 address@24 error@32; before 6.1 only address@8 error@16. */
export function decodeKvmFault(view: DataView, at: number, size: number, little: boolean, out: RawAccess): boolean {
  if (size >= 40 && size <= 48) return decodeFault(view, at + 24, at + 32, little, out);
  if (size >= 24 && size <= 28) return decodeFault(view, at + 8, at + 16, little, out);
  return false;
}

function decodeFault(view: DataView, addressAt: number, errorAt: number, little: boolean, out: RawAccess): boolean {
  out.page = pageAt(view, addressAt, little);
  out.kernelHalf = (view.getUint8(addressAt + (little ? 7 : 0)) & 0x80) !== 0;
  out.write = (view.getUint8(errorAt + (little ? 0 : 7)) & ERROR_CODE_WRITE) !== 0;
  return true;
}

/** damon_aggregated: target_id@8 nr_regions@16 start@24 end@32 nr_accesses@40 age@44; 5.15 has nr_regions@32 and no age. */
export function decodeDamon(view: DataView, at: number, size: number, little: boolean, out: RawRegion): boolean {
  const old = size === 44;
  if (!old && (size < 48 || size > 56)) return false;
  readTarget(view, at + 8, little, out);
  out.ctx = out.scheme = -1;
  out.nrRegions = view.getUint32(at + (old ? 32 : 16), little);
  out.nrAccesses = view.getUint32(at + 40, little);
  out.age = old ? -1 : view.getUint32(at + 44, little);
  return decodeBounds(view, at + (old ? 16 : 24), little, out);
}

/** damos_before_apply: ctx@8 scheme@12 target_idx@16 start@24 end@32 nr_accesses@40 age@44 nr_regions@48. */
export function decodeDamos(view: DataView, at: number, size: number, little: boolean, out: RawRegion): boolean {
  if (size < 52 || size > 60) return false;
  readTarget(view, at + 16, little, out);
  out.ctx = view.getUint32(at + 8, little);
  out.scheme = view.getUint32(at + 12, little);
  out.nrRegions = view.getUint32(at + 48, little);
  out.nrAccesses = view.getUint32(at + 40, little);
  out.age = view.getUint32(at + 44, little);
  return decodeBounds(view, at + 24, little, out);
}

function readTarget(view: DataView, at: number, little: boolean, out: RawRegion): void {
  const high = view.getUint32(at + (little ? 4 : 0), little);
  const low = view.getUint32(at + (little ? 0 : 4), little);
  out.targetId = (high < 2 ** 20 ? high : high % 2 ** 20) * 2 ** 32 + low;
  out.targetText = high < 2 ** 20 ? '' : view.getBigUint64(at, little).toString();
}

/** Regions are page aligned; anything else is damage. */
function decodeBounds(view: DataView, at: number, little: boolean, out: RawRegion): boolean {
  out.startPage = pageAt(view, at, little);
  out.endPage = pageAt(view, at + 8, little);
  const lowBits = view.getUint32(at + (little ? 0 : 4), little) | view.getUint32(at + 8 + (little ? 0 : 4), little);
  return out.endPage > out.startPage && (lowBits & 0xfff) === 0;
}
