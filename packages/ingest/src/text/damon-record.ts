/** One DAMON tracepoint body: `target_id=0 nr_regions=1931 4294967296-4300476416: 0 12`, its older and newer shapes, and trace-cmd -R. */
import { ascii, decimal, decimalPage, num, skipBlanks, startsWith, tokenEnd } from './numbers.ts';

const KEYS = {
  target: [ascii('target_id='), ascii('target_idx=')],
  ctx: ascii('ctx_idx='),
  scheme: ascii('scheme_idx='),
  regions: ascii('nr_regions='),
  accesses: ascii('nr_accesses='),
  start: ascii('start='),
  end: ascii('end='),
  age: ascii('age='),
};
const NONE = ascii('None');

export const RECORD_OK = 0;
export const RECORD_DAMAGED = 1;
export const RECORD_UNALIGNED = 2;
export const RECORD_EMPTY = 3;

export const RECORD_REASONS: Readonly<Record<number, readonly [code: string, message: string]>> = {
  [RECORD_DAMAGED]: ['damaged-record', 'a DAMON line with missing or unreadable numbers'],
  [RECORD_UNALIGNED]: ['unaligned-region', 'a DAMON region whose bounds are not page aligned or beyond 64 bits'],
  [RECORD_EMPTY]: ['bad-region', 'a DAMON region with start >= end, or in a snapshot of 0 regions'],
};

/** Parses into its own fields. */
export class DamonRecord {
  /** Target index, or the low bits of 5.15's kernel pointer: equal for equal targets. */
  target = 0;
  /** All digits of the id when a double cannot hold it, else empty. */
  targetText = '';
  /** Of damos_before_apply; -1 = the event has none. */
  ctx = -1;
  scheme = -1;
  nrRegions = 0;
  startPage = 0;
  endPage = 0;
  nrAccesses = 0;
  /** -1 = the kernel did not print it. */
  age = -1;
  #startLow = 0;
  #endLow = 0;

  /** Bytes of `target_id=0 nr_regions=1931 ` when the record is whole and reads so, else 0. */
  startLength = 0;

  read(bytes: Uint8Array, from: number, to: number): number {
    this.startLength = 0;
    const verdict = this.#readAll(bytes, from, to);
    if (verdict !== RECORD_OK) this.startLength = 0;
    return verdict;
  }

  /** Takes over what the records of a burst have in common. */
  keepStart({ target, targetText, ctx, scheme, nrRegions }: DamonRecord): void {
    this.target = target;
    this.targetText = targetText;
    this.ctx = ctx;
    this.scheme = scheme;
    this.nrRegions = nrRegions;
  }

  #readAll(bytes: Uint8Array, from: number, to: number): number {
    this.target = this.nrRegions = this.startPage = this.endPage = this.nrAccesses = this.age = -1;
    this.#startLow = this.#endLow = 0;
    this.ctx = this.scheme = -1;
    this.targetText = '';
    let pos = from;
    while (pos < to) {
      pos = skipBlanks(bytes, pos, to);
      if (pos >= to) break;
      const first = bytes[pos]!;
      if (first >= 48 && first <= 57) {
        this.startLength = pos - from;
        return this.#verdict(this.#readRegion(bytes, pos, to));
      }
      this.#readPair(bytes, pos, to);
      pos = tokenEnd(bytes, pos, to);
    }
    return this.#verdict(true);
  }

  /** `4294967296-4300476416: 0 12` */
  #readRegion(bytes: Uint8Array, from: number, to: number): boolean {
    this.nrAccesses = -1;
    this.startPage = decimalPage(bytes, from, to);
    this.#startLow = num.low;
    if (num.end >= to || bytes[num.end] !== 45) return false;
    this.endPage = decimalPage(bytes, num.end + 1, to);
    this.#endLow = num.low;
    if (num.end + 1 >= to || bytes[num.end] !== 58) return false;
    this.nrAccesses = decimal(bytes, skipBlanks(bytes, num.end + 1, to), to);
    const age = skipBlanks(bytes, num.end, to);
    if (age < to && age === num.end) return false;
    if (age >= to || startsWith(bytes, age, to, NONE)) return true;
    this.age = decimal(bytes, age, to);
    return this.age >= 0 && (num.end === to || bytes[num.end] === 32);
  }

  #readPair(bytes: Uint8Array, pos: number, to: number): void {
    if (bytes[pos] === 116) {
      for (const key of KEYS.target) if (startsWith(bytes, pos, to, key)) this.#readTarget(bytes, pos + key.length, to);
    } else if (startsWith(bytes, pos, to, KEYS.ctx)) this.ctx = decimal(bytes, pos + KEYS.ctx.length, to);
    else if (startsWith(bytes, pos, to, KEYS.scheme)) this.scheme = decimal(bytes, pos + KEYS.scheme.length, to);
    else if (startsWith(bytes, pos, to, KEYS.regions)) this.nrRegions = decimal(bytes, pos + KEYS.regions.length, to);
    else if (startsWith(bytes, pos, to, KEYS.accesses)) this.nrAccesses = decimal(bytes, pos + KEYS.accesses.length, to);
    else if (startsWith(bytes, pos, to, KEYS.age)) this.age = decimal(bytes, pos + KEYS.age.length, to);
    else if (startsWith(bytes, pos, to, KEYS.start)) {
      this.startPage = decimalPage(bytes, pos + KEYS.start.length, to);
      this.#startLow = num.low;
    } else if (startsWith(bytes, pos, to, KEYS.end)) {
      this.endPage = decimalPage(bytes, pos + KEYS.end.length, to);
      this.#endLow = num.low;
    }
  }

  #readTarget(bytes: Uint8Array, from: number, to: number): void {
    this.target = identity(bytes, from, to);
    if (num.end - from > 15) this.targetText = Buffer.from(bytes.buffer, bytes.byteOffset + from, num.end - from).toString('latin1');
  }

  #verdict(readable: boolean): number {
    if (!readable || this.target < 0 || this.nrRegions < 0 || this.nrAccesses < 0 || this.startPage === -1 || this.endPage === -1)
      return RECORD_DAMAGED;
    if (this.startPage < 0 || this.endPage < 0 || this.#startLow !== 0 || this.#endLow !== 0) return RECORD_UNALIGNED;
    return this.startPage >= this.endPage || this.nrRegions === 0 ? RECORD_EMPTY : RECORD_OK;
  }
}

/** A number that is equal for equal ids: the value itself, or the low 52 bits of 5.15's 64-bit kernel pointers. */
function identity(bytes: Uint8Array, from: number, to: number): number {
  const value = decimal(bytes, from, to);
  if (num.end - from <= 15) return value;
  const page = decimalPage(bytes, from, to);
  return page < 0 ? page : (page % 2 ** 40) * 4096 + num.low;
}
