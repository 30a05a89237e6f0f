/** Reads the touches of a space batch by batch and applies them to the stamps; those who look at single touches see each of them once. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { throwIfAborted, TraceFormatError } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import { BatchChecks } from './batch-checks.ts';
import type { Arena } from './memory/arena.ts';
import { largest } from './memory/bit-loops.ts';
import { isWorthBuffering } from './memory/stamp-column.ts';
import { StampMemory } from './memory/stamps.ts';
import { bitWordsFor, tablesFor, type Piece } from './team/piece-queue.ts';
import { SharedTouches, type Interval } from './team/shared-touches.ts';
import type { Team } from './team/team.ts';

/** Someone who looks at single touches, frame by frame in order. */
export interface Watcher {
  /** Called once for every frame, before its touches. */
  frame(frame: number): void;
  touches(touches: Int32Array, from: number, to: number, frame: number): void;
}

export interface FeedOptions {
  readonly space: SpaceReader;
  /** Threads that help; the arena is theirs. */
  readonly team?: Team | undefined;
  /** Where the stamps are kept; default: an arena of its own. */
  readonly arena?: Arena | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the touches applied so far, every few million. */
  readonly onProgress?: ((touches: number) => void) | undefined;
}

const PROGRESS_TOUCHES = 1 << 22;
/** Longest time without a look at the event loop, ms: signals and messages of other threads arrive there. */
const BREATH_MS = 50;
export class TouchFeed {
  readonly memory: StampMemory;
  /** Touches applied by this thread. */
  touches = 0;
  readonly #options: FeedOptions;
  readonly #buffer: Int32Array;
  readonly #sum = (touches: Int32Array): string => {
    const { sums, largest } = this.memory.arena.sumsOf(this.#buffer, touches.length);
    this.#largest = largest;
    return sums;
  };
  /** Of the touches summed last; undefined when those of a batch have no sums. */
  #largest: number | undefined;
  readonly #shared: SharedTouches | undefined;
  readonly #checks: BatchChecks;
  #batch = -1;
  #batchRows = 0;
  #reportAt = PROGRESS_TOUCHES;
  #breathAt = performance.now() + BREATH_MS;

  constructor(options: FeedOptions) {
    this.#options = options;
    const { info, batchRows } = options.space;
    this.memory = new StampMemory(info.nPages, info.classBits, undefined, options.arena);
    this.#buffer = this.memory.arena.int32(Math.min(batchRows, Math.max(1, info.nTouches)));
    if (isWorthBuffering(info, this.memory.column.length)) this.memory.column.buffer();
    this.#shared = options.team === undefined ? undefined : this.#sharedTouches(options.team);
    this.#checks = new BatchChecks(options.space, (batch) => {
      this.#batch = -1;
      this.#load(batch);
    });
  }

  /** Touches that the team stamps, where that can be. */
  #sharedTouches(team: Team): SharedTouches | undefined {
    const { space } = this.#options;
    const { column } = this.memory;
    if (!column.reserveBits() || !team.reads(space)) return undefined;
    const bits = this.memory.arena.int32(bitWordsFor(team.size, column.length));
    const nBytes = column.isBuffered ? tablesFor(team.size, column.length) : 0;
    const tables = { bits, nBytes, bytes: (n: number) => column.tables(n) };
    return this.memory.arena.owns(bits) ? new SharedTouches(team, column, tables, space.frames.rowStart) : undefined;
  }

  /** Applies an interval, which begins with the next frame to apply; those `expected` are probably wanted next, one after the other. */
  async advance(interval: Interval, watcher: Watcher | undefined, expected: readonly Interval[]): Promise<void> {
    const { memory } = this;
    const { first, end } = interval;
    assert.equal(first, memory.framesApplied);
    if (end <= first) return;
    if (watcher !== undefined) this.#shared?.drop();
    if (watcher === undefined && this.#shared?.aim(interval, expected)) await this.#applyTogether(this.#shared, end);
    else if (watcher === undefined && interval.isAlike && this.#isWorthBits(interval)) await this.#applyAlike(interval);
    else await this.#apply(first, end, watcher);
    memory.framesApplied = end;
  }

  /** Stamped alike its touches take less than as bytes. */
  #isWorthBits({ first, end }: Interval): boolean {
    const { rowStart } = this.#options.space.frames;
    const { column } = this.memory;
    return !column.isBuffered || column.isWorthBits(rowStart[end]! - rowStart[first]!);
  }

  async #applyAlike({ first, end }: Interval): Promise<void> {
    const { rowStart } = this.#options.space.frames;
    this.memory.column.beginInterval(rowStart[end]! - rowStart[first]!);
    await this.#eachRows(first, end, (from, to) => this.memory.column.applyAlike(this.#buffer, from, to, end));
    this.memory.column.endInterval(first, end);
    this.memory.noteAlike(first, end);
  }

  /** Reads again what was only read in parts, of which the last are missing. Call it when no more frames are to be applied. */
  finish(): void {
    this.#checks.finish();
  }

  async #applyTogether(shared: SharedTouches, end: number): Promise<void> {
    for (let settled = shared.settle(end); settled !== undefined; settled = shared.settle(end)) {
      const { pieces, parts, alike } = settled;
      if (alike !== undefined) this.memory.noteAlike(alike.first, alike.end);
      if (parts === undefined) this.#explain(pieces);
      for (const part of parts) this.#checks.part(part);
      this.touches += pieces.at(-1)!.to - pieces[0]!.from;
      await this.#breathe();
    }
  }

  /** Reads the batches of pieces that could not be read, to say what is wrong with them. */
  #explain(pieces: readonly Piece[]): never {
    const { batchRows } = this.#options.space;
    this.#batch = -1;
    for (let batch = Math.floor(pieces[0]!.from / batchRows); batch * batchRows < pieces.at(-1)!.to; batch++) this.#load(batch);
    throw new Error('a thread could not read touches that can be read');
  }

  /** Batch by batch: the touches are stamped, then the watcher looks. */
  async #apply(first: number, end: number, watcher: Watcher | undefined): Promise<void> {
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
      this.memory.column.apply(this.#buffer, base, row - base, stop - base, rowStart, f);
      if (watcher !== undefined) this.#watch(watcher, f, end, row, stop, base);
      while (f < end && rowStart[f + 1]! <= stop) f++;
      this.touches += stop - row;
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

  /** Applies the rows of frames [first, end), some of the batch loaded at a time. */
  async #eachRows(first: number, end: number, apply: (from: number, to: number) => void): Promise<void> {
    const { frames, batchRows } = this.#options.space;
    for (let row = frames.rowStart[first]!; row < frames.rowStart[end]!;) {
      const batch = Math.floor(row / batchRows);
      this.#load(batch);
      const base = batch * batchRows;
      const stop = Math.min(frames.rowStart[end]!, base + this.#batchRows);
      apply(row - base, stop - base);
      this.touches += stop - row;
      row = stop;
      await this.#breathe();
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
    this.#largest = undefined;
    this.#batchRows = space.readBatch(batch, this.#buffer, this.#sum);
    const slots = this.memory.column.length;
    // The loops below do not look: a touch of a page that is not there would change another column.
    if ((this.#largest ?? largest(this.#buffer, this.#batchRows)) >= slots)
      throw new TraceFormatError(`batch ${batch} of space ${space.info.id} has a touch of a page outside its ${space.info.nPages} pages`);
    this.#batch = batch;
    this.#checks.whole(batch);
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
