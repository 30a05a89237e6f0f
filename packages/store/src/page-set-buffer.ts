/** Page sets of a run as the compressed pages that go to disk, one per 64 chunks of a set: they do so while the replay goes on. */
import assert from 'node:assert/strict';
import { CHUNK_BYTES, PageBitmap, TABLES, type ColumnSpec, type Scope } from '@workset/model';
import { FileStream } from './files.ts';
import { forEachChunk } from './page-chunks.ts';
import { pageOfValues, ParquetFile, repeated, valuesOf, type ColumnPages, type Values } from './parquet/file.ts';
import { PLAIN, pageOf, type Cell, type Compress, type Page } from './parquet/pages.ts';
import type { SetKind } from './types.ts';

/** A set in the form it is stored: chunk numbers, and the compressed pages of its chunks, `copies` times over. */
export interface PackedSet {
  readonly copies: number;
  readonly chunks: readonly number[];
  readonly pages: readonly Page[];
}
interface SetRow {
  readonly w: number;
  readonly kind: SetKind;
  /** In order; a set that is the same in several scopes is stored in one page, where the second copy costs next to nothing. */
  readonly scopes: readonly (Scope | '')[];
  readonly set: PackedSet;
}

const CHUNKS_PER_PAGE = 64;
/** A chunk behind its length. */
const VALUE_BYTES = 4 + CHUNK_BYTES;
/** Key columns below this are written as they are: the sets beside them take hundreds of times that, and a compressor is started for each column of each run. */
const MIN_KEY_BYTES = 8 << 10;
const ROWS_PER_GROUP = 1 << 14;
/**
 * Every so many chunks the buffer looks at what it has, and hands row groups of so many compressed bytes to the disk. It counts rows alone,
 * and only what was there at its last look: so a file is the same whoever else is replayed, and the pages have had time to be compressed.
 */
const LOOK_CHUNKS = 128;
const GROUP_BYTES = 2 << 20;

/** Sets that runs of one pass have packed last: trackers often report the same pages, and compressing takes longer than comparing. */
export class PackedSets {
  readonly #known = new Map<SetKind, { next: number; readonly sets: { readonly set: PageBitmap; packed: PackedSet }[] }>();

  /** The set as another run has packed it for the same kind, or else as `pack` does. */
  of(kind: SetKind, set: PageBitmap, pack: () => PackedSet): PackedSet {
    let known = this.#known.get(kind);
    if (known === undefined) this.#known.set(kind, (known = { next: 0, sets: [] }));
    const hit = known.sets.find((other) => isEqual(other.set, set));
    if (hit !== undefined) return hit.packed;
    const packed = pack();
    const kept = (known.sets[known.next++ % KNOWN_SETS] ??= { set: new PageBitmap(set.nPages), packed });
    kept.set.words.set(set.words);
    kept.packed = packed;
    return packed;
  }
}
const KNOWN_SETS = 4;

function isEqual(a: PageBitmap, b: PageBitmap): boolean {
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}
function bytesOf({ words }: PageBitmap): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

export class PageSetBuffer {
  readonly #runId: string;
  readonly #blocks: Float64Array;
  readonly #compress: Compress;
  readonly #packed: PackedSets;
  readonly #path: () => string;
  #rows: SetRow[] = [];
  #chunksSinceLook = 0;
  /** Rows that were there at the last look, and those whose bytes have been counted. */
  #looked = 0;
  #counted = 0;
  #bytes = 0;
  #file: ParquetFile | undefined;
  #stream: FileStream | undefined;

  /**
   * @param path where to write the sets, if there are any
   * @param packed shared by runs of the same space
   */
  constructor(runId: string, blocks: Float64Array, compress: Compress, path: () => string, packed = new PackedSets()) {
    this.#packed = packed;
    this.#runId = runId;
    this.#blocks = blocks;
    this.#compress = compress;
    this.#path = path;
  }

