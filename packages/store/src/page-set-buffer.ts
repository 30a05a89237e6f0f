/**
 * Page sets of a run as the compressed frames that go to disk, one per 64 chunks of a set: they do so while the replay goes on. A row group
 * holds each frame once, in its dictionary, however many kinds and scopes have the set.
 */
import { CHUNK_BYTES, PageBitmap, TABLES, type ColumnSpec, type Scope } from '@workset/model';
import { FileStream } from './files.ts';
import { forEachChunk } from './page-chunks.ts';
import { packedCodes } from './parquet/codes.ts';
import { extentOf, ParquetFile, type ColumnPages } from './parquet/file.ts';
import { codedChunk, dictionaryOfFrames, Frame, pageOf, plain, RLE_DICTIONARY, type Cell, type Compress } from './parquet/pages.ts';
import type { SetKind } from './types.ts';

/** A set in the form it is stored: chunk numbers, and the compressed chunks. */
export interface PackedSet {
  readonly chunks: readonly number[];
  readonly frames: readonly Frame[];
}
interface SetRow {
  readonly w: number;
  readonly kind: SetKind;
  readonly scope: Scope | '';
  readonly set: PackedSet;
}

const CHUNKS_PER_FRAME = 64;
/** A chunk behind its length. */
const VALUE_BYTES = 4 + CHUNK_BYTES;
/** Key columns below this are written as they are: the sets beside them take hundreds of times that, and a compressor is started for each column of each run. */
const MIN_KEY_BYTES = 8 << 10;
/**
 * Every so many chunks the buffer looks at what it has, and hands row groups of so many rows, chunks or compressed bytes to the disk. It
 * counts rows alone, and only what was there at its last look: so a file is the same whoever else is replayed, and the frames have had time
 * to be compressed.
 */
const LOOK_CHUNKS = 128;
const GROUP_BYTES = 2 << 20;
/** A reader holds the chunks of a row group at once: 32 MB. */
const GROUP_CHUNKS = 1 << 12;
const GROUP_ROWS = 1 << 14;

/** Sets that runs of one pass have packed last: trackers often report the same pages, often the true ones, and compressing takes longer than comparing. */
export class PackedSets {
  readonly #sets: { readonly set: PageBitmap; packed: PackedSet }[] = [];
  #next = 0;

  /** The set as it has been packed before, or else as `pack` does. */
  of(set: PageBitmap, pack: () => PackedSet): PackedSet {
    const hit = this.#sets.find((other) => isEqual(other.set, set));
    if (hit !== undefined) return hit.packed;
    const packed = pack();
    const kept = (this.#sets[this.#next++ % KNOWN_SETS] ??= { set: new PageBitmap(set.nPages), packed });
    kept.set.words.set(set.words);
    kept.packed = packed;
    return packed;
  }
}
const KNOWN_SETS = 8;

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
  /** Rows that were there at the last look, and those whose frames are in the dictionary. */
  #looked = 0;
  #counted = 0;
  #dictionary = new FrameDictionary();
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

  pack(set: PageBitmap): PackedSet {
    return this.#packed.of(set, () => encode(set, this.#blocks, this.#compress));
  }

  add(w: number, kind: SetKind, scope: Scope | '', set: PackedSet): void {
    if (set.chunks.length === 0) return;
    this.#rows.push({ w, kind, scope, set });
    this.#chunksSinceLook += set.chunks.length;
    if (this.#chunksSinceLook >= LOOK_CHUNKS) this.#look();
  }

  #look(): void {
    this.#count(this.#looked);
    const { bytes, nChunks } = this.#dictionary;
    if (bytes >= GROUP_BYTES || nChunks >= GROUP_CHUNKS || this.#nRows(this.#counted) >= GROUP_ROWS) {
      this.#stream ??= new FileStream(this.#path());
      this.#stream.append(this.#group(this.#counted).take());
    }
    this.#looked = this.#rows.length;
    this.#chunksSinceLook = 0;
  }

  /** Puts the first `n` sets into the dictionary. */
  #count(n: number): void {
    for (; this.#counted < n; this.#counted++) for (const frame of this.#rows[this.#counted]!.set.frames) this.#dictionary.add(frame);
  }

