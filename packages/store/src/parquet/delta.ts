/** Integers as Parquet's DELTA_BINARY_PACKED: differences of neighbours, bit-packed in blocks. Times and page numbers shrink to a few bits each. */
import { assemble, Instance, Memory, Module } from '@workset/model/wasm';
import { BLOCK, DELTA_FUNCTIONS, DELTAS_AT, EXTENT_AT, FREE_AT } from './delta-code.ts';

export const DELTA_BINARY_PACKED = 5;

const MINIBLOCKS = 4;
/** Differences of values up to this, and their spread, stay exact in doubles. */
const LIMIT = 2 ** 48;
/** Per block a minimum and four widths, and at most 51 bits a value; what is stored beyond the end. */
const BLOCK_BYTES = 16 + (BLOCK * 52) / 8;
const SLACK = 64;

export interface PackedIntegers {
  readonly bytes: Uint8Array;
  readonly min: number;
  readonly max: number;
}

/** The first `n` of `values`, n at least 1; undefined when one is no integer or beyond 2^48. */
export function deltaPacked(values: Float64Array | Int32Array | Uint8Array, n: number): PackedIntegers | undefined {
  packer ??= new Packer();
  return packer.pack(values, n);
}

let packer: Packer | undefined;

const WASM_PAGE_BYTES = 65536;
const MAX_WASM_PAGES = 16384;

interface Loops {
  scan(values: number, pairs: number): number;
  packDeltas(out: number): number;
  packBlocks(values: number, blocks: number, out: number): number;
}

class Packer {
  readonly #memory = new Memory({ initial: 1, maximum: MAX_WASM_PAGES, shared: true });
  readonly #loops: Loops;

  constructor() {
    const module = new Module(assemble(DELTA_FUNCTIONS, MAX_WASM_PAGES));
    this.#loops = new Instance<Loops>(module, { env: { memory: this.#memory } }).exports;
  }

  pack(values: Float64Array | Int32Array | Uint8Array, n: number): PackedIntegers | undefined {
    const outAt = FREE_AT + (n + 2) * 8;
    this.#reserve(outAt + SLACK + Math.ceil(n / BLOCK) * BLOCK_BYTES);
    const { buffer } = this.#memory;
    const cells = new Float64Array(buffer, FREE_AT, n + 1);
    cells.set(values.length === n ? values : values.subarray(0, n));
    // An odd number of values gets a twin.
    cells[n] = cells[n - 1]!;
    const isWhole = this.#loops.scan(FREE_AT, (n + 1) >>> 1) === 1;
    const [min, max] = new Float64Array(buffer, EXTENT_AT, 2) as unknown as [number, number];
    if (!isWhole || min < -LIMIT || max > LIMIT) return undefined;
    const bytes = new Uint8Array(buffer);
    const start = outAt + SLACK / 2;
    let out = zigzag(bytes, varint(bytes, varint(bytes, varint(bytes, start, BLOCK), MINIBLOCKS), n), cells[0]!);
    const blocks = Math.floor((n - 1) / BLOCK);
    if (blocks > 0) out = this.#loops.packBlocks(FREE_AT, blocks, out);
    if (n - 1 > blocks * BLOCK) out = this.#packRest(cells.subarray(blocks * BLOCK, n), out);
    // The order of -0 is not that of JavaScript.
    return { bytes: bytes.slice(start, out), min: min + 0, max: max + 0 };
  }

  /** The last block: what is missing of it counts as its smallest difference, which takes no bits. */
  #packRest(cells: Float64Array, out: number): number {
    const deltas = new Float64Array(this.#memory.buffer, DELTAS_AT, BLOCK);
    let min = Infinity;
    for (let i = 1; i < cells.length; i++) {
      deltas[i - 1] = cells[i]! - cells[i - 1]!;
      min = Math.min(min, deltas[i - 1]!);
    }
    deltas.fill(min, cells.length - 1);
    return this.#loops.packDeltas(out);
  }

  #reserve(bytes: number): void {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
  }
}

/** Writes at `at`, returns the end. */
function varint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[end++] = (rest % 128) | 128;
  bytes[end++] = rest;
  return end;
}
function zigzag(bytes: Uint8Array, at: number, value: number): number {
  return varint(bytes, at, value >= 0 ? value * 2 : -value * 2 - 1);
}
