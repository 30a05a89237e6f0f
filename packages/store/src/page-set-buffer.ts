/** Page sets of a run, kept as the compressed pages that go to disk: one per 64 chunks of a set. */
import { TABLES } from '@workset/model';
import type { ColumnSpec, PageBitmap, Scope } from '@workset/model';
import { forEachChunk } from './page-chunks.ts';
import { columnPages, ParquetFile, type ColumnPages } from './parquet/file.ts';
import { pageOf, type Cell, type Page } from './parquet/pages.ts';
import type { SetKind } from './types.ts';

interface EncodedSet {
  readonly blocks: Float64Array;
  readonly chunks: readonly number[];
  readonly pages: readonly Page[];
  readonly bytes: number;
}
interface SetRow {
  readonly w: number;
  readonly kind: SetKind;
  readonly scope: Scope | '';
  readonly set: EncodedSet;
}

const CHUNKS_PER_PAGE = 64;
const ROWS_PER_GROUP = 1 << 14;

export class PageSetBuffer {
  readonly #runId: string;
  readonly #blocks: Float64Array;
  #rows: SetRow[] = [];

  constructor(runId: string, blocks: Float64Array) {
    this.#runId = runId;
    this.#blocks = blocks;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  /** Adds a set; returns the bytes it holds. `frozen`: the set will not change any more, so that its encoding can be shared between runs. */
  add(w: number, kind: SetKind, scope: Scope | '', set: PageBitmap, frozen: boolean): number {
    const encoded = frozen ? shared(set, this.#blocks) : encode(set, this.#blocks);
    if (encoded.chunks.length > 0) this.#rows.push({ w, kind, scope, set: encoded });
    return encoded.bytes;
  }

  /** Writes all sets, ordered by window, kind, scope and chunk, and forgets them. */
  write(path: string): void {
    const rows = this.#rows.sort(byKey);
    this.#rows = [];
    const file = new ParquetFile(path, TABLES.page_sets);
    for (let from = 0; from < rows.length; ) {
      let to = from;
      let n = 0;
      do n += rows[to++]!.set.chunks.length;
      while (to < rows.length && n < ROWS_PER_GROUP);
      file.rowGroup(n, this.#columns(rows.slice(from, to)));
      from = to;
    }
    file.close();
  }

  #columns(rows: readonly SetRow[]): ColumnPages[] {
    const cells: Readonly<Record<string, (row: SetRow, chunk: number) => Cell>> = {
      run_id: () => this.#runId,
      w: ({ w }) => w,
      kind: ({ kind }) => kind,
      scope: ({ scope }) => scope,
      chunk: (_, chunk) => chunk,
    };
    return TABLES.page_sets.columns.map((column: ColumnSpec) => {
      if (column.name === 'bits') return { pages: rows.flatMap(({ set }) => set.pages) };
      const cell = cells[column.name]!;
      return columnPages(column, rows.flatMap((row) => row.set.chunks.map((chunk) => cell(row, chunk))));
    });
  }
}

const encodings = new WeakMap<PageBitmap, EncodedSet>();

function shared(set: PageBitmap, blocks: Float64Array): EncodedSet {
  let encoded = encodings.get(set);
  if (encoded?.blocks !== blocks) encodings.set(set, (encoded = encode(set, blocks)));
  return encoded;
}

function encode(set: PageBitmap, blocks: Float64Array): EncodedSet {
  const chunks: number[] = [];
  const pages: Page[] = [];
  let values: Uint8Array[] = [];
  const flush = (): void => {
    if (values.length > 0) pages.push(pageOf(Buffer.concat(values), values.length / 2));
    values = [];
  };
  forEachChunk(set, blocks, (chunk, bits) => {
    chunks.push(chunk);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bits.length);
    values.push(length, bits);
    if (values.length === 2 * CHUNKS_PER_PAGE) flush();
  });
  flush();
  return { blocks, chunks, pages, bytes: pages.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}

function byKey(a: SetRow, b: SetRow): number {
  return a.w - b.w || compare(a.kind, b.kind) || compare(a.scope, b.scope);
}
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
