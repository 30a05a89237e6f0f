/** Cells of one column → a compressed Parquet data page: PLAIN values, nulls as runs of definition levels. */
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import type { ColumnSpec, Row, SqlType } from '@workset/model';
import { encodeStruct, i32, struct, type Field } from './thrift.ts';

/** A value of a results table as `Row` holds it. */
export type Cell = Row[string];

/** A page with its header, ready to be written any number of times. It may be compressed only when somebody asks for it. */
export interface Page {
  /** Its bytes, in pieces. */
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
  readonly nValues: number;
  /** How its values are compressed: the same for all pages of a column chunk. */
  readonly codec: number;
  /** Header and values before compression. */
  readonly rawBytes: number;
}

/** Takes bytes, which may change afterwards; gives what they are compressed when asked. Equal bytes give equal results. */
export type Compress = (raw: Uint8Array) => () => Uint8Array;

const UNCOMPRESSED = 0;
const ZSTD = 6;
export const GZIP = 2;
const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;
/** Indices into the dictionary page of the column. */
export const RLE_DICTIONARY = 8;
export const PLAIN = 0;
const RLE = 3;

/** Zstandard; gzip under a Node that lacks it (before 22.15). */
export const CODEC = typeof zlib.zstdCompressSync === 'function' ? ZSTD : GZIP;

const MAX_CHUNK_BYTES = 120 << 10;
/** Results that fill less of their room are moved to one of their own size: many wait in memory, and only their bytes are counted. */
const MIN_FILL = 3 / 4;

/** The bytes of a page as they are stored. */
export function compressed(raw: Uint8Array, codec = CODEC): Uint8Array {
  if (codec === GZIP) return zlib.gzipSync(raw, { level: 1 });
  // Room for most results in one piece, and no more than the input needs.
  const chunkSize = Math.min(raw.length + 64, MAX_CHUNK_BYTES);
  const bytes = zlib.zstdCompressSync(raw, { chunkSize, params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } });
  return bytes.length < MIN_FILL * bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
}

export const compressNow: Compress = (raw) => {
  const bytes = compressed(raw);
  return () => bytes;
};

/** The page of values already encoded (behind their definition levels, if any); as PLAIN unless told otherwise. */
export function pageOf(raw: Uint8Array, nValues: number, encoding = PLAIN, compress: Compress = compressNow): Page {
  return new CompressedPage(DATA_PAGE, raw, nValues, dataPage(nValues, encoding), compress, CODEC);
}
function dataPage(nValues: number, encoding: number): Field {
  return struct(5, [i32(1, nValues), i32(2, encoding), i32(3, RLE), i32(4, RLE)]);
}

/** The distinct values of a column, as PLAIN, that its data pages refer to. */
export function dictionaryOf(raw: Uint8Array, nValues: number): Page {
  return new CompressedPage(DICTIONARY_PAGE, raw, nValues, dictionaryPage(nValues), compressNow, CODEC);
}
function dictionaryPage(nValues: number): Field {
  return struct(7, [i32(1, nValues), i32(2, PLAIN)]);
}

/** Neighbouring values of a dictionary that are compressed by themselves, whichever dictionaries they will be in. */
export class Frame {
  readonly nValues: number;
  readonly rawLength: number;
  readonly #compressed: () => Uint8Array;
  #bytes: Uint8Array | undefined;

  constructor(raw: Uint8Array, nValues: number, compress: Compress) {
    this.nValues = nValues;
    this.rawLength = raw.length;
    this.#compressed = compress(raw);
  }
  get bytes(): Uint8Array {
    return (this.#bytes ??= this.#compressed());
  }
}

function oneMember(frames: readonly Frame[]): Uint8Array {
  return compressed(Buffer.concat(frames.map(({ bytes }) => zlib.gunzipSync(bytes))), GZIP);
}

/** A dictionary of the values of the frames one after the other, and of how many bytes and values each piece of it is compressed. */
export function dictionaryOfFrames(
  frames: readonly Frame[],
  codec = CODEC,
): { page: Page; framed: readonly (readonly [number, number])[] } {
  const nValues = frames.reduce((sum, frame) => sum + frame.nValues, 0);
  const rawLength = frames.reduce((sum, frame) => sum + frame.rawLength, 0);
  assert(rawLength < 2 ** 31, `a dictionary of ${rawLength} bytes`);
  // Frames of zstd behind one another are zstd data (RFC 8878, section 3); not every reader takes gzip that way.
  const bodies = codec === ZSTD ? frames.map(({ bytes }) => bytes) : [oneMember(frames)];
  const length = bodies.reduce((sum, body) => sum + body.length, 0);
  const header = encodeStruct([i32(1, DICTIONARY_PAGE), i32(2, rawLength), i32(3, length), dictionaryPage(nValues)]);
  return {
    page: { pieces: [header, ...bodies], length: header.length + length, nValues, codec, rawBytes: header.length + rawLength },
    framed: codec === ZSTD ? frames.map((frame) => [frame.bytes.length, frame.nValues]) : [[length, nValues]],
  };
}

/** Smaller ones gain less than starting a compressor costs, and a file of a few rows has a dozen of them. */
const MIN_COMPRESSED_BYTES = 1024;

/** The only page of a column chunk, of bytes that will not change; small ones are stored as they are. */
export function chunkOf(raw: Uint8Array, nValues: number): Page {
  return new CompressedPage(DATA_PAGE, raw, nValues, dataPage(nValues, PLAIN), compressNow, codecFor(raw.length, MIN_COMPRESSED_BYTES));
}

/** The pages of a column chunk of `n` indices into PLAIN values; below `least` bytes they are stored as they are. */
export function codedChunk(
  values: { readonly raw: Uint8Array; readonly n: number },
  codes: Uint8Array,
  n: number,
  least: number,
): { readonly dictionary: Page; readonly pages: readonly Page[] } {
  // One codec for both.
  const codec = codecFor(values.raw.length + codes.length, least);
  return {
    dictionary: new CompressedPage(DICTIONARY_PAGE, values.raw, values.n, dictionaryPage(values.n), compressNow, codec),
    pages: [new CompressedPage(DATA_PAGE, codes, n, dataPage(n, RLE_DICTIONARY), compressNow, codec)],
  };
}

function codecFor(length: number, least: number): number {
  return length >= least ? CODEC : UNCOMPRESSED;
}

class CompressedPage implements Page {
  readonly codec: number;
  readonly nValues: number;
  readonly #type: number;
  readonly #rawLength: number;
  readonly #details: Field;
  readonly #body: () => Uint8Array;
  #made: readonly [header: Uint8Array, body: Uint8Array] | undefined;

