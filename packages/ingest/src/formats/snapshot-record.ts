/** Records of the kit's snapshot files: an 8-byte magic, little-endian u64 fields, then bitmaps. */
import { TraceFormatError, type IngestContext } from '@workset/model';
import { startsWith } from '../byte-source.ts';
import { u64, type ByteReader } from '../binary.ts';

/** Bitmaps of more than this are damage: 1 GiB of bits is 32 TiB of memory. */
const BITMAP_BYTES_MAX = 1 << 30;

export interface SnapshotHeader {
  readonly magic: string;
  /** The u64 fields behind the magic. */
  readonly fields: readonly number[];
  readonly byteOffset: number;
}

/**
 * Reads the next header, or undefined at the end of the file.
 * @param nFields of each magic this file may hold
 * @throws TraceFormatError on another magic, a cut header, or a field above 2^53
 */
export async function readSnapshotHeader(
  reader: ByteReader,
  nFields: Readonly<Record<string, number>>,
): Promise<SnapshotHeader | undefined> {
  if (!(await reader.need(1))) return undefined;
  const byteOffset = reader.offset;
  const magic = String.fromCharCode(...(await takeWhole(reader, 8, byteOffset)));
  const n = nFields[magic];
  if (n === undefined) {
    throw new TraceFormatError(
      `expected a record (${Object.keys(nFields).join(' or ')}), found ${JSON.stringify(magic)}`,
      { file: reader.path, byteOffset },
      'the file is damaged from here on',
    );
  }
  const bytes = await takeWhole(reader, 8 * n, byteOffset);
  const view = new DataView(bytes.buffer);
  const fields = Array.from({ length: n }, (_, i) => u64(view, 8 * i, true));
  const bad = fields.findIndex((value) => value > Number.MAX_SAFE_INTEGER);
  if (bad >= 0)
    throw new TraceFormatError(
      `field ${bad + 1} of ${magic} is out of range (${fields[bad]})`,
      { file: reader.path, byteOffset },
      'the file is damaged from here on',
    );
  return { magic, fields, byteOffset };
}

/** The next `nBytes` of a bitmap. Throws TraceFormatError when the file ends before it does. */
export async function readBitmap(reader: ByteReader, nBytes: number, recordOffset: number): Promise<Uint8Array> {
  if (nBytes > BITMAP_BYTES_MAX) {
    throw new TraceFormatError(
      `a bitmap of ${nBytes} bytes is out of range`,
      { file: reader.path, byteOffset: recordOffset },
      'the file is damaged from here on',
    );
  }
  return takeWhole(reader, nBytes, recordOffset);
}

/**
 * Bytes of a bitmap over `nPages` that may or may not be padded to whole words: what makes the next record (or the end) follow it.
 * Padded when neither does, so that the damage is found where it is.
 */
export async function bitmapBytes(reader: ByteReader, nPages: number, magic: string): Promise<number> {
  const padded = Math.ceil(nPages / 64) * 8;
  const tight = Math.ceil(nPages / 8);
  if (tight === padded || padded > BITMAP_BYTES_MAX) return padded;
  await reader.need(padded + magic.length);
  const ends = (n: number): boolean => reader.available === n || startsWith(reader.bytes.subarray(reader.start + n, reader.end), magic);
  return !ends(padded) && ends(tight) ? tight : padded;
}

/** The bits of the first `nPages` pages; bits behind the last page are cleared and counted. */
export function pageBits(bits: Uint8Array, nPages: number, reader: ByteReader, ctx: IngestContext): Uint8Array {
  const whole = bits.subarray(0, (nPages + 7) >> 3);
  const rest = nPages & 7;
  const stray = rest === 0 ? 0 : whole[whole.length - 1]! >> rest;
  if (stray !== 0 || bits.subarray(whole.length).some((byte) => byte !== 0)) {
    ctx.reject('bits-behind-end', 'a bitmap has bits set behind its last page; they are not used', { byteOffset: reader.offset });
    if (rest !== 0) whole[whole.length - 1]! &= (1 << rest) - 1;
  }
  return whole;
}

/** Throws TraceFormatError unless times go forward: `names[i]` at `times[i]`. */
export function checkTimes(reader: ByteReader, header: SnapshotHeader, names: readonly string[], times: readonly number[]): void {
  for (let i = 1; i < times.length; i++) {
    if (times[i]! >= times[i - 1]!) continue;
    throw new TraceFormatError(
      `${names[i]!} (${times[i]!}) is before ${names[i - 1]!} (${times[i - 1]!})`,
      { file: reader.path, byteOffset: header.byteOffset },
      'the file is damaged from here on',
    );
  }
}

async function takeWhole(reader: ByteReader, n: number, recordOffset: number): Promise<Uint8Array<ArrayBuffer>> {
  if (await reader.need(n)) return reader.take(n, 'record');
  throw new TraceFormatError(
    'the file is truncated: it ends inside the record that starts here',
    { file: reader.path, byteOffset: recordOffset },
    'copy it again, or let the tracker end by itself',
  );
}
