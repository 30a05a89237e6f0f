/**
 * Reads the Parquet files that workset itself writes (packages/store/src/parquet: version 1 pages, PLAIN or indices into a dictionary,
 * Zstandard, gzip or as they are), piece by piece: one that was seen before need not be decompressed again. Any other Parquet file is
 * refused; DuckDB reads those.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import zlib from 'node:zlib';
import { codesOf } from './codes.ts';
import { ThriftReader } from './thrift.ts';
import type { Struct, Value } from './thrift.ts';

const MAGIC = 'PAR1';
const WRITER = 'workset';
const UNCOMPRESSED = 0;
const GZIP = 2;
const ZSTD = 6;
/** Room for a page header as workset writes it. */
const HEADER_BYTES = 64;

const RLE_DICTIONARY = 8;
const PLAIN = 0;
/** Key of the note of a column whose dictionary is compressed in pieces: "bytes:values" of each. */
const FRAMES_NOTE = 'workset.frames';

/** A compressed page in its file, or a part of one that is compressed by itself. */
export interface PageRef {
  readonly offset: number;
  /** Compressed. */
  readonly bytes: number;
  readonly rawBytes: number;
  readonly nValues: number;
  /** As Parquet numbers them. */
  readonly codec: number;
}
export interface ColumnChunk {
  /** Of the first data page, and of the dictionary in front of it. */
  readonly offset: number;
  readonly dictionary: number | undefined;
  /** From the dictionary, if any, to the end. */
  readonly bytes: number;
  readonly nValues: number;
  readonly codec: number;
  /** Bounds of the column, PLAIN, when the writer knew them. */
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
  /** What FRAMES_NOTE says. */
  readonly frames: string | undefined;
}
/** A dictionary whose values have all the same size, and the number of each row's value in it. */
export interface CodedColumn {
  /** Of its frames, in order. */
  readonly frames: readonly PageRef[];
  readonly codes: Int32Array;
}
export interface RowGroup {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, ColumnChunk>;
}

export class ParquetReader {
  readonly path: string;
  readonly groups: readonly RowGroup[];
  readonly #fd: number;

  private constructor(path: string, fd: number, groups: readonly RowGroup[]) {
    this.path = path;
    this.#fd = fd;
    this.groups = groups;
  }

  /** Undefined when it is not a whole Parquet file of our own, or uses a codec that this Node lacks. */
  static open(path: string): ParquetReader | undefined {
    const fd = openSync(path, 'r');
    try {
      const footer = readFooter(fd);
      const groups = footer === undefined ? undefined : groupsOf(footer);
      if (groups !== undefined) return new ParquetReader(path, fd, groups);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    closeSync(fd);
    return undefined;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #pagesOf({ offset, bytes, dictionary = offset, codec }: ColumnChunk): DataPage[] {
    const pages: DataPage[] = [];
    for (let at = offset; at < dictionary + bytes; at = pages.at(-1)!.offset + pages.at(-1)!.bytes) {
      const { header, from } = this.#headerAt(at);
      const details = fields(header.get(5));
      pages.push({ ...pageOf(header, from, number(details.get(1)), codec), encoding: number(details.get(2)) });
    }
    return pages;
  }

  #dictionaryOf({ dictionary, codec }: ColumnChunk): PageRef {
    if (dictionary === undefined) throw new RangeError(`${this.path}: indices without a dictionary`);
    const { header, from } = this.#headerAt(dictionary);
    return pageOf(header, from, number(fields(header.get(7)).get(1)), codec);
  }

