/** Raw payloads of the tracepoints that tell about memory, by their fixed layouts. */
import { pageAt } from '../binary.ts';
import { isArmWrite, mapsMemory } from '../kvm-events.ts';

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

/** Events whose samples are accesses; all but the first tell guest physical pages. */
export type AccessUse = 'user-fault' | 'kvm-fault' | 'guest-fault' | 'spte-requested' | 'spte-changed';
export type TracepointUse = AccessUse | 'damon_aggregated' | 'damos_before_apply' | null;

const USES: Readonly<Record<string, TracepointUse>> = {
  page_fault_user: 'user-fault',
  page_fault_kernel: 'user-fault',
  kvm_page_fault: 'kvm-fault',
  kvm_guest_fault: 'guest-fault',
  kvm_mmu_spte_requested: 'spte-requested',
  kvm_tdp_mmu_spte_changed: 'spte-changed',
  damon_aggregated: 'damon_aggregated',
  damos_before_apply: 'damos_before_apply',
};

/** What to do with an event called `name` ("exceptions:page_fault_user", or without the subsystem). */
export function tracepointUse(name: string): TracepointUse {
  return USES[name.replace(/^\w+:/, '')] ?? null;
}

export function isAccess(use: string | null): use is AccessUse {
  return use !== null && use in ACCESS_DECODERS;
}

/** What a payload was: an access, not one (the event tells more than accesses), or of a length that the event never has. */
export type Decoded = 'access' | 'other' | 'damaged';
type Decode = (view: DataView, at: number, size: number, little: boolean, out: RawAccess) => Decoded;

/** By event; offsets include the eight bytes that all tracepoints begin with. */
export const ACCESS_DECODERS: Readonly<Record<AccessUse, Decode>> = {
  /** address@8 ip@16 error_code@24 */
  'user-fault': (view, at, size, little, out) => (size < 32 || size > 40 ? 'damaged' : fault(view, at + 8, at + 24, little, out)),
  /** vcpu@8 rip@16 address@24 error@32; before 6.1 only address@8 error@16 */
  'kvm-fault'(view, at, size, little, out) {
    if (size >= 40 && size <= 48) return fault(view, at + 24, at + 32, little, out);
    if (size >= 24 && size <= 28) return fault(view, at + 8, at + 16, little, out);
    return 'damaged';
  },
  /** arm64: pc@8 syndrome@16 hxfar@24 ipa@32 */
  'guest-fault'(view, at, size, little, out) {
    if (size < 40 || size > 48) return 'damaged';
    out.page = pageAt(view, at + 32, little);
    out.kernelHalf = false;
    out.write = isArmWrite(view.getUint32(at + 16 + (little ? 0 : 4), little));
    return 'access';
  },
  /** gfn@8 pfn@16 level@24 */
  'spte-requested': (view, at, size, little, out) => (size < 25 || size > 36 ? 'damaged' : frame(view, at + 8, little, out)),
  /** gfn@8 old@16 new@24 level@32: a first touch when there was no entry, and there is one of 4 KiB now */
  'spte-changed'(view, at, size, little, out) {
    if (size < 34 || size > 44) return 'damaged';
    const isMapped = (spte: number): boolean => mapsMemory(view.getUint32(spte + (little ? 0 : 4), little), pageAt(view, spte, little));
    if (isMapped(at + 16) || !isMapped(at + 24) || view.getUint8(at + 32) !== 1) return 'other';
    return frame(view, at + 8, little, out);
  },
};

const ERROR_CODE_WRITE = 2;

function fault(view: DataView, addressAt: number, errorAt: number, little: boolean, out: RawAccess): Decoded {
  out.page = pageAt(view, addressAt, little);
  out.kernelHalf = (view.getUint8(addressAt + (little ? 7 : 0)) & 0x80) !== 0;
  out.write = (view.getUint8(errorAt + (little ? 0 : 7)) & ERROR_CODE_WRITE) !== 0;
  return 'access';
}

/** A gfn is a page number already. */
function frame(view: DataView, at: number, little: boolean, out: RawAccess): Decoded {
  const high = view.getUint32(at + (little ? 4 : 0), little);
  out.page = high * 2 ** 32 + view.getUint32(at + (little ? 0 : 4), little);
  out.kernelHalf = out.write = false;
  return high < 2 ** 20 ? 'access' : 'damaged';
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
