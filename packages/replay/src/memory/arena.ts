/**
 * Int32 columns for per-page state. Large ones live in one WebAssembly memory, where the vector code can reach them; small ones
 * and those beyond its 4 GiB are plain arrays, and everything works on those too, slower.
 */
import { SET_FUNCTIONS } from './set-code.ts';
import { SIMD_FUNCTIONS } from './simd-code.ts';
import { STAMP_FUNCTIONS } from './stamp-code.ts';
import { TLB_FUNCTIONS } from './tlb-code.ts';
import type { SpaceInfo } from '@workset/model';
import { assemble, Instance, Memory, Module, type WasmMemory } from '@workset/model/wasm';
import { LANES_BYTES, ROUND_WORDS, sumCode, TouchSums } from '@workset/store/touches';

export interface VectorLoops {
  newer(last: number, after: number, words: number, out: number): void;
  newerThanMarks(last: number, marks: number, words: number, out: number): number;
  stillMarked(last: number, marks: number, words: number, out: number): void;
  takeNewer(last: number, marks: number, words: number, out: number, now: number): number;
  markNewer(last: number, marks: number, words: number, now: number): number;
  touchedAndWritten(pairs: number, after: number, words: number, touched: number, written: number): void;
  lastOfPairs(pairs: number, last: number, words: number): void;
  readsOfPairs(pairs: number, last: number, words: number): void;
  writesOfPairs(pairs: number, last: number, words: number): void;
  setMarks(marks: number, bits: number, words: number, now: number): void;
  fill(column: number, words: number, value: number): void;
  stampRows(touches: number, eights: number, stamps: number, stamp: number): void;
  stampBytes(touches: number, eights: number, bytes: number, byte: number): void;
  settle(bytes: number, stamps: number, words: number, base: number): void;
  stampBits(touches: number, eights: number, bits: number): void;
  sumAndStampBits(touches: number, eights: number, lanes: number, most: number, bits: number): void;
  orBits(bits: number, others: number, words: number): void;
  splitPairs(pairs: number, touched: number, written: number, fours: number): void;
  settleBits(list: number, count: number, stamps: number, words: number): void;
  recentTouchedAndWritten(bytes: number, after: number, words: number, touched: number, written: number): void;
  largest(column: number, words: number): number;
  orSet(out: number, other: number, rounds: number): void;
  andSet(out: number, other: number, rounds: number): void;
  andNotSet(out: number, other: number, rounds: number): void;
  copySet(out: number, other: number, rounds: number): void;
  countSet(set: number, rounds: number): number;
  sum(touches: number, rounds: number, out: number): void;
}

/** Arguments as in tlb-code.ts. */
type TlbLoop = (...args: readonly number[]) => void;

/** Below this many values a loop in JavaScript is as good, unless so many touches are read that checking them counts. */
const VECTOR_MIN = 1 << 15;
const VECTOR_MIN_TOUCHES = 1 << 22;
const WASM_PAGE = 65536;
const MAX_WASM_PAGES = 65536;

/** An arena as other threads can join it: each takes columns of its own from the same memory, and can see all. */
export interface SharedArena {
  readonly memory: WasmMemory<SharedArrayBuffer>;
  /** One int32 on a SharedArrayBuffer: the units of COLUMN_ALIGN bytes given out so far. */
  readonly used: Int32Array;
}
/** What one round of the vector loops writes. */
const COLUMN_ALIGN = 128;

export class Arena {
  readonly #vector: boolean;
  #memory: WasmMemory<SharedArrayBuffer> | undefined;
  #loops: VectorLoops | undefined;
  #used: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  #free: Int32Array[] = [];
  readonly #scratchWords: number;
  #scratch: Int32Array | undefined;
  #lanes: Int32Array | undefined;

  /** @param nPages size of the id space; `vector` false keeps everything in plain arrays */
  constructor(nPages: number, vector = nPages >= VECTOR_MIN) {
    this.#vector = vector;
    // Whole vectors of each.
    this.#scratchWords = 2 * 4 * Math.ceil(nPages / 128);
  }

  /** One for the replay of a space. */
  static of({ nPages, nTouches }: Pick<SpaceInfo, 'nPages' | 'nTouches'>): Arena {
    return new Arena(nPages, nPages >= VECTOR_MIN || nTouches >= VECTOR_MIN_TOUCHES);
  }

