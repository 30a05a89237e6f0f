/**
 * The page sets of one window, of several runs at once, in one WebAssembly memory. Replay writes a set that several runs, kinds or
 * scopes have as the same frames, which are decompressed, and counted, once.
 */
import { CHUNK_BYTES } from '@workset/model';
import type { ParquetReader, PageRef } from '../parquet/parquet-reader.ts';
import type { WasmMemory } from '@workset/model/wasm';
import { countMemory } from './count-code.ts';
import type { CountLoops } from './count-code.ts';
import { VALUE_BYTES } from './set-index.ts';
import type { SetGroup, SetRows } from './set-index.ts';

const WASM_PAGE = 65536;

interface StoredFrame {
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
  readonly #frames = new Map<number, StoredFrame[]>();
  /** Address of the values of a frame that has been read. */
  readonly #addresses = new Map<PageRef, number>();
  /** By the address of the first chunk. */
  readonly #sets = new Map<number, StoredSet[]>();
  readonly #counts = new Map<string, number>();
  #nSets = 0;
  #readInto = Buffer.alloc(0);

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
    this.#frames.clear();
    this.#addresses.clear();
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

  #place(
    { reader, bits: { frames, codes }, firstChunk, chunk }: SetGroup,
    from: number,
    to: number,
    chunks: number[],
    addresses: number[],
  ): void {
    let frame = 0;
    let base = 0;
    for (let row = from; row < to; row++) {
      const code = codes[row]!;
      if (row === from || code < firstChunk[frame]! || code >= firstChunk[frame + 1]!) {
        frame = frameOf(firstChunk, code);
        base = this.#addressOf(reader, frames[frame]!);
      }
      chunks.push(chunk[row]!);
      addresses.push(base + (code - firstChunk[frame]!) * VALUE_BYTES + 4);
    }
  }

  #addressOf(reader: ParquetReader, frame: PageRef): number {
    let address = this.#addresses.get(frame);
    if (address === undefined) this.#addresses.set(frame, (address = this.#read(reader, frame)));
    return address;
  }

  /** Address of a frame's values; frames of the same bytes have one. */
  #read(reader: ParquetReader, frame: PageRef): number {
    if (this.#readInto.length < frame.bytes) this.#readInto = Buffer.allocUnsafe(2 * frame.bytes);
    const compressed = reader.bytesOf(frame, this.#readInto);
    let known = this.#frames.get(frame.bytes);
    if (known === undefined) this.#frames.set(frame.bytes, (known = []));
    const same = known.find((other) => other.compressed.equals(compressed));
    if (same !== undefined) return same.address;
    const raw = reader.decompress(compressed, frame);
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
    const same = known.find((other) => equal(other.chunks, set.chunks) && equal(other.addresses, set.addresses));
    if (same !== undefined) return same;
    this.#nSets = set.id;
    known.push(set);
    return set;
  }
}

/** The frame that holds chunk `code`. */
function frameOf(firstChunk: readonly number[], code: number): number {
  let lo = 0;
  for (let hi = firstChunk.length - 1; lo < hi - 1;) {
    const middle = (lo + hi) >> 1;
    if (firstChunk[middle]! <= code) lo = middle;
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
