/** Reads Thrift's compact protocol, as Parquet's footers and page headers use it: integers, strings, structs and lists. */

export type Value = number | boolean | Uint8Array | Struct | readonly Value[];
/** Fields by their number. */
export type Struct = ReadonlyMap<number, Value>;

const TRUE = 1;
const FALSE = 2;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;
/** Byte, and zigzag integers of 16, 32 and 64 bits. */
const INTEGERS = [3, 4, 5, 6];

/** A place in bytes; reading moves it. Throws RangeError behind the end. */
export class ThriftReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** A struct up to its stop field. */
  struct(): Struct {
    const fields = new Map<number, Value>();
    for (let id = 0; ;) {
      const head = this.#byte();
      if (head === 0) return fields;
      const step = head >> 4;
      id = step === 0 ? this.#zigzag() : id + step;
      fields.set(id, this.#value(head & 15));
    }
  }

  #value(type: number): Value {
    if (type === TRUE || type === FALSE) return type === TRUE;
    if (type === BINARY) return this.#binary();
    if (type === STRUCT) return this.struct();
    if (type === LIST) return this.#list();
    if (INTEGERS.includes(type)) return this.#zigzag();
    throw new RangeError(`Thrift type ${type}`);
  }

  #list(): Value[] {
    const head = this.#byte();
    const short = head >> 4;
    const length = short === 15 ? this.#varint() : short;
    return Array.from({ length }, () => this.#value(head & 15));
  }

  #binary(): Uint8Array {
    const length = this.#varint();
    const from = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new RangeError('Thrift string behind the end');
    return this.#bytes.subarray(from, this.at);
  }

  #zigzag(): number {
    const n = this.#varint();
    return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
  }

  /** To 2^53. */
  #varint(): number {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new RangeError('Thrift value behind the end');
    return byte;
  }
}
