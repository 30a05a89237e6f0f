/** Tables and pieces of input and output that the WebAssembly of vmgt-code.ts works on, in one memory. */
import { Instance, Memory, Module, type WasmMemory } from '@workset/model/wasm';
import { BLOCK_SLOTS, CALL_RECORDS, FRAME_BLOCKS, INPUT_BYTES, PLACE, ROW, VMGT_CODE, WINDOW_BYTES } from './vmgt-code.ts';

const WASM_PAGE = 65536;
const MAX_PAGES = 65536;
/** Both halves of it: -2^63 and some, which no number of a record leads to. */
const NO_BLOCK = -(2 ** 31);

type Plain = (...args: readonly number[]) => number;

/** flags → mask of classes: user read or fetch 1, user write 2, kernel read or fetch 4, kernel write 8. */
export const CLASS_MASK = Uint8Array.from(
  { length: 64 },
  (_, flags) => (flags & 5 ? 1 : 0) | (flags & 2 ? 2 : 0) | (flags & 40 ? 4 : 0) | (flags & 16 ? 8 : 0),
);

let compiled: object | undefined;

/** The arrays are others after `reserveSeen`: do not keep them. */
export class VmgtMemory {
  readonly plain: Plain;
  state!: Int32Array;
  /** Blocks of virtual pages: two halves of an i64 each. */
  slotBlocks!: Int32Array;
  slotBases!: Int32Array;
  input!: Uint8Array<ArrayBuffer>;
  /** For the bytes of the file. */
  window!: Uint8Array<ArrayBuffer>;
  byFrame!: Int32Array;
  byVirtual!: Int32Array;
  frames!: Int32Array;
  seen!: Uint8Array;
  readonly #memory: WasmMemory;

  constructor() {
    this.#memory = new Memory({ initial: PLACE.seen / WASM_PAGE + 1, maximum: MAX_PAGES });
    this.plain = new Instance<{ readonly plain: Plain }>((compiled ??= new Module(VMGT_CODE)), {
      env: { memory: this.#memory },
    }).exports.plain;
    this.#view();
    this.slotBlocks.fill(NO_BLOCK);
    const { buffer } = this.#memory;
    for (let byte = 0; byte < 128; byte++) {
      writePair(buffer, PLACE.steps + 8 * byte, 4 * ((byte >>> 1) ^ -(byte & 1)));
      writePair(buffer, PLACE.deltas + 8 * byte, 4 * byte);
    }
    for (let flags = 1; flags < 64; flags++) writeRow(buffer, PLACE.rows + flags * ROW.bytes, CLASS_MASK[flags]!);
  }

  /** As it was at first, but for what it has grown. */
  clear(): void {
    this.slotBlocks.fill(NO_BLOCK);
    this.frames.fill(0);
    this.seen.fill(0);
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
    this.slotBlocks = new Int32Array(buffer, PLACE.slotBlocks, 2 * BLOCK_SLOTS);
    this.slotBases = new Int32Array(buffer, PLACE.slotBases, BLOCK_SLOTS);
    this.input = new Uint8Array(buffer, PLACE.input, INPUT_BYTES);
    this.window = new Uint8Array(buffer, PLACE.window, WINDOW_BYTES);
    this.byFrame = new Int32Array(buffer, PLACE.byFrame, 4 * CALL_RECORDS + 4);
    this.byVirtual = new Int32Array(buffer, PLACE.byVirtual, 2 * CALL_RECORDS + 2);
    this.frames = new Int32Array(buffer, PLACE.frames, FRAME_BLOCKS);
    this.seen = new Uint8Array(buffer, PLACE.seen);
  }
}

/** Memory for more pages than these, 4 GiB, is not kept. */
const SPARE_SEEN_MAX = 1 << 20;
/** Of a log that is done, for the next one: fresh memory is mapped page by page, and makes the garbage collector run. */
let spare: VmgtMemory | undefined;

/** For one log, which gives it back when it is done. */
export function takeVmgtMemory(): VmgtMemory {
  const memory = spare ?? new VmgtMemory();
  spare = undefined;
  return memory;
}

export function giveBackVmgtMemory(memory: VmgtMemory): void {
  if (memory.seen.length > SPARE_SEEN_MAX) return;
  memory.clear();
  spare = memory;
}

/** value * (2^32 + 1) */
function writePair(buffer: ArrayBuffer, at: number, value: number): void {
  new Int32Array(buffer, at, 2).set([value, value < 0 ? value - 1 : value]);
}

function writeRow(buffer: ArrayBuffer, at: number, mask: number): void {
  const classes = [0, 1, 2, 3].filter((cls) => ((mask >> cls) & 1) !== 0);
  const user = classes.filter((cls) => cls < 2);
  new Int32Array(buffer, at + ROW.byFrame, 4).set(classes);
  new Int32Array(buffer, at + ROW.byVirtual, 4).set(user);
  new Int32Array(buffer, at + ROW.frameBytes, 2).set([4 * classes.length, 4 * user.length]);
  new Uint8Array(buffer, at + ROW.mask, 1)[0] = mask & 3;
}
