/** The right half of a trace line: which data address an event body names, and whether it was a write. */
import { decimal, find, hexLow32, hexPage, isHexDigit, num, skip0x, skipBlanks, startsWith, ascii } from './numbers.ts';
import { isArmWrite, mapsMemory } from '../kvm-events.ts';
import type { SlotBases } from '../slot-bases.ts';
import { plainEventName } from './names.ts';

/** A hex column of perf's own fields: `addr` when asked for, `ip` otherwise. */
export const BODY_COLUMN = 0;
/** `address=0x7f.. ip=0x7f.. error_code=0x6` */
export const BODY_EXCEPTION = 1;
/** `vcpu 5 rip 0x.. address 0x.. error_code 0x181`, before 6.1 `address 84d000 error_code 4` */
export const BODY_KVM_FAULT = 2;
/** `gfn 100 pfn 4a2 level 1` */
export const BODY_SPTE_REQUESTED = 3;
/** `as id 0 gfn 100 level 1 old_spte 0 new_spte 600..` */
export const BODY_SPTE_CHANGED = 4;
/** `gfn 100 spte 600.. (rwxu) level 1 at ..` */
export const BODY_SPTE_SET = 5;
/** `vcpu 0 gva 1000 error_code P|W sptep ..` */
export const BODY_FAST_FAULT = 6;
/** `ring 0: dirty 0x1 reset 0x0 slot 0 offset 0x100 (used 1)`: KVM logs the first write to a page since the last harvest. */
export const BODY_DIRTY_RING = 8;
/** arm64: `ipa 0x84d000, hsr 0x92000046, hxfar 0x.., pc 0x..` */
export const BODY_GUEST_FAULT = 9;
/** Known, but no access: DAMON (see damon-text.ts) and scans. */
export const BODY_OTHER = 7;

const KINDS: Readonly<Record<string, number>> = {
  page_fault_user: BODY_EXCEPTION,
  page_fault_kernel: BODY_EXCEPTION,
  kvm_page_fault: BODY_KVM_FAULT,
  kvm_guest_fault: BODY_GUEST_FAULT,
  kvm_mmu_spte_requested: BODY_SPTE_REQUESTED,
  kvm_tdp_mmu_spte_changed: BODY_SPTE_CHANGED,
  kvm_mmu_set_spte: BODY_SPTE_SET,
  fast_page_fault: BODY_FAST_FAULT,
  kvm_dirty_ring_push: BODY_DIRTY_RING,
};

/** Names of tracepoints print as `system:name` (perf) or with underscores (ftrace); anything else may carry perf's addr column. */
export function bodyKind(eventName: string): number {
  const name = plainEventName(eventName);
  return KINDS[name] ?? (/^(damo[ns]_|kvm_|sched|mm_|sys_)/.test(name) ? BODY_OTHER : BODY_COLUMN);
}

/** True for events that always name an address: the fault tracepoints, and perf's software events of the same. */
export function carriesAccess(eventName: string): boolean {
  const name = plainEventName(eventName);
  return KINDS[name] !== undefined || /^(page|minor|major)-faults$/.test(name);
}

export const BODY_OK = 0;
export const BODY_NO_ADDRESS = 1;
export const BODY_DAMAGED = 2;
export const BODY_BEYOND_64_BIT = 3;
export const BODY_SYMBOLIC = 4;
export const BODY_UNUSABLE = 5;
export const BODY_TOO_LOW = 6;
export const BODY_HUGE_ENTRY = 7;
export const BODY_NO_SLOT_BASE = 8;
export const BODY_NO_FIELDS = 9;

export const BODY_REASONS: Readonly<Record<number, readonly [code: string, message: string]>> = {
  [BODY_NO_ADDRESS]: ['no-data-address', 'a sample without a data address (only an instruction address, or none)'],
  [BODY_DAMAGED]: ['damaged-fields', 'a sample with missing or unreadable fields'],
  [BODY_BEYOND_64_BIT]: ['address-overflow', 'an address with more than 64 bits'],
  [BODY_SYMBOLIC]: ['symbolic-address', 'the kernel printed the data address as a symbol'],
  [BODY_UNUSABLE]: ['other-event', 'an event that carries no accesses for this reader'],
  [BODY_TOO_LOW]: ['address-too-low', 'an address below 64 KiB: a null pointer, or a weight column taken for an address'],
  [BODY_HUGE_ENTRY]: ['huge-entry', 'a page-table entry above 4 KiB names no single page'],
  [BODY_NO_FIELDS]: ['no-trace-fields', 'a tracepoint printed without its own fields: perf script -F left out trace'],
  [BODY_NO_SLOT_BASE]: [
    'no-slot-base',
    'a dirty page is numbered within its memory slot: give the first guest frame with the option slot-base',
  ],
};

