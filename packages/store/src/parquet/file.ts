/**
 * Writes a Parquet file of one results table. Our own writer, and a small one, because replay writes the same page sets for many
 * runs: a compressed page can be written again as it is, and a replay needs no database (190 ms to load, and a sort of every row).
 */
import type { ColumnSpec, SqlType, TableSpec } from '@workset/model';
import { PLAIN, pageOfCells, plain, type Cell, type Page } from './pages.ts';
import { writeFile } from '../files.ts';
import { binary, encodeStruct, i32, i32s, i64, struct, structs, text, texts, type Field } from './thrift.ts';

/** Smallest and largest value of a column, for readers that skip files by it. */
export interface Extent {
  readonly min: NonNullable<Cell>;
  readonly max: NonNullable<Cell>;
}
export interface ColumnPages {
  readonly pages: readonly Page[];
  readonly extent?: Extent | undefined;
  /** Of the values, when not PLAIN. */
  readonly encoding?: number | undefined;
  /** What the values are indices into. */
  readonly dictionary?: Page | undefined;
  /** Key and value of a note for readers who look for it. */
  readonly note?: readonly [key: string, value: string] | undefined;
}

const MAGIC = Buffer.from('PAR1');
const PHYSICAL: Readonly<Record<SqlType, number>> = { BOOLEAN: 0, INTEGER: 1, BIGINT: 2, UBIGINT: 2, DOUBLE: 5, VARCHAR: 6, BLOB: 6 };
const CONVERTED: Partial<Readonly<Record<SqlType, number>>> = { VARCHAR: 0, UBIGINT: 14, BIGINT: 18 };
const REQUIRED = 0;
const OPTIONAL = 1;
const RLE = 3;

/** Row groups one after the other, then the footer. */
export class ParquetFile {
  readonly #table: TableSpec;
  readonly #pieces: Uint8Array[] = [];
  readonly #groups: Field[][] = [];
  #offset = 0;
  #rows = 0;

  constructor(table: TableSpec) {
    this.#table = table;
    this.#add([MAGIC]);
  }

  /** Pages of every column, in the order of the table's columns; all columns hold `rows` values. */
  rowGroup(rows: number, columns: readonly ColumnPages[]): void {
    const start = this.#offset;
    const chunks = this.#table.columns.map((column, i) => this.#columnChunk(column, columns[i]!));
    this.#groups.push([structs(1, chunks), i64(2, this.#offset - start), i64(3, rows)]);
    this.#rows += rows;
  }

  /** What has come since the last call, in the order of the file. */
  take(): Uint8Array[] {
    return this.#pieces.splice(0);
  }

  /** Writes it all, when nothing was taken. Throws RunError. */
  write(path: string): Promise<void> {
    return writeFile(path, this.finish());
  }

  /** What was not taken, and the end of the file: no row group may follow. */
  finish(): Uint8Array[] {
    const { columns } = this.#table;
    const footer = encodeStruct([
      i32(1, 2),
      structs(2, [[text(4, 'duckdb_schema'), i32(5, columns.length)], ...columns.map(schemaElement)]),
      i64(3, this.#rows),
      structs(4, this.#groups),
      text(6, 'workset'),
      structs(
        7,
        columns.map(() => [struct(1, [])]),
      ),
    ]);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    this.#add([footer, length, MAGIC]);
    return this.take();
  }

  #columnChunk(column: ColumnSpec, { pages, extent, encoding = PLAIN, dictionary, note }: ColumnPages): Field[] {
    const start = this.#offset;
    const all = dictionary === undefined ? pages : [dictionary, ...pages];
    for (const { pieces: bytes } of all) this.#add(bytes);
    const nValues = pages.reduce((sum, page) => sum + page.nValues, 0);
    const raw = all.reduce((sum, page) => sum + page.rawBytes, 0);
    const meta = [
      i32(1, PHYSICAL[column.type]),
      i32s(2, dictionary === undefined ? [encoding, RLE] : [PLAIN, encoding, RLE]),
      texts(3, [column.name]),
      i32(4, all[0]!.codec),
      i64(5, nValues),
      i64(6, raw),
      i64(7, this.#offset - start),
      ...(note === undefined ? [] : [structs(8, [[text(1, note[0]), text(2, note[1])]])]),
      i64(9, start + (dictionary?.length ?? 0)),
      ...(dictionary === undefined ? [] : [i64(11, start)]),
      ...(extent === undefined ? [] : [struct(12, [binary(5, bare(column, extent.max)), binary(6, bare(column, extent.min))])]),
    ];
    return [i64(2, start), struct(3, meta)];
  }

  #add(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#offset += piece.length;
    }
  }
}

/** Writes rows given as columns, ordered by the table's key, as one row group. */
export function writeParquet(path: string, table: TableSpec, columns: readonly (readonly Cell[])[]): Promise<void> {
  const rows = columns[0]?.length ?? 0;
  const order = rowOrder(table, columns, rows);
  const file = new ParquetFile(table);
  file.rowGroup(
    rows,
    table.columns.map((column, i) =>
      columnPages(
        column,
        order.map((row) => columns[i]![row]!),
      ),
    ),
  );
  return file.write(path);
}

export function columnPages(column: ColumnSpec, cells: readonly Cell[]): ColumnPages {
  return { pages: [pageOfCells(column, cells)], extent: column.type === 'BLOB' ? undefined : extentOf(cells) };
}

function schemaElement({ name, type, nullable }: ColumnSpec): Field[] {
  const converted = CONVERTED[type];
  return [
    i32(1, PHYSICAL[type]),
    i32(3, nullable === true ? OPTIONAL : REQUIRED),
    text(4, name),
    ...(converted === undefined ? [] : [i32(6, converted)]),
  ];
}

function rowOrder(table: TableSpec, columns: readonly (readonly Cell[])[], rows: number): number[] {
  const keys = table.key.map((name) => columns[table.columns.findIndex((column) => column.name === name)]!);
  return Array.from({ length: rows }, (_, row) => row).sort((a, b) => {
    for (const key of keys) if (key[a] !== key[b]) return isLess(key[a]!, key[b]!) ? -1 : 1;
    return a - b;
  });
}

/** Smallest and largest of the values that are not null; undefined when they have no order. */
export function extentOf(cells: readonly Cell[]): Extent | undefined {
  let min: NonNullable<Cell> | undefined;
  let max: NonNullable<Cell> | undefined;
  let last: Cell = null;
  for (const cell of cells) {
    // Keys repeat from row to row.
    if (cell === null || Object.is(cell, last)) continue;
    // No order is defined on NaN, and the order of -0 is not that of JavaScript.
    if (Number.isNaN(cell) || Object.is(cell, -0)) return undefined;
    if (min === undefined || isLess(cell, min)) min = cell;
    if (max === undefined || isLess(max, cell)) max = cell;
    last = cell;
  }
  return min === undefined || max === undefined ? undefined : { min, max };
}

/** Text in the order of its UTF-8 bytes. */
function isLess(a: NonNullable<Cell>, b: NonNullable<Cell>): boolean {
  return typeof a === 'string' ? Buffer.compare(Buffer.from(a), Buffer.from(b as string)) < 0 : a < b;
}

/** A value as statistics hold it: PLAIN, without the length in front. */
function bare(column: ColumnSpec, value: NonNullable<Cell>): Uint8Array {
  return column.type === 'VARCHAR' ? Buffer.from(value as string) : plain(column, [value]);
}
