/** Decimal digits four at a time, for the fast ways: anything unusual is left to the careful readers of numbers.ts. */

/** Offset behind the digits read last. */
export const digits = { end: 0 };

/** More than fifteen digits do not fit a double. */
const MOST = 15;

/** Value of the four digits in a little-endian word, or -1 when one of them is none. */
function four(word: number): number {
  const nibbles = word ^ 0x30303030;
  if (((nibbles | (nibbles + 0x76767676)) & 0x80808080) !== 0) return -1;
  const pairs = Math.imul(nibbles, 10) + (nibbles >>> 8);
  return Math.imul(pairs & 0xff, 100) + ((pairs >>> 16) & 0xff);
}

/** Value of the four hex digits in a little-endian word, or -1 when one of them is none or upper case. */
export function fourHex(word: number): number {
  const nibbles = (word & 0x0f0f0f0f) + Math.imul((word >>> 6) & 0x01010101, 9);
  const letters = ((nibbles + 0x06060606) >>> 4) & 0x01010101;
  if ((nibbles & 0xf0f0f0f0) !== 0 || ((nibbles + 0x30303030 + Math.imul(letters, 39)) | 0) !== word) return -1;
  const pairs = (nibbles << 4) | (nibbles >>> 8);
  return ((pairs & 0xff) << 8) | ((pairs >>> 16) & 0xff);
}

/** Six digits at `from`, or -1. view holds from + 6 bytes. */
export function sixDigits(view: DataView, from: number): number {
  const head = four(view.getInt32(from, true));
  const tens = view.getUint8(from + 4) - 48;
  const ones = view.getUint8(from + 5) - 48;
  return head < 0 || tens >>> 0 > 9 || ones >>> 0 > 9 ? -1 : Math.imul(head, 100) + Math.imul(tens, 10) + ones;
}

/** Nine digits at `from`, or -1. view holds from + 9 bytes. */
export function nineDigits(view: DataView, from: number): number {
  const head = four(view.getInt32(from, true));
  const middle = four(view.getInt32(from + 4, true));
  const last = view.getUint8(from + 8) - 48;
  return head < 0 || middle < 0 || last >>> 0 > 9 ? -1 : Math.imul(head, 100_000) + Math.imul(middle, 10) + last;
}

/** A number of up to nine digits, or -1; it ends before `end`. */
export function shortNumber(view: DataView, from: number, end: number): number {
  const stop = Math.min(end, from + 10);
  let pos = from;
  let value = 0;
  while (pos < stop) {
    const digit = view.getUint8(pos) - 48;
    if (digit >>> 0 > 9) break;
    value = (Math.imul(value, 10) + digit) | 0;
    pos++;
  }
  digits.end = pos;
  return pos === from || pos === stop ? -1 : value;
}

/** A byte address of up to fifteen digits as page number; -1 when it is longer, no number, or not page aligned. It ends before `end`. */
export function alignedPage(view: DataView, from: number, end: number): number {
  let pos = from;
  let value = 0;
  while (pos + 4 <= end) {
    const next = four(view.getInt32(pos, true));
    if (next < 0) break;
    value = value * 10_000 + next;
    pos += 4;
  }
  while (pos < end) {
    const digit = view.getUint8(pos) - 48;
    if (digit >>> 0 > 9) break;
    value = value * 10 + digit;
    pos++;
  }
  digits.end = pos;
  if (pos === from || pos - from > MOST || pos === end) return -1;
  const page = Math.floor(value / 4096);
  return page * 4096 === value ? page : -1;
}

/** True when `length` bytes of both views are equal. Compares eight at a time from the end, where names and pids differ. */
export function sameBytes(known: DataView, view: DataView, from: number, length: number): boolean {
  let i = length;
  while (i >= 8) {
    i -= 8;
    if (view.getFloat64(from + i, true) !== known.getFloat64(i, true)) return false;
  }
  if (i === 0) return true;
  if (length >= 8) return view.getFloat64(from, true) === known.getFloat64(0, true);
  while (i > 0) {
    i--;
    if (view.getUint8(from + i) !== known.getUint8(i)) return false;
  }
  return true;
}

/** Whether bytes can be compared as doubles: ASCII is neither NaN nor one of two zeros. */
export function isComparable(bytes: Uint8Array, from: number, to: number): boolean {
  for (let pos = from; pos < to; pos++) if (bytes[pos]! < 1 || bytes[pos]! > 126) return false;
  return true;
}

/** Copies bytes to the start of a view. */
export function keepBytes(target: DataView, bytes: Uint8Array, from: number, to: number): void {
  for (let pos = from; pos < to; pos++) target.setUint8(pos - from, bytes[pos]!);
}