const ADDRESS = ascii('address');
const ERROR_CODE = ascii('error_code');
const GFN = ascii('gfn ');
const GVA = ascii('gva ');
const LEVEL = ascii('level ');
const OLD_SPTE = ascii('old_spte ');
const NEW_SPTE = ascii('new_spte ');
const SLOT = ascii(' slot ');
const OFFSET = ascii(' offset ');
const OP = ascii('|OP ');
const SNOOP = ascii('|SNP ');
const IPA = ascii('ipa ');
/** `hsr 0x..` or `esr 0x..` */
const SYNDROME = ascii('sr ');
const WRITE_BIT = 2;
/** vm.mmap_min_addr: no user page lies below. */
export const LOWEST_PAGE = 16;
/** Width of perf's addr column. */
export const COLUMN = 16;

/** How the addr column is recognised. */
export interface ColumnRule {
  /** The user said with `fields` that an addr field was printed. */
  readonly trusted: boolean;
  /** Take the last token (phys_addr) instead. */
  readonly physical: boolean;
}

/** Reads bodies; the last one's result stays here. */
export class BodyReader {
  page = 0;
  write = 0;
  /** True when the line carried perf's data source: then `write` is known. */
  hasSource = false;
  readonly #rule: ColumnRule;
  readonly #slots: SlotBases | undefined;

  constructor(rule: ColumnRule, slots?: SlotBases) {
    this.#rule = rule;
    this.#slots = slots;
  }

  /** @returns BODY_OK or the reason against it */
  read(kind: number, bytes: Uint8Array, body: number, to: number): number {
    this.write = 0;
    switch (kind) {
      case BODY_COLUMN:
        return this.#column(bytes, body, to);
      case BODY_EXCEPTION:
        return this.#fault(bytes, body, to, false);
      case BODY_KVM_FAULT:
        return this.#fault(bytes, body, to, true);
      case BODY_GUEST_FAULT:
        return this.#guestFault(bytes, body, to);
      case BODY_SPTE_REQUESTED:
        return this.#gfn(bytes, body, to);
      case BODY_SPTE_CHANGED:
        return this.#changed(bytes, body, to);
      case BODY_SPTE_SET:
        return this.#smallGfn(bytes, body, to);
      case BODY_FAST_FAULT:
        return this.#fastFault(bytes, body, to);
      case BODY_DIRTY_RING:
        return this.#dirtyRing(bytes, body, to);
      default:
        return BODY_UNUSABLE;
    }
  }

  /**
   * perf prints addr as %16lx right behind `event: `, ip as a blank and %16lx: the column tells them apart.
   *   page-faults:     7f3aefde6e76     7f3af093cbc2      addr ends at 16, ip at 33
   *   page-faults:      7fa8b67dab70 _start+0x0 (ld.so)   ip ends at 17
   */
  #column(bytes: Uint8Array, body: number, to: number): number {
    this.hasSource = false;
    if (this.#rule.physical) return this.#lastColumn(bytes, body, to);
    let pos = body;
    while (pos < to && bytes[pos] === 32) pos++;
    const page = hexPage(bytes, pos, to);
    const end = num.end;
    if (page === -1 || (end < to && bytes[end] !== 32))
      return pos >= to ? BODY_NO_ADDRESS : this.#rule.trusted ? BODY_DAMAGED : BODY_UNUSABLE;
    if (!this.#rule.trusted && end - body !== COLUMN && !(end - pos < COLUMN && pos - body <= 1 && secondColumn(bytes, end, to)))
      return BODY_NO_ADDRESS;
    if (end < to && isDataSource(bytes, end, to)) return BODY_NO_ADDRESS;
    if (page < 0) return BODY_BEYOND_64_BIT;
    if (page < LOWEST_PAGE) return BODY_TOO_LOW;
    this.page = page;
    if (end < to) this.#source(bytes, end, to);
    return BODY_OK;
  }

  /** phys_addr is printed last: `... _start+0x0 (ld.so)        1a2b3c4d` */
  #lastColumn(bytes: Uint8Array, body: number, to: number): number {
    let pos = to;
    while (pos > body && isHexDigit(bytes[pos - 1]!)) pos--;
    if (to - pos > COLUMN) pos = to - COLUMN;
    const page = hexPage(bytes, pos, to);
    if (page < 0) return BODY_NO_ADDRESS;
    if (page === 0) return BODY_TOO_LOW;
    this.page = page;
    return BODY_OK;
  }

