/** Number columns of an Arrow file at places that trace.json names, so that reading them needs neither the footer nor apache-arrow. */
import type { TraceFormatError } from '@workset/model';

const WIDTHS = { int32: 4, int64: 8, float64: 8 } as const;
type FixedType = keyof typeof WIDTHS;

/** Where the values of one column of a file's only batch are. */
export interface ColumnPlace {
  readonly name: string;
  readonly type: FixedType;
  /** File offset of its first value. */
  readonly offset: number;
  readonly rows: number;
}

/** The columns of one file that hold numbers. */
export interface NumberColumns {
  readonly rows: number;
  int32(name: string): Int32Array<ArrayBuffer>;
  /** int64 or float64 as doubles. */
  numbers(name: string): Float64Array<ArrayBuffer>;
}

/** Typed access to all columns of one Arrow file in memory. */
export interface ArrowColumns extends NumberColumns {
  texts(name: string): string[];
  flags(name: string): boolean[];
  /** Views into the file's bytes. */
  binaries(name: string): Uint8Array[];
}

/** Places of the leading fixed-width, non-null columns in a batch whose body starts at `offset`: one after the other, padded to 8 bytes. */
export function placesOf(types: Readonly<Record<string, string>>, rows: number, offset: number): ColumnPlace[] {
  const places: ColumnPlace[] = [];
  for (const [name, type] of Object.entries(types)) {
    if (!isFixed(type)) break;
    places.push({ name, type, offset, rows });
    offset += Math.ceil((rows * WIDTHS[type]) / 8) * 8;
  }
  return places;
}

/** Reads columns out of the bytes of a whole file. Throws TraceFormatError (with `damaged`) when a place is not inside it. */
export function columnsAt(bytes: Uint8Array<ArrayBuffer>, places: readonly ColumnPlace[], damaged: () => TraceFormatError): NumberColumns {
  const valuesOf = (name: string, types: readonly FixedType[]): { type: FixedType; data: ArrayBuffer } => {
    const place = places.find((known) => known.name === name);
    if (place === undefined || !types.includes(place.type) || !isInside(place, bytes.length)) throw damaged();
    const { type, offset, rows } = place;
    return { type, data: bytes.slice(offset, offset + rows * WIDTHS[type]).buffer };
  };
  return {
    rows: places[0]?.rows ?? 0,
    int32: (name) => new Int32Array(valuesOf(name, ['int32']).data),
    numbers: (name) => {
      const { type, data } = valuesOf(name, ['int64', 'float64']);
      return type === 'int64' ? fromInt64(new BigInt64Array(data)) : new Float64Array(data);
    },
  };
}

/** Integers below 2^53 as doubles, without a BigInt per value. */
export function fromInt64(values: BigInt64Array): Float64Array<ArrayBuffer> {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = words[2 * i + 1]! * 0x1_0000_0000 + (words[2 * i]! >>> 0);
  return numbers;
}

function isInside({ type, offset, rows }: ColumnPlace, length: number): boolean {
  return Number.isSafeInteger(offset) && Number.isSafeInteger(rows) && offset >= 0 && rows >= 0 && offset + rows * WIDTHS[type] <= length;
}

function isFixed(type: string): type is FixedType {
  return Object.hasOwn(WIDTHS, type);
}
