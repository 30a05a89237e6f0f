/** The axis of slots that stack distances are counted on: every page has one slot in use, that of its last touch. */
import { Instance, Memory, Module } from '@workset/model/wasm';
import { layoutOf, LINE_BYTES, LINE_SHIFT, LINE_SLOTS, linesOf, slotCode, WINDOW_BYTES, type Layout, type Level } from './slot-code.ts';

const WASM_PAGE = 65536;
/** With more there are fewer renumberings, but more memory is looked at. */
const SLOTS_PER_PAGE = 2;
const LINES_MIN = 32;
/** Slots are numbered in 32 bits. */
const LINES_MAX = 2 ** (32 - LINE_SHIFT);

interface Loops {
  distances(n: number, total: number): number;
  renumber(n: number, zero: number): void;
}
type Entries = Uint16Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** A line with all slots in use. */
const FULL_LINE = new Int32Array(BigInt64Array.from({ length: 8 }, (_, i) => (i < 7 ? -1n : fieldsOfFullLine())).buffer);

function fieldsOfFullLine(): bigint {
  let fields = 0n;
  for (let word = 1n; word < 7n; word++) fields |= (64n * word) << (9n * word);
  return fields;
}

/** By the depth of their trees. */
const modules = new Map<number, object>();

function moduleOf(depth: number, layout: Layout): object {
  const known = modules.get(depth);
  if (known !== undefined) return known;
  const made = new Module(slotCode(layout));
  modules.set(depth, made);
  return made;
}

export class SlotAxis {
  /** Slots handed to a call, as 32 bits without sign, replaced by its results. */
  readonly run: Int32Array<ArrayBuffer>;
  /** Slots in use. Slot 0 always is, for no page. */
  total = 1;
  /** The slot to be taken next, and how many from there on may be taken before `goOn` has to be called. */
  next = 0;
  room = 0;
  #line = 0;
  readonly #nLines: number;
  readonly #levels: readonly Level[];
  /** Of each level. */
  readonly #entries: readonly Entries[];
  readonly #lines: Int32Array<ArrayBuffer>;
  readonly #loops: Loops;

  constructor(nPages: number) {
    this.#nLines = Math.min(LINES_MAX, Math.max(LINES_MIN, Math.ceil((nPages * SLOTS_PER_PAGE) / LINE_SLOTS)));
    let depth = 1;
    while (linesOf(depth) < this.#nLines) depth++;
    const layout = layoutOf(depth);
    const pages = Math.ceil((layout.lines + this.#nLines * LINE_BYTES) / WASM_PAGE);
    const memory = new Memory({ initial: pages, maximum: pages });
    this.#loops = new Instance<Loops>(moduleOf(depth, layout), { env: { memory } }).exports;
    this.run = new Int32Array(memory.buffer, layout.run, LINE_SLOTS);
    this.#lines = new Int32Array(memory.buffer, layout.lines, (this.#nLines * LINE_BYTES) / 4);
    this.#levels = layout.levels;
    this.#entries = layout.levels.map(({ at, nEntries, entryBytes, window }) => {
      new Uint8Array(memory.buffer, window, WINDOW_BYTES).fill(255, WINDOW_BYTES / 2 + entryBytes);
      return entryBytes === 2 ? new Uint16Array(memory.buffer, at, nEntries) : new Int32Array(memory.buffer, at, nEntries);
    });
    this.#enter(0, 0);
    this.next = 1;
    this.room = LINE_SLOTS - 1;
  }

  /** Replaces the first n >= 1 slots of the run by distances; 0, no slot yet, stays. For each the caller has taken a new one. */
  distances(n: number): void {
    this.total = this.#loops.distances(n, this.total);
  }

  /** Makes room. @param slotOf all slots in use, which may get others */
  goOn(slotOf: Int32Array): void {
    if (this.#line + 1 < this.#nLines) this.#enter(this.#line + 1, this.total);
    else this.#renumber(slotOf);
  }

  /** Slots without gaps between them, in the same order. */
  #renumber(slotOf: Int32Array): void {
    const { run } = this;
    for (let from = 0; from < slotOf.length; from += run.length) {
      const n = Math.min(run.length, slotOf.length - from);
      run.set(slotOf.subarray(from, from + n));
      this.#loops.renumber(n, 0);
      slotOf.set(run.subarray(0, n), from);
    }
    const used = this.total % LINE_SLOTS;
    for (let before = 0; before <= this.total - used; before += LINE_SLOTS) this.#enter(before / LINE_SLOTS, before);
    this.next += used;
    this.room -= used;
  }

  /**
   * Lines are entered in order. All slots of one count as in use as soon as it is entered: ranks are asked for slots that have been
   * taken, so those behind do not matter. @param before slots in use before it
   */
  #enter(line: number, before: number): void {
    this.#lines.set(FULL_LINE, (line * LINE_BYTES) / 4);
    let rest = before;
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const entries = this.#entries[i]!;
      const lineShift = this.#levels[i]!.shift - LINE_SHIFT;
      const entry = line >>> lineShift;
      if (line === entry << lineShift) entries[entry] = rest;
      rest -= entries[entry]!;
    }
    this.#line = line;
    this.next = (line << LINE_SHIFT) | 0;
    this.room = LINE_SLOTS;
  }
}