  /** `       229100142 |OP LOAD|LVL L1 or L1 hit|...`: the hex is decoded, the text differs by perf version. */
  #source(bytes: Uint8Array, from: number, to: number): void {
    let pos = from;
    while (pos < to && bytes[pos] !== 124) pos++;
    if (pos + 4 > to || !startsWith(bytes, pos, to, OP)) return;
    let end = pos;
    while (end > from && bytes[end - 1] === 32) end--;
    let start = end;
    while (start > from && isHexDigit(bytes[start - 1]!)) start--;
    if (start === end) return;
    this.hasSource = true;
    this.write = isStore(hexLow32(bytes, start, end)) ? 1 : 0;
  }

  /** `address=0x7f ... error_code=0x6` and `address 84d000 error_code 4`: bit 1 of the code is W on AMD, on Intel and in page faults. */
  #fault(bytes: Uint8Array, body: number, to: number, bareHex: boolean): number {
    const address = find(bytes, body, to, ADDRESS) + ADDRESS.length;
    if (address < ADDRESS.length) return startsWithColumn(bytes, body, to) ? BODY_NO_FIELDS : BODY_DAMAGED;
    if (address >= to) return BODY_DAMAGED;
    const digits = skip0x(bytes, address + 1);
    if (digits === address + 1 && !bareHex) return isHexDigit(bytes[digits]!) || digits >= to ? BODY_DAMAGED : BODY_SYMBOLIC;
    const page = hexPage(bytes, digits, to);
    if (page === -1 || (num.end < to && bytes[num.end] !== 32)) return page === -1 && !bareHex ? BODY_SYMBOLIC : BODY_DAMAGED;
    if (page < 0) return BODY_BEYOND_64_BIT;
    const code = errorCodeEnd(bytes, num.end, to);
    if (code < 0) return BODY_DAMAGED;
    const codeDigits = skip0x(bytes, code + 1);
    const value = hexLow32(bytes, codeDigits, to);
    if (num.end === codeDigits || (num.end < to && bytes[num.end] !== 32)) return BODY_DAMAGED;
    this.page = page;
    this.write = (value & WRITE_BIT) === 0 ? 0 : 1;
    return BODY_OK;
  }

  /** A stage-2 fault of arm64 (arch/arm64/kvm/trace_arm.h); the syndrome is called hsr, later esr. */
  #guestFault(bytes: Uint8Array, body: number, to: number): number {
    const ipa = find(bytes, body, to, IPA);
    const syndrome = find(bytes, body, to, SYNDROME);
    if (ipa < 0 || syndrome < 0) return BODY_DAMAGED;
    const page = hexPage(bytes, skip0x(bytes, ipa + IPA.length), to);
    if (page < 0) return page === -1 ? BODY_DAMAGED : BODY_BEYOND_64_BIT;
    const digits = skip0x(bytes, syndrome + SYNDROME.length);
    const esr = hexLow32(bytes, digits, to);
    if (num.end === digits) return BODY_DAMAGED;
    this.page = page;
    this.write = isArmWrite(esr) ? 1 : 0;
    return BODY_OK;
  }

  #gfn(bytes: Uint8Array, body: number, to: number): number {
    const at = find(bytes, body, to, GFN);
    if (at < 0) return BODY_DAMAGED;
    const digits = skip0x(bytes, at + GFN.length);
    const high = hexPage(bytes, digits, to);
    if (high < 0) return high === -1 ? BODY_DAMAGED : BODY_BEYOND_64_BIT;
    // a gfn is a page number already
    this.page = high * 4096 + num.low;
    return this.page < 2 ** 52 ? BODY_OK : BODY_BEYOND_64_BIT;
  }

  #smallGfn(bytes: Uint8Array, body: number, to: number): number {
    const verdict = this.#gfn(bytes, body, to);
    const level = find(bytes, body, to, LEVEL);
    if (verdict !== BODY_OK || level < 0) return verdict === BODY_OK ? BODY_DAMAGED : verdict;
    return decimal(bytes, level + LEVEL.length, to) === 1 ? BODY_OK : BODY_HUGE_ENTRY;
  }

  /** Only a new entry (none before, one after) is a first touch; the others are zaps and flag changes. */
  #changed(bytes: Uint8Array, body: number, to: number): number {
    const before = find(bytes, body, to, OLD_SPTE);
    const after = find(bytes, body, to, NEW_SPTE);
    if (before < 0 || after < 0) return BODY_DAMAGED;
    const isNew = !isMapped(bytes, before + OLD_SPTE.length, to) && isMapped(bytes, after + NEW_SPTE.length, to);
    return isNew ? this.#smallGfn(bytes, body, to) : BODY_UNUSABLE;
  }

  #dirtyRing(bytes: Uint8Array, body: number, to: number): number {
    const slotAt = find(bytes, body, to, SLOT);
    const offsetAt = find(bytes, body, to, OFFSET);
    if (slotAt < 0 || offsetAt < 0) return BODY_DAMAGED;
    const slot = decimal(bytes, slotAt + SLOT.length, to);
    if (slot < 0 || num.end !== offsetAt) return BODY_DAMAGED;
    const digits = skip0x(bytes, offsetAt + OFFSET.length);
    const high = hexPage(bytes, digits, to);
    if (high < 0) return high === -1 ? BODY_DAMAGED : BODY_BEYOND_64_BIT;
    if (num.end < to && bytes[num.end] !== 32) return BODY_DAMAGED;
    if (this.#slots === undefined) return BODY_NO_SLOT_BASE;
    // an offset counts pages
    this.page = this.#slots.of(slot) + high * 4096 + num.low;
    this.write = 1;
    return this.page < 2 ** 52 ? BODY_OK : BODY_BEYOND_64_BIT;
  }

  #fastFault(bytes: Uint8Array, body: number, to: number): number {
    const at = find(bytes, body, to, GVA);
    const code = find(bytes, body, to, ERROR_CODE);
    if (at < 0 || code < 0) return BODY_DAMAGED;
    const page = hexPage(bytes, skip0x(bytes, at + GVA.length), to);
    if (page < 0) return page === -1 ? BODY_DAMAGED : BODY_BEYOND_64_BIT;
    this.page = page;
    // P|W|U or a number
    let pos = skipBlanks(bytes, code + ERROR_CODE.length, to);
    for (; pos < to && bytes[pos] !== 32; pos++) if (bytes[pos] === 87) this.write = 1;
    return BODY_OK;
  }
}

