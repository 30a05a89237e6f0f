/** Where the page sets of a run lie in the parts that a replay wrote: found without reading a single set. */
import { CHUNK_BYTES } from '@workset/model';
import { bigints } from '../parquet/parquet-reader.ts';
import type { CodedColumn, ColumnChunk, ParquetReader, RowGroup } from '../parquet/parquet-reader.ts';

/** A chunk behind its length, as PLAIN stores it. */
export const VALUE_BYTES = 4 + CHUNK_BYTES;

/** Half-open range of window numbers. */
export interface WindowRange {
  readonly from: number;
  readonly to: number;
}

/** One row group of page_sets. */
export interface SetGroup {
  readonly reader: ParquetReader;
  readonly bits: CodedColumn;
  /** Number of the first chunk of each frame, and of all chunks. */
  readonly firstChunk: readonly number[];
  /** Chunk number of each row. */
  readonly chunk: Float64Array;
}
/** A set: rows [from, to) of a group, one chunk each. */
export interface SetRows {
  readonly kind: string;
  readonly scope: string;
  readonly group: SetGroup;
  readonly from: number;
  readonly to: number;
}

/** Sets by window. Keep the readers open while they are used. */
export function indexSets(readers: readonly ParquetReader[], range: WindowRange): Map<number, SetRows[]> {
  const index = new Map<number, SetRows[]>();
  for (const reader of readers) for (const group of reader.groups) if (overlaps(group, range)) addGroup(reader, group, range, index);
  return index;
}

function overlaps(group: RowGroup, { from, to }: WindowRange): boolean {
  const { min, max } = column(group, 'w');
  return min === undefined || max === undefined || (bigints(Buffer.from(min))[0]! < to && bigints(Buffer.from(max))[0]! >= from);
}

function addGroup(reader: ParquetReader, group: RowGroup, range: WindowRange, index: Map<number, SetRows[]>): void {
  const ws = reader.integers(column(group, 'w'));
  const kinds = reader.texts(column(group, 'kind'));
  const scopes = reader.texts(column(group, 'scope'));
  const bits = reader.coded(column(group, 'bits'), VALUE_BYTES);
  const firstChunk = [0];
  for (const { nValues } of bits.frames) firstChunk.push(firstChunk.at(-1)! + nValues);
  const sets = { reader, bits, firstChunk, chunk: reader.integers(column(group, 'chunk')) };
  for (let from = 0; from < group.rows;) {
    let to = from + 1;
    while (to < group.rows && ws[to] === ws[from] && kinds[to] === kinds[from] && scopes[to] === scopes[from]) to++;
    const w = ws[from]!;
    if (w >= range.from && w < range.to) {
      const at = index.get(w);
      const rows = { kind: kinds[from]!, scope: scopes[from]!, group: sets, from, to };
      if (at === undefined) index.set(w, [rows]);
      else at.push(rows);
    }
    from = to;
  }
}

function column(group: RowGroup, name: string): ColumnChunk {
  const found = group.columns.get(name);
  if (found === undefined) throw new RangeError(`a part without column ${name}`);
  return found;
}
