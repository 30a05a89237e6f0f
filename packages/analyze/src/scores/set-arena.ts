/**
 * The page sets of one window, of several runs at once, in one WebAssembly memory. Runs of one replay share their truth, and replay
 * writes it for each of them as the same bytes: those are decompressed, and counted, once.
 */
import { CHUNK_BYTES } from '@workset/model';
import type { ParquetReader, PageRef } from '../parquet/parquet-reader.ts';
import type { WasmMemory } from '@workset/model/wasm';
import { countMemory } from './count-code.ts';
import type { CountLoops } from './count-code.ts';
import type { SetGroup, SetRows } from './set-index.ts';

/** A chunk behind its length, as PLAIN stores it. */
const VALUE_BYTES = 4 + CHUNK_BYTES;
const WASM_PAGE = 65536;

interface StoredPage {
  readonly compressed: Buffer;
  readonly address: number;
}

/** A set in memory; the same object for the same pages, so that what was counted of it is known by its id. */
export interface StoredSet {
  readonly id: number;
  /** Ascending. */
  readonly chunks: readonly number[];
  /** Byte address of each chunk. */
  readonly addresses: readonly number[];
}
export const EMPTY: StoredSet = { id: 0, chunks: [], addresses: [] };

export class SetArena {
  readonly #memory: WasmMemory;
  readonly #loops: CountLoops;
  #bytes: Buffer;
  #top = 0;
  /** By compressed length. */
  readonly #pages = new Map<number, StoredPage[]>();
  /** By the address of the first chunk. */
  readonly #sets = new Map<number, StoredSet[]>();
  readonly #counts = new Map<string, number>();
  #nSets = 0;
  #read = Buffer.alloc(0);

  constructor() {
    const { memory, loops } = countMemory(64);
    this.#memory = memory;
    this.#loops = loops;
    this.#bytes = Buffer.from(memory.buffer);
  }

  /** Forgets everything: the next window begins. */
  reset(): void {
    this.#top = 0;
    this.#nSets = 0;
    this.#pages.clear();
    this.#sets.clear();
    this.#counts.clear();
  }

  /** The set whose rows these are; several pieces are one set. */
  set(pieces: readonly SetRows[]): StoredSet {
    const chunks: number[] = [];
    const addresses: number[] = [];
    for (const { group, from, to } of pieces) this.#place(group, from, to, chunks, addresses);
    return chunks.length === 0 ? EMPTY : this.#intern({ id: this.#nSets + 1, chunks, addresses });
  }

  size(set: StoredSet): number {
    return this.#count(`${set.id}`, () => set.addresses.reduce((n, address) => n + this.#loops.count(address, CHUNK_BYTES), 0));
  }

  /** |a ∩ b| */
  common(a: StoredSet, b: StoredSet): number {
    if (a === b) return this.size(a);
    return this.#count(`${a.id} ${b.id}`, () => {
      let n = 0;
      forCommonChunks(a, b, (i, j) => (n += this.#loops.countAnd(a.addresses[i]!, b.addresses[j]!, CHUNK_BYTES)));
      return n;
    });
  }

  /** |a ∩ b ∩ c| */
  common3(a: StoredSet, b: StoredSet, c: StoredSet): number {
    return this.#count(`${a.id} ${b.id} ${c.id}`, () => {
      let n = 0;
      forCommonChunks(a, b, (i, j) => {
        const k = c.chunks.indexOf(a.chunks[i]!);
        if (k >= 0) n += this.#loops.countAnd3(a.addresses[i]!, b.addresses[j]!, c.addresses[k]!, CHUNK_BYTES);
      });
      return n;
    });
  }

  #count(key: string, work: () => number): number {
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const n = work();
    this.#counts.set(key, n);
    return n;
  }

  #place({ reader, pages, firstRow, chunk }: SetGroup, from: number, to: number, chunks: number[], addresses: number[]): void {
    let page = pageOfRow(firstRow, from);
    for (let row = from; row < to;) {
      const base = this.#page(reader, pages[page]!);
      const first = firstRow[page]!;
      for (const end = Math.min(to, firstRow[page + 1]!); row < end; row++) {
        chunks.push(chunk[row]!);
        addresses.push(base + (row - first) * VALUE_BYTES + 4);
      }
      page++;
    }
  }

  /** Address of a page's values. */
  #page(reader: ParquetReader, page: PageRef): number {
    if (this.#read.length < page.bytes) this.#read = Buffer.allocUnsafe(2 * page.bytes);
    const compressed = reader.bytesOf(page, this.#read);
    let known = this.#pages.get(page.bytes);
    if (known === undefined) this.#pages.set(page.bytes, (known = []));
    const same = known.find((other) => other.compressed.equals(compressed));
    if (same !== undefined) return same.address;
    const raw = reader.decompress(compressed, page);
    if (raw.length !== page.nValues * VALUE_BYTES) throw new RangeError(`${reader.path}: page set chunks of another size`);
    const address = this.#room(raw.length);
    this.#bytes.set(raw, address);
    known.push({ compressed: Buffer.from(compressed), address });
    return address;
  }

  #room(bytes: number): number {
    const address = this.#top;
    this.#top += bytes;
    if (this.#top > this.#bytes.length) {
      this.#memory.grow(Math.ceil(Math.max(this.#top - this.#bytes.length, this.#bytes.length / 2) / WASM_PAGE));
      this.#bytes = Buffer.from(this.#memory.buffer);
    }
    return address;
  }

  #intern(set: StoredSet): StoredSet {
    const first = set.addresses[0]!;
    let known = this.#sets.get(first);
    if (known === undefined) this.#sets.set(first, (known = []));
    const same = known.find((other) => equal(other.chunks, set.chunks) && equal(other.addresses, set.addresses)) ?? this.#copyOf(set);
    if (same === undefined) this.#nSets = set.id;
    known.push(same ?? set);
    return same ?? set;
  }

  /** A set that is stored for both scopes lies twice in one page, the copies next to one another. */
  #copyOf(set: StoredSet): StoredSet | undefined {
    const n = set.chunks.length;
    const at = set.addresses[0]!;
    const other = this.#sets.get(at - n * VALUE_BYTES)?.find((before) => equal(before.chunks, set.chunks));
    if (other === undefined || set.addresses.at(-1) !== at + (n - 1) * VALUE_BYTES) return undefined;
    const start = at - n * VALUE_BYTES;
    if (other.addresses[0] !== start || other.addresses.at(-1) !== at - VALUE_BYTES) return undefined;
    return this.#bytes.compare(this.#bytes, start, at - 4, at, at + n * VALUE_BYTES - 4) === 0 ? other : undefined;
  }
}

function pageOfRow(firstRow: readonly number[], row: number): number {
  let lo = 0;
  for (let hi = firstRow.length - 1; lo < hi - 1;) {
    const middle = (lo + hi) >> 1;
    if (firstRow[middle]! <= row) lo = middle;
    else hi = middle;
  }
  return lo;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** Calls `on` with the places of every chunk that both sets have. */
function forCommonChunks(a: StoredSet, b: StoredSet, on: (i: number, j: number) => void): void {
  for (let i = 0, j = 0; i < a.chunks.length && j < b.chunks.length;) {
    const step = a.chunks[i]! - b.chunks[j]!;
    if (step === 0) on(i, j);
    if (step <= 0) i++;
    if (step >= 0) j++;
  }
}