  /** The arena of another thread. */
  static join({ memory, used }: SharedArena, nPages: number): Arena {
    const arena = new Arena(nPages, true);
    arena.#used = used;
    arena.#open(memory);
    return arena;
  }
  /** For `join`; undefined when the columns are plain arrays. */
  share(): SharedArena | undefined {
    if (!this.#vector) return undefined;
    if (this.#memory === undefined) this.#open();
    return { memory: this.#memory!, used: this.#used };
  }
  /** Bytes at an address of the memory, which may be given as a signed number. */
  bytesAt(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory!.buffer, address >>> 0, length);
  }
  doublesAt(address: number, length: number): Float64Array {
    return new Float64Array(this.#memory!.buffer, address >>> 0, length);
  }

  /** Gives the memory to the next arena of this thread. No column of this one may be used any more, in any thread. */
  close(): void {
    if (this.#memory !== undefined) spare = { memory: this.#memory, bytes: Atomics.load(this.#used, 0) * COLUMN_ALIGN };
    this.#memory = undefined;
  }

  /** A column of zeros. */
  int32(length: number): Int32Array {
    const again = this.#free.findIndex((column) => column.length === length);
    if (again >= 0) return this.#cleared(this.#free.splice(again, 1)[0]!, length);
    return (this.#vector ? this.#inMemory(length) : undefined) ?? new Int32Array(length);
  }
  /** Gives a column back for later use. */
  release(column: Int32Array): void {
    this.#free.push(column);
  }

  /** The vector code, when all columns are within its reach. */
  static loopsFor(a: Int32Array, b = a): Arena | undefined {
    const arena = owners.get(a);
    return arena !== undefined && owners.get(b) === arena ? arena : undefined;
  }
  get loops(): VectorLoops {
    return this.#loops!;
  }
  /** Others that do the same. */
  set loops(loops: VectorLoops) {
    this.#loops = loops;
  }
  /** The TLB loops for sets of up to 4 * `vectors` ways: for memory in 4 KiB pages, and with 2 MiB pages and devices. */
  tlbLoop(vectors: number): TlbLoop {
    return (this.#loops as unknown as Record<string, TlbLoop>)[`tlb${vectors}`]!;
  }
  mixedTlbLoop(vectors: number): TlbLoop {
    return (this.#loops as unknown as Record<string, TlbLoop>)[`tlbMixed${vectors}`]!;
  }
  /** The checksum of the first `length` touches of a column, and the largest of them, unsigned. */
  sumsOf(touches: Int32Array, length: number): { readonly sums: string; readonly largest: number } {
    const rounds = this.owns(touches) ? Math.floor(length / ROUND_WORDS) : 0;
    const sums = new TouchSums();
    let largest = 0;
    if (rounds > 0) {
      const lanes = this.#lanes!.fill(0);
      this.#loops!.sum(touches.byteOffset, rounds, lanes.byteOffset);
      sums.addLanes(lanes, rounds * ROUND_WORDS);
      largest = TouchSums.largestOf(lanes);
    }
    for (let i = rounds * ROUND_WORDS; i < length; i++) largest = Math.max(largest, touches[i]! >>> 0);
    return { sums: sums.add(touches, rounds * ROUND_WORDS, length).toString(), largest };
  }
  owns(column: Int32Array): boolean {
    return owners.get(column) === this;
  }
  /** Words for two sets of the id space, with anything in them. */
  get scratch(): Int32Array {
    return this.#scratch!;
  }

  /** A column whose first `length` values are 0. The room of a column is a whole number of COLUMN_ALIGN bytes. */
  #cleared(column: Int32Array, length: number): Int32Array {
    if (!this.owns(column)) return column.fill(0, 0, length);
    // The loops make one round at least.
    if (length > 0) this.#loops!.fill(column.byteOffset, Math.ceil((4 * length) / COLUMN_ALIGN), 0);
    return column;
  }

  #open(memory?: WasmMemory<SharedArrayBuffer>): void {
    const used = memory === undefined ? spare : undefined;
    if (used !== undefined) spare = undefined;
    this.#memory = memory ?? used?.memory ?? new Memory({ initial: 1, maximum: MAX_WASM_PAGES, shared: true });
    this.#loops = instantiate(this.#memory);
    // By vectors: filling shared memory from JavaScript takes ten times as long.
    if (used !== undefined && used.bytes > 0) this.#loops.fill(0, used.bytes / COLUMN_ALIGN, 0);
    this.#scratch = this.#inMemory(this.#scratchWords);
    this.#lanes = this.#inMemory(LANES_BYTES / 4);
  }

  #inMemory(length: number): Int32Array | undefined {
    if (this.#memory === undefined) this.#open();
    const memory = this.#memory!;
    const units = Math.ceil((length * 4) / COLUMN_ALIGN);
    const byteOffset = Atomics.add(this.#used, 0, units) * COLUMN_ALIGN;
    try {
      // Another thread may have grown the memory meanwhile: then some of it is spare.
      const missing = Math.ceil((byteOffset + length * 4) / WASM_PAGE) - memory.buffer.byteLength / WASM_PAGE;
      if (missing > 0) memory.grow(missing);
      return this.#own(new Int32Array(memory.buffer, byteOffset, length));
    } catch {
      Atomics.sub(this.#used, 0, units);
      return undefined;
    }
  }

  #own(column: Int32Array): Int32Array {
    owners.set(column, this);
    return column;
  }
}

/** Memory of an arena that was closed: a collector would free gigabytes only when it gets to them. */
let spare: { readonly memory: WasmMemory<SharedArrayBuffer>; readonly bytes: number } | undefined;

const owners = new WeakMap<Int32Array, Arena>();

let compiled: object | undefined;

function instantiate(memory: WasmMemory<SharedArrayBuffer>): VectorLoops {
  compiled ??= new Module(assemble([...SIMD_FUNCTIONS, ...SET_FUNCTIONS, ...STAMP_FUNCTIONS, ...TLB_FUNCTIONS, sumCode()], MAX_WASM_PAGES));
  return new Instance<VectorLoops>(compiled, { env: { memory } }).exports;
}
