/** The body of exceptions:page_fault_user and _kernel when it is whole and plain: `address=0x7f29da35ab70 ip=0x7f29da35ab70 error_code=0x6`. */
import { fourHex } from './digits.ts';
import { hexLow32, hexPage, num } from './numbers.ts';

/** Eight bytes as a double, to compare them in one go. */
const word = (text: string): number => new DataView(new Uint8Array(Buffer.from(text, 'latin1')).buffer).getFloat64(0, true);
const ADDRESS = word('address=');
const ERROR_CO = word('error_co');
const IP = 0x3d706920; // ' ip='
const DE = 0x303d6564; // 'de=0'
const X = 120;
const ZERO_X = 0x7830; // '0x'
/** Longest body: 18 of each address, 10 of the code, and the names. */
const MOST = 80;
const WRITE_BIT = 2;
/** Digits of most user addresses. */
const USUAL = 12;

export const fault = { page: 0, write: 0 };

/** @returns offset of the line feed, or -1: leave the line to BodyReader. Result in `fault`. */
export function fastFault(bytes: Uint8Array, view: DataView, body: number, end: number): number {
  if (body + MOST > end || view.getFloat64(body, true) !== ADDRESS || view.getInt16(body + 8, true) !== ZERO_X) return -1;
  let pos = body + 10;
  const page = usualPage(view, pos);
  if (page >= 0) pos += USUAL;
  else if (!anyPage(bytes, pos, end)) return -1;
  else pos = num.end;
  if (pos + 48 > end || view.getInt32(pos, true) !== IP || view.getInt16(pos + 4, true) !== ZERO_X) return -1;
  pos = wordEnd(bytes, view, pos + 6);
  if (bytes[pos] !== 32 || pos + 24 > end || view.getFloat64(pos + 1, true) !== ERROR_CO) return -1;
  if (view.getInt32(pos + 9, true) !== DE || bytes[pos + 13] !== X) return -1;
  const code = hexLow32(bytes, pos + 14, end);
  const feed = bytes[num.end] === 13 ? num.end + 1 : num.end;
  if (num.end === pos + 14 || feed >= end || bytes[feed] !== 10) return -1;
  if (page >= 0) fault.page = page;
  fault.write = (code & WRITE_BIT) === 0 ? 0 : 1;
  return feed;
}

/** Page of an address of twelve digits with a blank behind it, -1 for any other. */
function usualPage(view: DataView, from: number): number {
  if (view.getUint8(from + USUAL) !== 32) return -1;
  const high = fourHex(view.getInt32(from, true));
  const middle = fourHex(view.getInt32(from + 4, true));
  const low = fourHex(view.getInt32(from + 8, true));
  return (high | middle | low) < 0 ? -1 : high * 0x10_0000 + ((middle << 4) | (low >>> 12));
}

/** Leaves the page of any address in `fault`. */
function anyPage(bytes: Uint8Array, from: number, end: number): boolean {
  fault.page = hexPage(bytes, from, end);
  return fault.page >= 0;
}

/** Where a word of at most sixteen bytes ends that begins at `from`: usually behind twelve, none of which is a blank or lower. */
function wordEnd(bytes: Uint8Array, view: DataView, from: number): number {
  const usual = from + USUAL;
  if (
    bytes[usual] === 32 &&
    hasNoBlank(view.getInt32(from, true)) &&
    hasNoBlank(view.getInt32(from + 4, true)) &&
    hasNoBlank(view.getInt32(from + 8, true))
  )
    return usual;
  let pos = from;
  while (pos < from + 17 && bytes[pos]! > 32) pos++;
  return pos;
}

/** True when every byte of a word is above 32; may be false for some others. */
function hasNoBlank(four: number): boolean {
  return ((four - 0x21212121) & ~four & 0x80808080) === 0;
}