  /** A page header, and where the page begins behind it. */
  #headerAt(at: number): { header: Struct; from: number } {
    const head = Buffer.alloc(HEADER_BYTES);
    readSync(this.#fd, head, 0, HEADER_BYTES, at);
    const reader = new ThriftReader(head);
    return { header: this.#header(reader), from: at + reader.at };
  }

  #header(reader: ThriftReader): Struct {
    try {
      return reader.struct();
    } catch (error) {
      throw new RangeError(`${this.path}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The compressed bytes of a page, in memory of their own or in `into`. */
  bytesOf(page: PageRef, into: Buffer = Buffer.allocUnsafe(page.bytes)): Buffer {
    const bytes = into.subarray(0, page.bytes);
    if (readSync(this.#fd, bytes, 0, page.bytes, page.offset) !== page.bytes) throw new RangeError(`${this.path} ends inside a page`);
    return bytes;
  }

  /** The values of a page, as PLAIN: `bytes` themselves when it is not compressed. */
  decompress(bytes: Buffer, { rawBytes, codec }: PageRef): Buffer {
    const raw = codec === UNCOMPRESSED ? bytes : this.#inflate(bytes, codec, rawBytes);
    if (raw.length !== rawBytes) throw new RangeError(`${this.path}: a page of ${raw.length} bytes, not ${rawBytes}`);
    return raw;
  }

  #inflate(bytes: Uint8Array, codec: number, rawBytes: number): Buffer {
    // One output buffer of the right size: the default grows by 16 KiB.
    const options = { chunkSize: Math.max(64, rawBytes) };
    try {
      return codec === ZSTD ? zlib.zstdDecompressSync(bytes, options) : zlib.gunzipSync(bytes, options);
    } catch (error) {
      throw new RangeError(`${this.path}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** All values of a BIGINT column that has no NULL, exact to 2^53. */
  integers(column: ColumnChunk): Float64Array {
    return this.#values(column, bigints, (values, codes) => Float64Array.from(codes, (code) => values[code]!));
  }

  /** All values of a VARCHAR column that has no NULL. */
  texts(column: ColumnChunk): string[] {
    return this.#values(column, texts, (values, codes) => Array.from(codes, (code) => values[code]!));
  }

  /** All values of a BOOLEAN column that has no NULL. */
  flags(column: ColumnChunk): boolean[] {
    const plain = this.#plain(this.#pagesOf(column));
    return Array.from({ length: column.nValues }, (_, i) => ((plain[i >> 3]! >> (i & 7)) & 1) === 1);
  }

  /** A column that its writer stored as indices into a dictionary, compressed in pieces; RangeError when it did not. */
  coded(column: ColumnChunk, valueBytes: number): CodedColumn {
    const { frames: note } = column;
    if (note === undefined) throw new RangeError(`${this.path}: a dictionary in one piece`);
    const { offset, bytes, nValues, codec } = this.#dictionaryOf(column);
    const frames: PageRef[] = [];
    let at = offset;
    let n = 0;
    for (const piece of note.split(' ')) {
      const [length, values] = piece.split(':').map(Number) as [number, number];
      frames.push({ offset: at, bytes: length, rawBytes: values * valueBytes, nValues: values, codec });
      at += length;
      n += values;
    }
    if (at !== offset + bytes || n !== nValues) throw new RangeError(`${this.path}: the pieces of a dictionary are not all of it`);
    return { frames, codes: this.#codes(column, this.#pagesOf(column), nValues) };
  }

  #values<Values>(column: ColumnChunk, decode: (plain: Buffer) => Values, pick: (values: Values, codes: Int32Array) => Values): Values {
    const pages = this.#pagesOf(column);
    if (column.dictionary === undefined) return decode(this.#plain(pages));
    const dictionary = this.#dictionaryOf(column);
    const values = decode(this.decompress(this.bytesOf(dictionary), dictionary));
    return pick(values, this.#codes(column, pages, dictionary.nValues));
  }

  #plain(pages: readonly DataPage[]): Buffer {
    const plain = pages.map((page) => {
      if (page.encoding !== PLAIN) throw new RangeError(`${this.path}: a page of encoding ${page.encoding}`);
      return this.decompress(this.bytesOf(page), page);
    });
    return plain.length === 1 ? plain[0]! : Buffer.concat(plain);
  }

  /** Indices below `nValues`. */
  #codes({ nValues: rows }: ColumnChunk, pages: readonly DataPage[], nValues: number): Int32Array {
    const codes = new Int32Array(rows);
    let n = 0;
    for (const page of pages) {
      if (page.encoding !== RLE_DICTIONARY) throw new RangeError(`${this.path}: a page of encoding ${page.encoding}`);
      codesOf(this.decompress(this.bytesOf(page), page), codes.subarray(n, (n += page.nValues)), nValues);
    }
    if (n !== rows) throw new RangeError(`${this.path}: ${n} indices, not ${rows}`);
    return codes;
  }
}

interface DataPage extends PageRef {
  readonly encoding: number;
}

function pageOf(header: Struct, offset: number, nValues: number, codec: number): PageRef {
  return { offset, bytes: number(header.get(3)), rawBytes: number(header.get(2)), nValues, codec };
}

function readFooter(fd: number): Struct | undefined {
  const { size } = fstatSync(fd);
  const tail = Buffer.alloc(8);
  if (size < 12 || readSync(fd, tail, 0, 8, size - 8) !== 8 || tail.toString('latin1', 4) !== MAGIC) return undefined;
  const length = tail.readUInt32LE(0);
  if (length > size - 12) return undefined;
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, size - 8 - length);
  return new ThriftReader(bytes).struct();
}

function groupsOf(footer: Struct): RowGroup[] | undefined {
  if (text(footer.get(6)) !== WRITER) return undefined;
  const codecs = new Set<number>();
  const groups = items(footer.get(4)).map((group) => {
    const columns = new Map<string, ColumnChunk>();
    for (const column of items(fields(group).get(1))) {
      const meta = fields(fields(column).get(3));
      const extent = meta.has(12) ? fields(meta.get(12)) : undefined;
      const codec = number(meta.get(4));
      codecs.add(codec);
      columns.set(items(meta.get(3)).map(text).join('.'), {
        offset: number(meta.get(9)),
        dictionary: meta.has(11) ? number(meta.get(11)) : undefined,
        bytes: number(meta.get(7)),
        nValues: number(meta.get(5)),
        codec,
        min: extent?.get(6) as Uint8Array | undefined,
        max: extent?.get(5) as Uint8Array | undefined,
        frames: noteOf(meta, FRAMES_NOTE),
      });
    }
    return { rows: number(fields(group).get(3)), columns };
  });
  return [...codecs].every(isKnown) ? groups : undefined;
}

function noteOf(meta: Struct, key: string): string | undefined {
  const notes = meta.has(8) ? items(meta.get(8)).map(fields) : [];
  const note = notes.find((pair) => text(pair.get(1)) === key);
  return note && text(note.get(2));
}

function isKnown(codec: number): boolean {
  return codec === UNCOMPRESSED || codec === GZIP || (codec === ZSTD && typeof zlib.zstdDecompressSync === 'function');
}

function number(value: Value | undefined): number {
  if (typeof value !== 'number') throw new RangeError('a Parquet field that should be a number');
  return value;
}
function fields(value: Value | undefined): Struct {
  if (!(value instanceof Map)) throw new RangeError('a Parquet field that should be a struct');
  return value;
}
function items(value: Value | undefined): readonly Value[] {
  if (!Array.isArray(value)) throw new RangeError('a Parquet field that should be a list');
  return value;
}
function text(value: Value | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length).toString() : '';
}

/** BIGINT values as doubles, exact to 2^53. */
export function bigints(plain: Buffer): Float64Array {
  const out = new Float64Array(plain.length / 8);
  for (let i = 0; i < out.length; i++) out[i] = plain.readInt32LE(i * 8 + 4) * 2 ** 32 + plain.readUInt32LE(i * 8);
  return out;
}

/** VARCHAR values; neighbours that are equal share one string. */
function texts(plain: Buffer): string[] {
  const out: string[] = [];
  let last = '';
  let lastAt = -1;
  for (let at = 0; at < plain.length;) {
    const length = plain.readUInt32LE(at);
    if (lastAt < 0 || !sameBytes(plain, lastAt, at, 4 + length)) last = plain.toString('utf8', at + 4, at + 4 + length);
    lastAt = at;
    out.push(last);
    at += 4 + length;
  }
  return out;
}

function sameBytes(bytes: Buffer, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
