/**
 * Loads apache-arrow, like arrow-rows.ts (import them lazily: 115 ms). Writes uncompressed Arrow IPC files synchronously,
 * batch by batch, hashing on the way; reads small ones whole. All columns are non-null.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import {
  Binary,
  Bool,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
  Message,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  tableFromIPC,
  Utf8,
} from 'apache-arrow';
import type { Data, DataType } from 'apache-arrow';
import { fromInt64, placesOf, type ArrowColumns, type ColumnPlace } from './columns.ts';
import { writeFully } from './files.ts';

const TYPES = { int32: Int32, int64: Int64, float64: Float64, utf8: Utf8, binary: Binary, bool: Bool } as const;

export type ColumnType = keyof typeof TYPES;
/** Column name → type, in file order. */
export type ColumnTypes = Readonly<Record<string, ColumnType>>;
/** int64 values are integers in a Float64Array. */
export type ColumnValues = Int32Array | Float64Array | readonly string[] | readonly Uint8Array[] | readonly boolean[];

/** What `write` reports about a batch in the file. */
export interface WrittenBatch {
  /** File offset of the batch's body. */
  readonly offset: number;
  /** Where the values of its fixed-width columns are; columns behind one of another type are left out. */
  readonly columns: readonly ColumnPlace[];
}

/** What `close` reports about the finished file. */
export interface WrittenFile {
  readonly bytes: number;
  /** Undefined when the writer was told not to hash. */
  readonly sha256: string | undefined;
}

class FileSink extends RecordBatchFileWriter {
  readonly fd: number;
  readonly hash: Hash | null;

  constructor(path: string, hashed: boolean) {
    super({ autoDestroy: false });
    this.fd = openSync(path, 'wx+');
    this.hash = hashed ? createHash('sha256') : null;
  }
  get position(): number {
    return this._position;
  }
  protected override _write(chunk: ArrayBufferView): this {
    if (!this._started || chunk.byteLength === 0) return this;
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    writeFully(this.fd, bytes);
    this.hash?.update(bytes);
    this._position += bytes.byteLength;
    return this;
  }
  /** apache-arrow leaves out the schema message that the format puts before the first batch; readers of the stream inside need it. */
  protected override _writeSchema(schema: Schema): this {
    super._writeSchema(schema);
    return this._writeMessage(Message.from(schema));
  }
  /** File offset of the body of the batch written last. */
  lastBodyOffset(): number {
    const block = this._recordBatchBlocks.at(-1)!;
    return block.offset + block.metaDataLength;
  }
}

/** An Arrow IPC file that grows batch by batch; nothing of it stays in memory. */
export class ArrowFileWriter {
  readonly #sink: FileSink;
  readonly #schema: Schema;
  readonly #types: ColumnTypes;
  #closed = false;

  /** Creates the file (which must not exist); `metadata` goes into the schema. Not `hashed`: a later pass changes it, and forces it to the disk. */
  constructor(path: string, types: ColumnTypes, metadata: Readonly<Record<string, string>> = {}, hashed = true) {
    this.#types = types;
    const fields = Object.entries(types).map(([name, type]) => new Field(name, new TYPES[type](), false));
    this.#schema = new Schema(fields, new Map(Object.entries(metadata)));
    this.#sink = new FileSink(path, hashed);
    this.#sink.reset(undefined, this.#schema);
  }

  /** Appends one batch. */
  write(rows: number, columns: Readonly<Record<string, ColumnValues>>): WrittenBatch {
    const children = Object.entries(this.#types).map(([name, type]) => dataOf(type, columns[name]!, rows));
    const struct = makeData({ type: new Struct(this.#schema.fields), length: rows, nullCount: 0, children });
    this.#sink.write(new RecordBatch(this.#schema, struct));
    const offset = this.#sink.lastBodyOffset();
    return { offset, columns: placesOf(this.#types, rows, offset) };
  }

  /** Writes the footer and forces the file to disk, unless a later pass does. */
  close(): WrittenFile {
    this.#sink.reset(undefined, this.#schema);
    const bytes = this.#sink.position;
    if (this.#sink.hash !== null) fsyncSync(this.#sink.fd);
    this.abort();
    return { bytes, sha256: this.#sink.hash?.digest('hex') };
  }

  /** Closes the descriptor without finishing the file. */
  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#sink.fd);
  }
}

function dataOf(type: ColumnType, values: ColumnValues, length: number): Data {
  const fixed = { length, nullCount: 0 };
  if (type === 'int32') return makeData({ ...fixed, type: new Int32(), data: values as Int32Array<ArrayBuffer> });
  if (type === 'float64') return makeData({ ...fixed, type: new Float64(), data: values as Float64Array<ArrayBuffer> });
  if (type === 'int64') return makeData({ ...fixed, type: new Int64(), data: toInt64(values as Float64Array) });
  if (type === 'bool') return makeData({ ...fixed, type: new Bool(), data: toBits(values as readonly boolean[]) });
  const encoder = new TextEncoder();
  const parts = type === 'utf8' ? (values as readonly string[]).map((text) => encoder.encode(text)) : (values as readonly Uint8Array[]);
  const { valueOffsets, data } = concatenate(parts);
  return type === 'utf8'
    ? makeData({ ...fixed, type: new Utf8(), valueOffsets, data })
    : makeData({ ...fixed, type: new Binary(), valueOffsets, data });
}

function toInt64(values: Float64Array): BigInt64Array<ArrayBuffer> {
  const words = new Int32Array(values.length * 2);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    words[2 * i] = value;
    words[2 * i + 1] = Math.floor(value / 0x1_0000_0000);
  }
  return new BigInt64Array(words.buffer);
}

export function toBits(flags: readonly boolean[]): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array((flags.length + 7) >>> 3);
  flags.forEach((flag, i) => {
    if (flag) bits[i >>> 3]! |= 1 << (i & 7);
  });
  return bits;
}

export function concatenate(parts: readonly Uint8Array[]): { valueOffsets: Int32Array<ArrayBuffer>; data: Uint8Array<ArrayBuffer> } {
  const valueOffsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (valueOffsets[i + 1] = valueOffsets[i]! + part.length));
  const data = new Uint8Array(valueOffsets[parts.length]!);
  parts.forEach((part, i) => data.set(part, valueOffsets[i]!));
  return { valueOffsets, data };
}

/** Decodes a whole Arrow IPC file. Throws what apache-arrow throws on damage. */
export function readArrow(bytes: Uint8Array): ArrowColumns {
  const table = tableFromIPC(bytes);
  const column = <T extends DataType>(name: string) => {
    const vector = table.getChild(name);
    if (vector === null) throw new Error(`no column "${name}"`);
    return vector as unknown as { toArray(): T['TArray']; [Symbol.iterator](): IterableIterator<T['TValue']> };
  };
  return {
    rows: table.numRows,
    int32: (name) => column<Int32>(name).toArray().slice() as Int32Array<ArrayBuffer>,
    numbers: (name) => {
      const values: unknown = column(name).toArray();
      return values instanceof BigInt64Array ? fromInt64(values) : Float64Array.from(values as Float64Array);
    },
    texts: (name) => [...column<Utf8>(name)],
    flags: (name) => [...column<Bool>(name)],
    binaries: (name) => [...column<Binary>(name)],
  };
}
