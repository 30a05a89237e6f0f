/** The plain lines of Lackey logs by the WebAssembly of lackey-code.ts. */
import { Instance, Memory, Module } from '@workset/model/wasm';
import type { LineCursor } from '../lines.ts';
import type { AccessRows } from './access-batches.ts';
import { fillFieldTables } from './field-code.ts';
import { LACKEY_CODE, MEMORY_PAGES, PLACE, ROWS_MAX } from './lackey-code.ts';
import { LinePiece } from './line-piece.ts';
import type { Rate } from './ordinal.ts';

interface Code {
  readonly lines: (at: number, end: number, eachAccess: number) => void;
}

/** One for all readers: but for the lines of the block at hand, nothing stays in it between two calls. */
class LackeyMemory {
  readonly lines;
  readonly rows: AccessRows;
  readonly bytes: Uint8Array;
  readonly state: Int32Array;
  /** Steps so far, ns of each. */
  readonly clock: Float64Array;

  constructor() {
    const memory = new Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    const { buffer } = memory;
    ({ lines: this.lines } = new Instance<Code>(new Module(LACKEY_CODE), { env: { memory } }).exports);
    this.rows = {
      timeNs: new Float64Array(buffer, PLACE.timeNs, ROWS_MAX),
      page: new Float64Array(buffer, PLACE.page, ROWS_MAX),
      cls: new Uint8Array(buffer, PLACE.cls, ROWS_MAX),
      pid: new Int32Array(0),
      cpu: new Int32Array(0),
    };
    this.bytes = new Uint8Array(buffer);
    this.state = new Int32Array(buffer, PLACE.state, 4);
    this.clock = new Float64Array(buffer, PLACE.steps, 2);
    fillFieldTables(buffer);
  }
}

let shared: LackeyMemory | undefined;

export class LackeyLines {
  /** Rows of the last run, its lines, those of instructions. */
  n = 0;
  lines = 0;
  instructions = 0;
  readonly #memory: LackeyMemory;
  readonly #piece: LinePiece;
  readonly #rate: Rate;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#memory = shared ??= new LackeyMemory();
    this.#piece = new LinePiece(this.#memory.bytes, PLACE.input);
  }

  /** Columns of the last run; the same arrays every time. */
  get rows(): AccessRows {
    return this.#memory.rows;
  }

  /** Before a block of lines. */
  bind(): void {
    this.#piece.forget();
  }

  /** Moves the cursor behind the plain lines at it. @param steps before the first of them */
  run(cursor: LineCursor, steps: number): void {
    this.n = this.lines = this.instructions = 0;
    const at = cursor.pos < cursor.end ? this.#piece.addressOf(cursor) : -1;
    if (at < 0) return;
    const { state, clock, lines } = this.#memory;
    clock[0] = steps;
    clock[1] = this.#rate.nsPerStep;
    lines(at, this.#piece.end, this.#rate.step === 'access' ? 1 : 0);
    this.n = state[1]!;
    this.lines = state[2]!;
    this.instructions = state[3]!;
    cursor.skip(state[0]! - at, this.lines);
  }
}
