/** Reads the touches of a space batch by batch and applies them to the stamps; those who look at single touches see each of them once. */
import { setImmediate } from 'node:timers/promises';
import { throwIfAborted, TraceFormatError } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import type { Crew } from './crew.ts';
import type { Arena } from './memory/arena.ts';
import { largest } from './memory/bit-loops.ts';
import { isWorthBuffering, RECENT_FRAMES } from './memory/stamp-column.ts';
import { StampMemory } from './memory/stamps.ts';

/** Someone who looks at single touches, frame by frame in order. */
export interface Watcher {
  /** Called once for every frame, before its touches. */
  frame(frame: number): void;
  touches(touches: Int32Array, from: number, to: number, frame: number): void;
}

export interface FeedOptions {
  readonly space: SpaceReader;
  readonly crew?: Crew | undefined;
  /** Where the stamps of a pass without a crew are kept; default: an arena of its own. */
  readonly arena?: Arena | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the touches applied so far, every few million. */
  readonly onProgress?: ((touches: number) => void) | undefined;
}

const PROGRESS_TOUCHES = 1 << 22;
/** Longest time without a look at the event loop, ms: signals and messages of other threads arrive there. */
const BREATH_MS = 50;
/** Fewer touches than this are applied by one member: the others would only wait to merge. */
const SHARED_TOUCHES = 1 << 19;

export class TouchFeed {
  readonly memory: StampMemory;
  /** Touches applied by this thread. */
  touches = 0;
  readonly #options: FeedOptions;
  readonly #buffer: Int32Array;
  readonly #sum = (touches: Int32Array): string => this.memory.arena.sumsOf(this.#buffer, touches.length);
  #batch = -1;
  #batchRows = 0;
  #reportAt = PROGRESS_TOUCHES;
  #breathAt = performance.now() + BREATH_MS;

  constructor(options: FeedOptions) {
    this.#options = options;
    const { info, batchRows } = options.space;
    this.memory = options.crew?.memory ?? new StampMemory(info.nPages, info.classBits, undefined, options.arena);
    this.#buffer = this.memory.arena.int32(Math.min(batchRows, Math.max(1, info.nTouches)));
    const column = options.crew?.part ?? this.memory.column;
    if (isWorthBuffering(info, column.length)) column.buffer();
  }

  /** Applies all frames before `end`. */
  async advanceTo(end: number, watcher: Watcher | undefined): Promise<void> {
    const { memory } = this;
    const { crew } = this.#options;
    const first = memory.framesApplied;
    if (end <= first) return;
    if (crew === undefined) {
      await this.#apply(first, end, true, watcher);
    } else {
      await this.#applyTogether(crew, first, end);
      if (watcher !== undefined) await this.#apply(first, end, false, watcher);
    }
    memory.framesApplied = end;
  }