  constructor(type: number, raw: Uint8Array, nValues: number, details: Field, compress: Compress, codec: number) {
    this.codec = codec;
    this.#type = type;
    this.#rawLength = raw.length;
    this.nValues = nValues;
    this.#details = details;
    this.#body = codec === UNCOMPRESSED ? () => raw : compress(raw);
  }

  get pieces(): readonly [header: Uint8Array, body: Uint8Array] {
    if (this.#made !== undefined) return this.#made;
    const body = this.#body();
    const header = encodeStruct([i32(1, this.#type), i32(2, this.#rawLength), i32(3, body.length), this.#details]);
    return (this.#made = [header, body]);
  }
  get length(): number {
    const [header, body] = this.pieces;
    return header.length + body.length;
  }
  get rawBytes(): number {
    return this.pieces[0].length + this.#rawLength;
  }
}

/** The only page of a column chunk. */
export function pageOfCells(column: ColumnSpec, cells: readonly Cell[]): Page {
  const values = cells.filter((cell) => cell !== null);
  assert(column.nullable === true || values.length === cells.length, `column ${column.name} is NOT NULL, but a row has no value for it`);
  const encoded = plain(column, values);
  return chunkOf(column.nullable === true ? Buffer.concat([definitionLevels(cells), encoded]) : encoded, cells.length);
}

/** PLAIN bytes of values that are not null. */
export function plain(column: ColumnSpec, values: readonly NonNullable<Cell>[]): Uint8Array {
  const encode = ENCODERS[column.type];
  return encode(values, column);
}

const ENCODERS: Readonly<Record<SqlType, (values: readonly NonNullable<Cell>[], column: ColumnSpec) => Uint8Array>> = {
  VARCHAR: (values) => byteArrays(values.map((value) => Buffer.from(value as string))),
  BLOB: (values) => byteArrays(values as readonly Uint8Array[]),
  BIGINT: (values, column) => integers(values, column),
  UBIGINT: (values, column) => integers(values, column),
  INTEGER: (values) => bytesOf(Int32Array.from(values as readonly number[])),
  DOUBLE: (values) => bytesOf(Float64Array.from(values as readonly number[])),
  BOOLEAN: (values) => {
    const bits = new Uint8Array((values.length + 7) >>> 3);
    values.forEach((value, i) => (bits[i >>> 3]! |= Number(value === true) << (i & 7)));
    return bits;
  },
};

/** Times are rounded to whole ns; any other integer column that gets a fraction is a bug of the caller. */
function integers(values: readonly NonNullable<Cell>[], { name, unit }: ColumnSpec): Uint8Array {
  // Halves of 64-bit integers: a BigInt for each value would be garbage.
  const out = new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    const cell = values[i] as number;
    const value = unit === 'ns' ? Math.round(cell) : cell;
    assert(Number.isSafeInteger(value), `column ${name} takes integers, not ${String(cell)}`);
    out[2 * i] = value | 0;
    out[2 * i + 1] = Math.floor(value / 2 ** 32);
  }
  return bytesOf(out);
}

function byteArrays(values: readonly Uint8Array[]): Uint8Array {
  const out = Buffer.allocUnsafe(values.reduce((sum, { length }) => sum + 4 + length, 0));
  let at = 0;
  for (const value of values) {
    out.writeUInt32LE(value.length, at);
    out.set(value, at + 4);
    at += 4 + value.length;
  }
  return out;
}

/** 1 = a value, 0 = NULL, as run lengths behind their byte count. */
function definitionLevels(cells: readonly Cell[]): Uint8Array {
  const runs: number[] = [];
  for (let from = 0; from < cells.length;) {
    const isNull = cells[from] === null;
    let to = from + 1;
    while (to < cells.length && (cells[to] === null) === isNull) to++;
    for (let rest = (to - from) * 2; ; rest >>>= 7) {
      runs.push(rest < 128 ? rest : (rest & 127) | 128);
      if (rest < 128) break;
    }
    runs.push(isNull ? 0 : 1);
    from = to;
  }
  const out = Buffer.allocUnsafe(4 + runs.length);
  out.writeUInt32LE(runs.length, 0);
  out.set(runs, 4);
  return out;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
