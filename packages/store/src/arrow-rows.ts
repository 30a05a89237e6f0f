/** Arrow IPC from batches of values with NULLs, as bytes to be written anywhere. Loads apache-arrow, like arrow.ts: import it lazily. */
import {
  Binary,
  Bool,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  makeData,
  Message,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
} from 'apache-arrow';
import type { Data, DataType } from 'apache-arrow';
import { concatenate, toBits } from './arrow.ts';

/** Fixed-width types by name: the Arrow type and the array its values are kept in. */
const FIXED = {
  int8: [Int8, Int8Array],
  int16: [Int16, Int16Array],
  int32: [Int32, Int32Array],
  int64: [Int64, BigInt64Array],
  uint8: [Uint8, Uint8Array],
  uint16: [Uint16, Uint16Array],
  uint32: [Uint32, Uint32Array],
  uint64: [Uint64, BigUint64Array],
  float32: [Float32, Float32Array],
  float64: [Float64, Float64Array],
} as const;
const OTHER = { bool: Bool, utf8: Utf8, binary: Binary } as const;

/** A decimal of 128 bits: its values are bigints, in units of the last of `scale` digits behind the point. */
export interface DecimalType {
  readonly width: number;
  readonly scale: number;
}
export type RowType = keyof typeof FIXED | keyof typeof OTHER | DecimalType;
export interface RowField {
  readonly name: string;
  readonly type: RowType;
}
/** bigint for int64, uint64 and decimals, bytes for binary, text for utf8, NULL for unknown. */
export type RowValue = number | bigint | boolean | string | Uint8Array | null;
/** file: with an index at its end, for `-o`; stream: read from a pipe, batch by batch. */
export type ArrowContainer = 'file' | 'stream';

/** Columns in batches → Arrow IPC. Each call returns the bytes that come next. */
export class ArrowRows {
  readonly #fields: readonly RowField[];
  readonly #schema: Schema;
  readonly #writer: FileBytes | StreamBytes;

  constructor(fields: readonly RowField[], container: ArrowContainer) {
    this.#fields = fields;
    this.#schema = new Schema(fields.map(({ name, type }) => new Field(name, typeOf(type), true)));
    this.#writer = container === 'file' ? new FileBytes({ autoDestroy: false }) : new StreamBytes({ autoDestroy: false });
    this.#writer.reset(undefined, this.#schema);
  }

  /** @param columns values of each field. Throws RangeError when a decimal has more digits than its type. */
  batch(rows: number, columns: readonly (readonly RowValue[])[]): Uint8Array[] {
    const children = this.#fields.map(({ type }, i) => dataOf(type, columns[i]!));
    this.#writer.write(
      new RecordBatch(this.#schema, makeData({ type: new Struct(this.#schema.fields), length: rows, nullCount: 0, children })),
    );
    return this.#writer.bytes.splice(0);
  }

  /** What ends the file or stream. */
  end(): Uint8Array[] {
    this.#writer.reset(undefined, this.#schema);
    return this.#writer.bytes.splice(0);
  }
}

class FileBytes extends RecordBatchFileWriter {
  readonly bytes: Uint8Array[] = [];
  protected override _write(chunk: ArrayBufferView): this {
    // the base class writes once from its constructor, before there is a place to keep it
    if (this._started && chunk.byteLength > 0) this._position += keep(this.bytes, chunk);
    return this;
  }
  /** apache-arrow leaves out the schema message that the format puts before the first batch. */
  protected override _writeSchema(schema: Schema): this {
    super._writeSchema(schema);
    return this._writeMessage(Message.from(schema));
  }
}
class StreamBytes extends RecordBatchStreamWriter {
  readonly bytes: Uint8Array[] = [];
  protected override _write(chunk: ArrayBufferView): this {
    if (this._started && chunk.byteLength > 0) this._position += keep(this.bytes, chunk);
    return this;
  }
}

function keep(bytes: Uint8Array[], chunk: ArrayBufferView): number {
  return bytes.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength).slice()) && chunk.byteLength;
}

function typeOf(type: RowType): DataType {
  if (typeof type === 'object') return new Decimal(type.scale, type.width, 128);
  return isFixed(type) ? new FIXED[type][0]() : new OTHER[type]();
}
function isFixed(type: RowType): type is keyof typeof FIXED {
  return typeof type === 'string' && Object.hasOwn(FIXED, type);
}

function dataOf(type: RowType, values: readonly RowValue[]): Data {
  const common = { length: values.length, ...validity(values) };
  if (typeof type === 'object') return makeData({ ...common, type: typeOf(type) as Decimal, data: decimals(values, type.width) });
  if (isFixed(type)) return makeData({ ...common, type: typeOf(type), data: numbers(type, values) } as never);
  if (type === 'bool') return makeData({ ...common, type: new Bool(), data: toBits(values.map((value) => value === true)) });
  const encoder = new TextEncoder();
  const parts = values.map((value) => (value === null ? EMPTY : value instanceof Uint8Array ? value : encoder.encode(String(value))));
  const body = concatenate(parts);
  return type === 'utf8' ? makeData({ ...common, type: new Utf8(), ...body }) : makeData({ ...common, type: new Binary(), ...body });
}

const EMPTY = new Uint8Array(0);

function validity(values: readonly RowValue[]): { nullCount: number; nullBitmap?: Uint8Array<ArrayBuffer> } {
  const nullCount = values.reduce<number>((n, value) => (value === null ? n + 1 : n), 0);
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap: toBits(values.map((value) => value !== null)) };
}

function numbers(type: keyof typeof FIXED, values: readonly RowValue[]): ArrayBufferView {
  const made = new FIXED[type][1](values.length);
  if (made instanceof BigInt64Array || made instanceof BigUint64Array) values.forEach((value, i) => (made[i] = (value ?? 0n) as bigint));
  else values.forEach((value, i) => (made[i] = (value ?? 0) as number));
  return made;
}

function decimals(values: readonly RowValue[], width: number): Uint32Array<ArrayBuffer> {
  const words = new BigInt64Array(2 * values.length);
  const limit = 10n ** BigInt(width);
  values.forEach((value, i) => {
    const n = (value ?? 0n) as bigint;
    if (n >= limit || n <= -limit) throw new RangeError(`${n} has more than ${width} digits`);
    words[2 * i] = BigInt.asIntN(64, n);
    words[2 * i + 1] = n >> 64n;
  });
  return new Uint32Array(words.buffer);
}