  async #applyTogether(crew: Crew, first: number, end: number): Promise<void> {
    const { rowStart } = this.#options.space.frames;
    const rows = rowStart[end]! - rowStart[first]!;
    if (rows < Math.max(SHARED_TOUCHES, this.memory.column.length / 4)) {
      if (crew.index === 0) await this.#apply(first, end, true, undefined);
      // The others apply nothing, but a signal must reach them too.
      else await this.#breathe();
      return crew.meet();
    }
    // Each member takes the next batch that nobody has. Later frames have larger stamps: they go to their places in turn, or the parts
    // are merged by maximum.
    const { batchRows } = this.#options.space;
    const from = rowStart[first]!;
    const to = rowStart[end]!;
    for (;;) {
      const taken = crew.next();
      const batch = Math.floor(from / batchRows) + taken;
      const base = batch * batchRows;
      if (base >= to) break;
      const row = Math.max(from, base);
      this.#load(batch);
      const stop = Math.min(to, base + this.#batchRows);
      const frame = frameOf(rowStart, first, end, row);
      if (crew.takesTurns) await this.#applyInTurn(crew, taken, base, row, stop, frame, end);
      else crew.part.apply(this.#buffer, base, row - base, stop - base, rowStart, frame);
      this.touches += stop - row;
      await this.#breathe();
    }
    crew.part.settle();
    await crew.meet();
    crew.merge();
    await crew.meet();
  }

  /** Rows [row, stop) of the loaded batch, in as many pieces as the bytes need: nearly always one. */
  async #applyInTurn(crew: Crew, turn: number, base: number, row: number, stop: number, frame: number, end: number): Promise<void> {
    const { rowStart } = this.#options.space.frames;
    for (let from = row; from < stop;) {
      const first = from === row ? frame : frameOf(rowStart, frame, end, from);
      const to = Math.min(stop, rowStart[Math.min(end, first + RECENT_FRAMES)]!);
      crew.part.apply(this.#buffer, base, from - base, to - base, rowStart, first);
      await crew.turn(turn);
      crew.part.settle();
      from = to;
    }
    crew.placed();
  }

  /** Batch by batch: the touches are stamped, unless they are already, then the watcher looks. */
  async #apply(first: number, end: number, stamps: boolean, watcher: Watcher | undefined): Promise<void> {
    const { frames, batchRows } = this.#options.space;
    const { rowStart } = frames;
    const endRow = rowStart[end]!;
    let f = first;
    for (let row = rowStart[first]!; row < endRow;) {
      const batch = Math.floor(row / batchRows);
      this.#load(batch);
      const base = batch * batchRows;
      const stop = Math.min(endRow, base + this.#batchRows);
      while (rowStart[f + 1]! <= row && watcher === undefined) f++;
      if (stamps) this.memory.column.apply(this.#buffer, base, row - base, stop - base, rowStart, f);
      if (watcher !== undefined) this.#watch(watcher, f, end, row, stop, base);
      while (f < end && rowStart[f + 1]! <= stop) f++;
      if (stamps) this.touches += stop - row;
      row = stop;
      await this.#breathe();
    }
    if (watcher !== undefined) for (; f < end; f++) watcher.frame(f);
  }

  /** Shows the watcher rows [row, stop), which begin in frame `f`. */
  #watch(watcher: Watcher, f: number, end: number, row: number, stop: number, base: number): void {
    const { rowStart } = this.#options.space.frames;
    for (; f < end && (rowStart[f]! < stop || rowStart[f + 1]! <= stop); f++) {
      if (rowStart[f]! >= row) watcher.frame(f);
      const from = Math.max(row, rowStart[f]!);
      const to = Math.min(stop, rowStart[f + 1]!);
      if (to > from) watcher.touches(this.#buffer, from - base, to - base, f);
    }
  }

  /** Visits the rows of frames [first, endFrame), applied or not, batch by batch. */
  eachPiece(first: number, endFrame: number, visit: (touches: Int32Array, from: number, to: number) => void): void {
    const { space } = this.#options;
    const end = space.frames.rowStart[endFrame]!;
    for (let row = space.frames.rowStart[first]!; row < end;) {
      const batch = Math.floor(row / space.batchRows);
      this.#load(batch);
      const base = batch * space.batchRows;
      const stop = Math.min(end - base, this.#batchRows);
      visit(this.#buffer, row - base, stop);
      row = base + stop;
    }
  }

  #load(batch: number): void {
    if (batch === this.#batch) return;
    const { space } = this.#options;
    this.#batchRows = space.readBatch(batch, this.#buffer, this.#sum);
    const slots = this.memory.column.length;
    // The loops below do not look: a touch of a page that is not there would change another column.
    if (largest(this.#buffer, this.#batchRows) >= slots)
      throw new TraceFormatError(`batch ${batch} of space ${space.info.id} has a touch of a page outside its ${space.info.nPages} pages`);
    this.#batch = batch;
  }

  async #breathe(): Promise<void> {
    throwIfAborted(this.#options.signal);
    if (this.touches >= this.#reportAt) {
      this.#reportAt = this.touches + PROGRESS_TOUCHES;
      this.#options.onProgress?.(this.touches);
    }
    if (performance.now() < this.#breathAt) return;
    await setImmediate();
    this.#breathAt = performance.now() + BREATH_MS;
  }
}

/** The last frame of [first, end) that starts at `row` or earlier: the one that holds it. */
function frameOf(rowStart: Float64Array, first: number, end: number, row: number): number {
  let low = first;
  let high = end - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (rowStart[middle]! <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}
