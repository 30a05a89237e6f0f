/** Many rows of a table at once, as typed columns: encoded on arrival, so that millions of events cost no objects and little memory. */
import assert from 'node:assert/strict';
import type { ColumnSpec, TableSpec } from '@workset/model';
import { packedCodes } from './parquet/codes.ts';
import type { ColumnPages, Extent } from './parquet/file.ts';
import { DELTA_BINARY_PACKED, deltaPacked } from './parquet/delta.ts';
import { dictionaryOf, pageOf, plain, RLE_DICTIONARY } from './parquet/pages.ts';

/** One of a few texts per row. */
export interface TextCodes {
  readonly texts: readonly string[];
  /** Indices into texts. */
  readonly codes: Uint8Array;
}
/** first, first + 1, … */
export interface Sequence {
  readonly first: number;
}
/** One value for all rows, or one per row; BOOLEAN columns take bytes 0 and 1. Longer arrays are cut to the rows. */
export type BulkColumn = Constant | Float64Array | Int32Array | Uint8Array | TextCodes | Sequence;
type Constant = string | number | boolean;
type Varying = Exclude<BulkColumn, Constant>;

export interface BulkRows {
  readonly rows: number;
  readonly columns: readonly ColumnPages[];
  readonly bytes: number;
}

/** Encodes row groups of one table. Columns that hold one value throughout are encoded once for all groups of a size. */
export class BulkEncoder {
  readonly #table: TableSpec;
  readonly #constants = new Map<string, ColumnPages>();

  constructor(table: TableSpec) {
    this.#table = table;
  }

  /** Throws Error when a column of the table is missing or holds what its type cannot. */
  encode(rows: number, values: Readonly<Record<string, BulkColumn>>): BulkRows {
    let bytes = 0;
    const columns = this.#table.columns.map((column) => {
      const value = values[column.name];
      if (value === undefined) throw new Error(`${this.#table.id} rows without ${column.name}`);
      const constant = constantOf(value, rows);
      if (constant !== undefined) return this.#constant(column, constant, rows);
      const encoded = encodeColumn(column, value as Varying, rows);
      for (const page of encoded.pages) bytes += page.length;
      return encoded;
    });
    return { rows, columns, bytes };
  }

  #constant(column: ColumnSpec, value: Constant, rows: number): ColumnPages {
    const key = JSON.stringify([column.name, value, rows]);
    let pages = this.#constants.get(key);
    if (pages === undefined) {
      if (this.#constants.size >= MAX_CONSTANTS) this.#constants.clear();
      this.#constants.set(key, (pages = constantPages(column, value, rows)));
    }
    return pages;
  }
}

/** Encoded constants kept, a few hundred bytes each. */
const MAX_CONSTANTS = 256;

function constantOf(value: BulkColumn, rows: number): Constant | undefined {
  if (typeof value !== 'object') return value;
  if ('first' in value) return rows === 1 ? value.first : undefined;
  const cells = 'codes' in value ? value.codes : value;
  const first = cells[0]!;
  if (cells[rows - 1] !== first) return undefined;
  for (let i = 1; i < rows; i++) if (cells[i] !== first) return undefined;
  return 'codes' in value ? value.texts[first] : first;
}

function constantPages(column: ColumnSpec, value: Constant, rows: number): ColumnPages {
  if (column.type === 'BOOLEAN') {
    // May come as bytes.
    const bits = new Uint8Array((rows + 7) >>> 3).fill(value ? 0xff : 0);
    if (value && (rows & 7) !== 0) bits[bits.length - 1] = (1 << (rows & 7)) - 1;
    return pagesOf(bits, rows, { min: Boolean(value), max: Boolean(value) });
  }
  const one = Buffer.from(plain(column, [value]));
  const cell = column.unit === 'ns' ? Math.round(value as number) : value;
  return pagesOf(Buffer.alloc(one.length * rows, one), rows, { min: cell, max: cell });
}

function encodeColumn(column: ColumnSpec, value: Varying, rows: number): ColumnPages {
  if ('codes' in value) {
    const sorted = usedTexts(value, rows).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return {
      pages: [pageOf(packedCodes(value.codes, rows, value.texts.length), rows, RLE_DICTIONARY)],
      dictionary: dictionaryOf(plain(column, value.texts), value.texts.length),
      encoding: RLE_DICTIONARY,
      extent: { min: sorted[0]!, max: sorted.at(-1)! },
    };
  }
  if ('first' in value) {
    const numbers = new Float64Array(rows);
    for (let i = 0; i < rows; i++) numbers[i] = value.first + i;
    return integerPages(column, numbers, rows);
  }
  if (column.type === 'BOOLEAN') return pagesOf(bitBytes(value, rows), rows, { min: false, max: true });
  assert(column.type === 'BIGINT' || column.type === 'UBIGINT', `bulk rows take integers, not ${column.type} ${column.name}`);
  return integerPages(column, value, rows);
}

function pagesOf(raw: Uint8Array, rows: number, extent: Extent): ColumnPages {
  return { pages: [pageOf(raw, rows)], extent };
}

function integerPages(column: ColumnSpec, values: Float64Array | Int32Array | Uint8Array, rows: number): ColumnPages {
  let packed = deltaPacked(values, rows);
  if (packed === undefined) {
    const cells = wholeCells(column, values, rows);
    packed = deltaPacked(cells, rows);
    if (packed === undefined) return pagesOf(plainIntegers(cells), rows, extentOf(cells));
  }
  const { bytes, min, max } = packed;
  return { pages: [pageOf(bytes, rows, DELTA_BINARY_PACKED)], extent: { min, max }, encoding: DELTA_BINARY_PACKED };
}

/** Times are rounded to whole ns. */
function wholeCells({ name, unit }: ColumnSpec, values: Float64Array | Int32Array | Uint8Array, rows: number): Float64Array {
  const cells = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    // The order of -0 is not that of JavaScript.
    const value = (unit === 'ns' ? Math.round(values[i]!) : values[i]!) + 0;
    if (!Number.isSafeInteger(value)) throw new Error(`column ${name} takes integers, not ${value}`);
    cells[i] = value;
  }
  return cells;
}

function extentOf(cells: Float64Array): Extent {
  let min = Infinity;
  let max = -Infinity;
  for (const cell of cells) {
    if (cell < min) min = cell;
    if (cell > max) max = cell;
  }
  return { min, max };
}

/** Two halves per integer: no BigInt per cell. */
function plainIntegers(cells: Float64Array): Uint8Array {
  const halves = new Int32Array(cells.length * 2);
  for (let i = 0; i < cells.length; i++) {
    halves[2 * i] = cells[i]! | 0;
    halves[2 * i + 1] = Math.floor(cells[i]! / 0x1_0000_0000);
  }
  return new Uint8Array(halves.buffer);
}

function usedTexts({ texts, codes }: TextCodes, rows: number): string[] {
  const isUsed = new Uint8Array(256);
  for (let i = 0; i < rows; i++) isUsed[codes[i]!] = 1;
  return texts.filter((_, code) => isUsed[code] === 1);
}

function bitBytes(values: Float64Array | Int32Array | Uint8Array, rows: number): Uint8Array {
  const bits = new Uint8Array((rows + 7) >>> 3);
  for (let at = 0; at < bits.length; at++) {
    let byte = 0;
    const first = at * 8;
    for (let i = Math.min(rows, first + 8) - 1; i >= first; i--) byte = (byte << 1) | (values[i] === 0 ? 0 : 1);
    bits[at] = byte;
  }
  return bits;
}
