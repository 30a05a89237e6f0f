/** The body of exceptions:page_fault_user and _kernel when it is whole and plain: `address=0x7f29da35ab70 ip=0x7f29da35ab70 error_code=0x6`. */
import { hexLow32, hexPage, num } from './numbers.ts';

/** Eight bytes as a double, to compare them in one go. */
const word = (text: string): number => new DataView(new Uint8Array(Buffer.from(text, 'latin1')).buffer).getFloat64(0, true);
const ADDRESS = word('address=');
const ERROR_CO = word('error_co');
const IP = 0x3d706920; // ' ip='
const DE = 0x303d6564; // 'de=0'
const X = 120;
/** Longest body: 18 of each address, 10 of the code, and the names. */
const MOST = 80;
const WRITE_BIT = 2;

export const fault = { page: 0, write: 0 };

/** @returns offset of the line feed, or -1: leave the line to BodyReader. Result in `fault`. */
export function fastFault(bytes: Uint8Array, view: DataView, body: number, end: number): number {
  if (body + MOST > end || view.getFloat64(body, true) !== ADDRESS || bytes[body + 8] !== 48 || bytes[body + 9] !== X) return -1;
  const page = hexPage(bytes, body + 10, end);
  let pos = num.end;
  if (page < 0 || pos + 48 > end || view.getInt32(pos, true) !== IP || bytes[pos + 4] !== 48 || bytes[pos + 5] !== X) return -1;
  pos += 6;
  const ipEnd = pos + 17;
  while (pos < ipEnd && bytes[pos]! > 32) pos++;
  if (bytes[pos] !== 32 || pos + 24 > end || view.getFloat64(pos + 1, true) !== ERROR_CO) return -1;
  if (view.getInt32(pos + 9, true) !== DE || bytes[pos + 13] !== X) return -1;
  const code = hexLow32(bytes, pos + 14, end);
  const feed = bytes[num.end] === 13 ? num.end + 1 : num.end;
  if (num.end === pos + 14 || feed >= end || bytes[feed] !== 10) return -1;
  fault.page = page;
  fault.write = (code & WRITE_BIT) === 0 ? 0 : 1;
  return feed;
}