  #nRows(sets: number): number {
    let n = 0;
    for (let i = 0; i < sets; i++) n += this.#rows[i]!.set.chunks.length;
    return n;
  }

  /** What to wait for, if anything, when no more than `bytes` are to wait for the disk. Rejects with RunError. */
  room(bytes: number): Promise<void> | undefined {
    return this.#stream?.room(bytes);
  }

  /** Writes what is left. Each row group is ordered by window, kind, scope and chunk. Rejects with RunError. */
  async end(): Promise<void> {
    this.#count(this.#rows.length);
    if (this.#stream === undefined) return this.#counted === 0 ? undefined : this.#group(this.#counted).write(this.#path());
    this.#stream.append((this.#counted === 0 ? this.#file! : this.#group(this.#counted)).finish());
    await this.#stream.end();
  }
  /** Writes nothing any more. */
  async stop(): Promise<void> {
    await this.#stream?.stop();
  }

  /** The file, with a row group of the first `n` sets, which are in the dictionary. */
  #group(n: number): ParquetFile {
    const file = (this.#file ??= new ParquetFile(TABLES.page_sets));
    const nRows = this.#nRows(n);
    const columns = new GroupColumns(nRows, this.#runId, this.#dictionary);
    for (const row of this.#rows.splice(0, n).sort(byKey)) columns.add(row);
    file.rowGroup(nRows, columns.pages(this.#compress));
    this.#dictionary = new FrameDictionary();
    this.#counted = 0;
    return file;
  }
}

/** The frames of a row group, each once, in the order they came; their chunks are numbered through. */
class FrameDictionary {
  nChunks = 0;
  /** Compressed. */
  bytes = 0;
  readonly #frames: Frame[] = [];
  readonly #firstChunk = new Map<Frame, number>();
  readonly #ofLength = new Map<number, Frame[]>();

  /** Which frames are the same objects depends on who else is replayed, so their bytes are compared. */
  add(frame: Frame): void {
    if (this.#firstChunk.has(frame)) return;
    const { bytes, nValues } = frame;
    const { length } = bytes;
    const alike = this.#ofLength.get(length);
    const same = alike?.find((other) => Buffer.compare(other.bytes, bytes) === 0);
    this.#firstChunk.set(frame, same === undefined ? this.nChunks : this.#firstChunk.get(same)!);
    if (same !== undefined) return;
    this.#frames.push(frame);
    this.nChunks += nValues;
    this.bytes += length;
    if (alike === undefined) this.#ofLength.set(length, [frame]);
    else alike.push(frame);
  }

  firstChunkOf(frame: Frame): number {
    return this.#firstChunk.get(frame)!;
  }

  /** The column of chunks, given their numbers. */
  pages(numbers: Int32Array, compress: Compress): ColumnPages {
    const { page, framed } = dictionaryOfFrames(this.#frames);
    const codes = packedCodes(numbers, numbers.length, this.nChunks);
    return {
      dictionary: page,
      pages: [pageOf(codes, numbers.length, RLE_DICTIONARY, compress)],
      encoding: RLE_DICTIONARY,
      note: [FRAMES_NOTE, framed.map(([bytes, values]) => `${bytes}:${values}`).join(' ')],
    };
  }
}

/** Key of the note that says how the dictionary of a column is compressed in pieces: "bytes:values" of each, compressed bytes and number of values. */
const FRAMES_NOTE = 'workset.frames';

/** The columns of a row group, set by set. */
class GroupColumns {
  readonly #keys: Readonly<Record<string, KeyColumn>>;
  readonly #bits: Int32Array;
  readonly #dictionary: FrameDictionary;
  #n = 0;

  constructor(nRows: number, runId: string, dictionary: FrameDictionary) {
    this.#dictionary = dictionary;
    this.#bits = new Int32Array(nRows);
    this.#keys = Object.fromEntries(['run_id', 'w', 'kind', 'scope', 'chunk'].map((name) => [name, new KeyColumn(nRows)]));
    this.#keys['run_id']!.fill(runId, 0, nRows);
  }

  add({ w, kind, scope, set: { chunks, frames } }: SetRow): void {
    const from = this.#n;
    const to = from + chunks.length;
    this.#keys['w']!.fill(w, from, to);
    this.#keys['kind']!.fill(kind, from, to);
    this.#keys['scope']!.fill(scope, from, to);
    const numbers = this.#keys['chunk']!;
    for (let i = 0; i < chunks.length; i++) numbers.fill(chunks[i]!, from + i, from + i + 1);
    for (const frame of frames) {
      const first = this.#dictionary.firstChunkOf(frame);
      for (let i = 0; i < frame.nValues; i++) this.#bits[this.#n++] = first + i;
    }
  }

  pages(compress: Compress): ColumnPages[] {
    return TABLES.page_sets.columns.map((column) =>
      column.name === 'bits' ? this.#dictionary.pages(this.#bits, compress) : this.#keys[column.name]!.pages(column),
    );
  }
}

/** A column of few values, as indices into them in the order they came. */
class KeyColumn {
  readonly #codes: Int32Array;
  readonly #codeOf = new Map<NonNullable<Cell>, number>();

  constructor(nRows: number) {
    this.#codes = new Int32Array(nRows);
  }

  fill(value: NonNullable<Cell>, from: number, to: number): void {
    let code = this.#codeOf.get(value);
    if (code === undefined) this.#codeOf.set(value, (code = this.#codeOf.size));
    this.#codes.fill(code, from, to);
  }

  pages(column: ColumnSpec): ColumnPages {
    const values = [...this.#codeOf.keys()];
    const { length } = this.#codes;
    const codes = packedCodes(this.#codes, length, values.length);
    const chunk = codedChunk({ raw: plain(column, values), n: values.length }, codes, length, MIN_KEY_BYTES);
    return { ...chunk, encoding: RLE_DICTIONARY, extent: extentOf(values) };
  }
}

function encode(set: PageBitmap, blocks: Float64Array, compress: Compress): PackedSet {
  const chunks: number[] = [];
  const frames: Frame[] = [];
  let fill = 0;
  const flush = (): void => {
    if (fill > 0) frames.push(new Frame(scratch.subarray(0, fill * VALUE_BYTES), fill, compress));
    fill = 0;
  };
  forEachChunk(set, blocks, (chunk, bits) => {
    chunks.push(chunk);
    scratch.writeUInt32LE(bits.length, fill * VALUE_BYTES);
    scratch.set(bits, fill * VALUE_BYTES + 4);
    if (++fill === CHUNKS_PER_FRAME) flush();
  });
  flush();
  return { chunks, frames };
}

/** The values of one frame, before compression. */
const scratch = Buffer.alloc(CHUNKS_PER_FRAME * VALUE_BYTES);

function byKey(a: SetRow, b: SetRow): number {
  return a.w - b.w || compare(a.kind, b.kind) || compare(a.scope, b.scope);
}
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
