/**
 * Reads the Parquet files that workset itself writes (packages/store/src/parquet: version 1 pages, PLAIN, Zstandard, gzip or as they are), page by page:
 * a page that was seen before need not be decompressed again. Any other Parquet file is refused; DuckDB reads those.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import zlib from 'node:zlib';
import { ThriftReader } from './thrift.ts';
import type { Struct, Value } from './thrift.ts';

const MAGIC = 'PAR1';
const WRITER = 'workset';
const UNCOMPRESSED = 0;
const GZIP = 2;
const ZSTD = 6;
/** Room for a page header as workset writes it. */
const HEADER_BYTES = 64;

/** A compressed page in its file. */
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
  readonly offset: number;
  readonly bytes: number;
  readonly nValues: number;
  readonly codec: number;
  /** Bounds of the column, PLAIN, when the writer knew them. */
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
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

  pagesOf(column: ColumnChunk): PageRef[] {
    const pages: PageRef[] = [];
    const head = Buffer.allocUnsafe(HEADER_BYTES);
    for (let at = column.offset; at < column.offset + column.bytes;) {
      readSync(this.#fd, head, 0, HEADER_BYTES, at);
      const reader = new ThriftReader(head);
      const header = this.#header(reader);
      const bytes = number(header.get(3));
      const nValues = number(fields(header.get(5)).get(1));
      pages.push({ offset: at + reader.at, bytes, rawBytes: number(header.get(2)), nValues, codec: column.codec });
      at += reader.at + bytes;
    }
    return pages;
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

  /** All values of a column that has no NULL, as PLAIN bytes. */
  plain(column: ColumnChunk): Buffer {
    const pages = this.pagesOf(column).map((page) => this.decompress(this.bytesOf(page), page));
    return pages.length === 1 ? pages[0]! : Buffer.concat(pages);
  }
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
        bytes: number(meta.get(7)),
        nValues: number(meta.get(5)),
        codec,
        min: extent?.get(6) as Uint8Array | undefined,
        max: extent?.get(5) as Uint8Array | undefined,
      });
    }
    return { rows: number(fields(group).get(3)), columns };
  });
  return [...codecs].every(isKnown) ? groups : undefined;
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
export function texts(plain: Buffer): string[] {
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

/** BOOLEAN values. */
export function flags(plain: Buffer, n: number): boolean[] {
  return Array.from({ length: n }, (_, i) => ((plain[i >> 3]! >> (i & 7)) & 1) === 1);
}
