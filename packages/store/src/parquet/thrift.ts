/** Thrift's compact protocol, as far as Parquet's headers and footer need it: structs of integers, strings, structs and lists. */

const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

export interface Field {
  readonly id: number;
  readonly type: number;
  readonly write: (out: ByteSink) => void;
}

export const i32 = (id: number, value: number): Field => ({ id, type: I32, write: (out) => out.zigzag(value) });
export const i64 = (id: number, value: number): Field => ({ id, type: I64, write: (out) => out.zigzag(value) });
export const text = (id: number, value: string): Field => binary(id, Buffer.from(value));
export const binary = (id: number, value: Uint8Array): Field => ({ id, type: BINARY, write: (out) => out.sized(value) });
export const struct = (id: number, fields: readonly Field[]): Field => ({ id, type: STRUCT, write: (out) => writeStruct(out, fields) });
export const structs = (id: number, items: readonly (readonly Field[])[]): Field => list(id, STRUCT, items, writeStruct);
export const i32s = (id: number, items: readonly number[]): Field => list(id, I32, items, (out, value) => out.zigzag(value));
export const texts = (id: number, items: readonly string[]): Field =>
  list(id, BINARY, items, (out, value) => out.sized(Buffer.from(value)));

/** Bytes of one struct. */
export function encodeStruct(fields: readonly Field[]): Uint8Array {
  const out = new ByteSink();
  writeStruct(out, fields);
  return Uint8Array.from(out.bytes);
}

function list<T>(id: number, type: number, items: readonly T[], writeItem: (out: ByteSink, item: T) => void): Field {
  const write = (out: ByteSink): void => {
    if (items.length < 15) out.byte((items.length << 4) | type);
    else {
      out.byte(0xf0 | type);
      out.varint(items.length);
    }
    for (const item of items) writeItem(out, item);
  };
  return { id, type: LIST, write };
}

function writeStruct(out: ByteSink, fields: readonly Field[]): void {
  let previous = 0;
  for (const { id, type, write } of fields) {
    const step = id - previous;
    if (step > 0 && step < 16) out.byte((step << 4) | type);
    else {
      out.byte(type);
      out.zigzag(id);
    }
    write(out);
    previous = id;
  }
  out.byte(0);
}

class ByteSink {
  readonly bytes: number[] = [];

  byte(value: number): void {
    this.bytes.push(value & 255);
  }
  /** Non-negative, to 2^53. */
  varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }
  sized(value: Uint8Array): void {
    this.varint(value.length);
    for (const byte of value) this.byte(byte);
  }
}