  pack(set: PageBitmap, copies: number): PackedSet {
    return encode(set, this.#blocks, copies, this.#compress);
  }

  add(w: number, kind: SetKind, scope: Scope | '', set: PageBitmap): void {
    this.addPacked(
      w,
      kind,
      [scope],
      this.#packed.of(kind, set, () => this.pack(set, 1)),
    );
  }

  addPacked(w: number, kind: SetKind, scopes: readonly (Scope | '')[], set: PackedSet): void {
    assert.equal(set.copies, scopes.length);
    if (set.chunks.length === 0) return;
    this.#rows.push({ w, kind, scopes: scopes.toSorted(), set });
    this.#chunksSinceLook += set.copies * set.chunks.length;
    if (this.#chunksSinceLook >= LOOK_CHUNKS) this.#look();
  }

  #look(): void {
    for (; this.#counted < this.#looked; this.#counted++)
      for (const page of this.#rows[this.#counted]!.set.pages) this.#bytes += page.length;
    if (this.#bytes >= GROUP_BYTES) {
      this.#stream ??= new FileStream(this.#path());
      this.#stream.append(this.#groupsOf(this.#rows.splice(0, this.#looked)).take());
      this.#counted = 0;
      this.#bytes = 0;
    }
    this.#looked = this.#rows.length;
    this.#chunksSinceLook = 0;
  }

  /** What to wait for, if anything, when no more than `bytes` are to wait for the disk. Rejects with RunError. */
  room(bytes: number): Promise<void> | undefined {
    return this.#stream?.room(bytes);
  }

  /** Writes what is left. Each row group is ordered by window, kind, scope and chunk. Rejects with RunError. */
  async end(): Promise<void> {
    const rest = this.#rows.splice(0);
    if (this.#stream === undefined) return rest.length === 0 ? undefined : this.#groupsOf(rest).write(this.#path());
    this.#stream.append(this.#groupsOf(rest).finish());
    await this.#stream.end();
  }
  /** Writes nothing any more. */
  async stop(): Promise<void> {
    await this.#stream?.stop();
  }

  /** The file, with the rows added. */
  #groupsOf(unordered: readonly SetRow[]): ParquetFile {
    const file = (this.#file ??= new ParquetFile(TABLES.page_sets));
    const rows = unordered.toSorted(byKey);
    for (let from = 0; from < rows.length;) {
      let to = from;
      let n = 0;
      do n += rows[to]!.scopes.length * rows[to++]!.set.chunks.length;
      while (to < rows.length && n < ROWS_PER_GROUP);
      file.rowGroup(n, this.#columns(rows.slice(from, to)));
      from = to;
    }
    return file;
  }

  #columns(rows: readonly SetRow[]): ColumnPages[] {
    /** Of the chunks of one set in one scope, this is the same. */
    const same: Readonly<Record<string, (row: SetRow, scope: string) => NonNullable<Cell>>> = {
      w: ({ w }) => w,
      kind: ({ kind }) => kind,
      scope: (_row, scope) => scope,
    };
    const nRows = rows.reduce((sum, { scopes, set }) => sum + scopes.length * set.chunks.length, 0);
    return TABLES.page_sets.columns.map((column: ColumnSpec) => {
      if (column.name === 'bits') return { pages: rows.flatMap(({ set }) => set.pages) };
      if (column.name === 'run_id') return pageOfValues([repeated(column, this.#runId, nRows)], this.#compress, MIN_KEY_BYTES);
      const cell = same[column.name];
      const known = new Map<string, Values>();
      const parts = rows.flatMap((row) =>
        row.scopes.map((scope) => {
          const { chunks } = row.set;
          if (cell === undefined) return chunkValues(column, chunks);
          const value = cell(row, scope);
          return memoised(known, `${value} ${chunks.length}`, () => repeated(column, value, chunks.length));
        }),
      );
      return pageOfValues(parts, this.#compress, MIN_KEY_BYTES);
    });
  }
}

function memoised<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  let value = known.get(key);
  if (value === undefined) known.set(key, (value = make()));
  return value;
}

const chunkColumns = new WeakMap<readonly number[], Values>();

/** The chunk numbers of a set, which several runs may have. */
function chunkValues(column: ColumnSpec, chunks: readonly number[]): Values {
  let values = chunkColumns.get(chunks);
  if (values === undefined) chunkColumns.set(chunks, (values = valuesOf(column, chunks)));
  return values;
}

/** Pages of one set, `copies` times over. */
function encode(set: PageBitmap, blocks: Float64Array, copies: number, compress: Compress): PackedSet {
  const chunks: number[] = [];
  const pages: Page[] = [];
  const values = scratch(copies);
  let fill = 0;
  const flush = (): void => {
    if (fill > 0) pages.push(pageOf(values.subarray(0, fill * VALUE_BYTES), fill, PLAIN, compress));
    fill = 0;
  };
  for (let copy = 0; copy < copies; copy++) {
    forEachChunk(set, blocks, (chunk, bits) => {
      if (copy === 0) chunks.push(chunk);
      values.writeUInt32LE(bits.length, fill * VALUE_BYTES);
      values.set(bits, fill * VALUE_BYTES + 4);
      if (++fill === copies * CHUNKS_PER_PAGE) flush();
    });
  }
  flush();
  return { copies, chunks, pages };
}

let scratchBytes = Buffer.alloc(0);

/** Room for the values of one page, reused. */
function scratch(copies: number): Buffer {
  const wanted = copies * CHUNKS_PER_PAGE * VALUE_BYTES;
  if (scratchBytes.length < wanted) scratchBytes = Buffer.alloc(wanted);
  return scratchBytes;
}

function byKey(a: SetRow, b: SetRow): number {
  return a.w - b.w || compare(a.kind, b.kind) || compare(a.scopes[0]!, b.scopes[0]!);
}
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
