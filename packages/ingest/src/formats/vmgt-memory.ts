/** Tables and pieces of input and output that the WebAssembly of vmgt-code.ts works on, in one memory. */
import { BLOCK_SLOTS, CALL_RECORDS, FRAME_BLOCKS, INPUT_BYTES, PLACE, VMGT_CODE } from './vmgt-code.ts';

const WASM_PAGE = 65536;
const MAX_PAGES = 65536;
/** Both halves of it: -2^63 and some, which no number of a record leads to. */
const NO_BLOCK = -(2 ** 31);

/** The part of the WebAssembly global used here; the type libraries of Node leave it out. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
type Plain = (...args: readonly number[]) => number;
interface Wasm {
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: { env: { memory: WasmMemory } }) => { readonly exports: { readonly plain: Plain } };
}
const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;

let compiled: object | undefined;

/** The arrays are others after `reserveSeen`: do not keep them. */
export class VmgtMemory {
  readonly plain: Plain;
  state!: Int32Array;
  masks!: Uint8Array;
  /** Blocks of virtual pages: two halves of an i64 each. */
  slotBlocks!: Int32Array;
  slotBases!: Int32Array;
  input!: Uint8Array;
  byFrame!: Int32Array;
  byVirtual!: Int32Array;
  frames!: Int32Array;
  seen!: Uint8Array;
  readonly #memory: WasmMemory;

  constructor() {
    this.#memory = new Memory({ initial: PLACE.seen / WASM_PAGE + 1, maximum: MAX_PAGES });
    this.plain = new Instance((compiled ??= new Module(VMGT_CODE)), { env: { memory: this.#memory } }).exports.plain;
    this.#view();
    this.slotBlocks.fill(NO_BLOCK);
  }

  /** Makes `seen` at least this long; new bytes are 0. */
  reserveSeen(length: number): void {
    if (length <= this.seen.length) return;
    this.#memory.grow(Math.ceil(Math.max(length - this.seen.length, this.seen.length / 2) / WASM_PAGE));
    this.#view();
  }

  #view(): void {
    const { buffer } = this.#memory;
    this.state = new Int32Array(buffer, PLACE.state, 8);
    this.masks = new Uint8Array(buffer, PLACE.masks, 64);
    this.slotBlocks = new Int32Array(buffer, PLACE.slotBlocks, 2 * BLOCK_SLOTS);
    this.slotBases = new Int32Array(buffer, PLACE.slotBases, BLOCK_SLOTS);
    this.input = new Uint8Array(buffer, PLACE.input, INPUT_BYTES);
    this.byFrame = new Int32Array(buffer, PLACE.byFrame, 4 * CALL_RECORDS + 4);
    this.byVirtual = new Int32Array(buffer, PLACE.byVirtual, 2 * CALL_RECORDS + 2);
    this.frames = new Int32Array(buffer, PLACE.frames, FRAME_BLOCKS);
    this.seen = new Uint8Array(buffer, PLACE.seen);
  }
}