/** True when the number that ends at `from` is itself perf's data source: its text follows, `|OP LOAD|..`, or `L1 miss|SNP ..` of perfs that printed no operation. */
function isDataSource(bytes: Uint8Array, from: number, to: number): boolean {
  let pos = skipBlanks(bytes, from, to);
  if (pos < to && isHexDigit(bytes[pos]!)) return false;
  if (pos < to && bytes[pos] === 124) return true;
  while (pos < to && bytes[pos] !== 124) pos++;
  return startsWith(bytes, pos, to, SNOOP);
}

/** True when nothing is there, or one of perf's hex columns where a tracepoint's own fields should be. */
function startsWithColumn(bytes: Uint8Array, from: number, to: number): boolean {
  const pos = skipBlanks(bytes, from, to);
  if (pos === to) return true;
  hexPage(bytes, pos, to);
  return num.end > pos && (num.end === to || bytes[num.end] === 32);
}

/** True when the SPTE printed at `at` maps memory. */
function isMapped(bytes: Uint8Array, at: number, to: number): boolean {
  const digits = skip0x(bytes, at);
  const low = hexLow32(bytes, digits, to);
  return mapsMemory(low, hexPage(bytes, digits, to));
}

/** Offset behind the word `error_code`, or -1. It is the last field, so it is looked for from the end first. */
function errorCodeEnd(bytes: Uint8Array, from: number, to: number): number {
  let pos = to;
  while (pos > from && isHexDigit(bytes[pos - 1]!)) pos--;
  if (bytes[pos - 1] === 120) pos -= 2;
  const start = pos - 1 - ERROR_CODE.length;
  if (start > from && startsWith(bytes, start, to, ERROR_CODE)) return start + ERROR_CODE.length;
  const at = find(bytes, from, to, ERROR_CODE);
  return at < 0 ? -1 : at + ERROR_CODE.length;
}

/** mem_op (bits 0-4 of data_src): 2 = load, 4 = store. */
export function isStore(dataSourceLow: number): boolean {
  return (dataSourceLow & 4) !== 0;
}

/** True when a second hex number of 5 digits or more stands alone behind the first: addr, then ip. */
function secondColumn(bytes: Uint8Array, from: number, to: number): boolean {
  const pos = skipBlanks(bytes, from, to);
  hexPage(bytes, pos, to);
  return num.end - pos >= 5 && (num.end === to || bytes[num.end] === 32);
}
