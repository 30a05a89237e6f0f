/** Numbers straight from bytes. The results that do not fit the return value are left in `num`. */

/** Where the last parse stopped, and the part of the value below one page. */
export const num = {
  /** Offset of the first byte that is not part of the number. */
  end: 0,
  /** value & 4095 of the last `hexPage` or `decimalPage`. */
  low: 0,
};

/** Returned instead of a value: no digit at all, or more than 64 bits. */
export const NOT_A_NUMBER = -1;
export const OVERFLOW = -2;

const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

export function isHexDigit(byte: number): boolean {
  return HEX[byte]! >= 0;
}

/** A 64-bit hex number (no 0x) as page number; the offset in the page goes to num.low. Exact. */
export function hexPage(bytes: Uint8Array, from: number, to: number): number {
  let pos = from;
  while (pos < to && bytes[pos] === 48) pos++;
  const first = pos;
  let high = 0;
  let low = 0;
  for (; pos < to; pos++) {
    const digit = HEX[bytes[pos]!]!;
    if (digit < 0) break;
    high = (high << 4) | (low >>> 28);
    low = (low << 4) | digit;
  }
  num.end = pos;
  if (pos === from) return NOT_A_NUMBER;
  if (pos - first > 16) return OVERFLOW;
  num.low = low & 4095;
  return (high >>> 0) * 1048576 + (low >>> 12);
}

/** Skips `0x` when it is there. */
export function skip0x(bytes: Uint8Array, from: number): number {
  return bytes[from] === 48 && (bytes[from + 1]! | 32) === 120 ? from + 2 : from;
}

/** A hex number's low 32 bits as signed int; the rest is dropped. num.end tells whether there was one. */
export function hexLow32(bytes: Uint8Array, from: number, to: number): number {
  let pos = from;
  let low = 0;
  for (; pos < to; pos++) {
    const digit = HEX[bytes[pos]!]!;
    if (digit < 0) break;
    low = (low << 4) | digit;
  }
  num.end = pos;
  return low;
}

/** Digits that fit a signed 32-bit number. */
const SMALL = 9;

/** A decimal number, exact up to 2^53; NOT_A_NUMBER without digits. */
export function decimal(bytes: Uint8Array, from: number, to: number): number {
  const stop = to - from > SMALL ? from + SMALL : to;
  let pos = from;
  let small = 0;
  while (pos < stop) {
    const digit = bytes[pos]! - 48;
    if (digit >>> 0 > 9) break;
    small = (Math.imul(small, 10) + digit) | 0;
    pos++;
  }
  num.end = pos;
  if (pos < stop || pos === to) return pos === from ? NOT_A_NUMBER : small;
  return longDecimal(bytes, pos, to, small);
}

/** Goes on behind the first nine digits. */
function longDecimal(bytes: Uint8Array, from: number, to: number, head: number): number {
  const stop = to - from > SMALL ? from + SMALL : to;
  let pos = from;
  let small = 0;
  let scale = 1;
  while (pos < stop) {
    const digit = bytes[pos]! - 48;
    if (digit >>> 0 > 9) break;
    small = (Math.imul(small, 10) + digit) | 0;
    scale *= 10;
    pos++;
  }
  let value = head * scale + small;
  for (; pos < to; pos++) {
    const digit = bytes[pos]! - 48;
    if (digit >>> 0 > 9) break;
    value = value * 10 + digit;
  }
  num.end = pos;
  return value;
}

/** A 64-bit decimal number as page number, the rest in num.low. Exact: carried in two parts when a double would round. */
export function decimalPage(bytes: Uint8Array, from: number, to: number): number {
  const value = decimal(bytes, from, to);
  if (num.end - from <= 15) {
    const page = Math.floor(value / 4096);
    num.low = value - page * 4096;
    return value < 0 ? NOT_A_NUMBER : page;
  }
  const { end } = num;
  let page = 0;
  let low = 0;
  for (let pos = from; pos < end; pos++) {
    low = low * 10 + (bytes[pos]! - 48);
    page = page * 10 + (low >>> 12);
    low &= 4095;
    if (page > 2 ** 52 - 1) return OVERFLOW;
  }
  num.low = low;
  return page;
}

/** First offset in [from, to) that is neither blank nor tab, or `to`. */
export function skipBlanks(bytes: Uint8Array, from: number, to: number): number {
  let pos = from;
  while (pos < to && (bytes[pos] === 32 || bytes[pos] === 9)) pos++;
  return pos;
}

/** First blank, tab or end from `from`. */
export function tokenEnd(bytes: Uint8Array, from: number, to: number): number {
  let pos = from;
  while (pos < to && bytes[pos] !== 32 && bytes[pos] !== 9) pos++;
  return pos;
}

/** True when `word` stands at `from`, wholly inside [from, to). */
export function startsWith(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from < word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false;
  return true;
}

/** Offset of `word` in [from, to), or -1. */
export function find(bytes: Uint8Array, from: number, to: number, word: Uint8Array): number {
  const first = word[0]!;
  for (let pos = from; pos <= to - word.length; pos++) {
    if (bytes[pos] === first && startsWith(bytes, pos, to, word)) return pos;
  }
  return -1;
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
