/** Reads a piece of the touches of a pass and stamps it, as bytes or as bits, into a table of its own. */
import { LANES_BYTES, readFully, ROUND_WORDS, TouchSums, BATCH_ROWS } from '@workset/store';
import type { Arena, VectorLoops } from '../memory/arena.ts';
import { ALIKE, AT, PART_VALUES, PARTS_PER_PIECE, PIECE_VALUES, type Control } from './control.ts';

/** So many touches are read, summed and stamped at a time: they, and a table of bits, stay in the cache. */
const READ_ROWS = 1 << 16;

export class PieceStamper {
  readonly #control: Control;
  readonly #arena: Arena;
  readonly #loops: VectorLoops;
  readonly #touches: Int32Array;
  readonly #lanes: Int32Array;
  readonly #offsets: Float64Array;
  readonly #rowStart: Float64Array;

  readonly #between: () => void;

  /** @param between called again and again while a piece is stamped: for what cannot wait until it is done */
  constructor(control: Control, arena: Arena, loops: VectorLoops, between: () => void) {
    const { ints } = control;
    this.#control = control;
    this.#between = between;
    this.#arena = arena;
    this.#loops = loops;
    this.#touches = arena.int32(READ_ROWS);
    this.#lanes = arena.int32(LANES_BYTES / 4);
    this.#offsets = arena.doublesAt(ints[AT.offsets]!, ints[AT.nBatches]!);
    this.#rowStart = arena.doublesAt(ints[AT.rowStart]!, ints[AT.nFrames]! + 1);
  }

  /** The parts of batches that the piece in a slot has, -1 when it cannot be read or holds what is no touch. */
  stamp(slot: number): number {
    const [first, end, firstFrame] = this.#control.pieces.subarray(slot * PIECE_VALUES) as unknown as [number, number, number];
    const { ints } = this.#control;
    const table = this.#arena.bytesAt(ints[AT.tables + slot]!, ints[AT.slots]!);
    const base = ints[AT.bases + slot]!;
    let parts = 0;
    let frame = firstFrame;
    for (let row = first; row < end; parts++) {
      const batch = Math.floor(row / BATCH_ROWS);
      const stop = Math.min(end, (batch + 1) * BATCH_ROWS);
      const from = row;
      this.#lanes.fill(0);
      for (; row < stop; row = Math.min(stop, row + READ_ROWS)) {
        const n = Math.min(READ_ROWS, stop - row);
        if (!this.#read(batch, row, n)) return -1;
        if (base === ALIKE) this.#applyAlike(n, table);
        else frame = this.#apply(row, n, frame, table, base);
        this.#between();
      }
      this.#keep(slot, parts, batch, from, stop);
    }
    return parts;
  }

  /** Reads rows of a batch and sums them; false when they cannot be read, or one is no touch. */
  #read(batch: number, row: number, n: number): boolean {
    const touches = this.#touches;
    const { ints } = this.#control;
    if (readFully(ints[AT.fd]!, touches, n * 4, this.#offsets[batch]! + 4 * (row - batch * BATCH_ROWS)) < n * 4) return false;
    const slots = ints[AT.slots]!;
    const rounds = Math.floor(n / ROUND_WORDS);
    if (rounds > 0) this.#loops.sum(touches.byteOffset, rounds, this.#lanes.byteOffset);
    for (let i = rounds * ROUND_WORDS; i < n; i++) if (touches[i]! >>> 0 >= slots) return false;
    return TouchSums.largestOf(this.#lanes) < slots;
  }

  /** Stamps the n touches read, of which the first is in `frame` or later; returns the frame of the last. */
  #apply(row: number, n: number, frame: number, table: Uint8Array, base: number): number {
    const rowStart = this.#rowStart;
    const touches = this.#touches;
    for (let i = 0; i < n;) {
      while (rowStart[frame + 1]! <= row + i) frame++;
      const stop = Math.min(n, rowStart[frame + 1]! - row);
      const byte = frame + 1 - base;
      const eights = (stop - i) >> 3;
      if (eights > 0) this.#loops.stampBytes(touches.byteOffset + 4 * i, eights, table.byteOffset, byte);
      for (let rest = i + 8 * eights; rest < stop; rest++) table[touches[rest]!] = byte;
      i = stop;
    }
    return frame;
  }

  /** Sets the bits of the n touches read. */
  #applyAlike(n: number, table: Uint8Array): void {
    const touches = this.#touches;
    const eights = n >> 3;
    if (eights > 0) this.#loops.stampBits(touches.byteOffset, eights, table.byteOffset);
    for (let i = 8 * eights; i < n; i++) table[touches[i]! >>> 3]! |= 1 << (touches[i]! & 7);
  }

  /** Keeps the sums of rows [from, to) of the batch, of which the last few, less than a round, are what was read last. */
  #keep(slot: number, part: number, batch: number, from: number, to: number): void {
    const at = (slot * PARTS_PER_PIECE + part) * PART_VALUES;
    const n = to - from;
    const rest = n % ROUND_WORDS;
    const last = n % READ_ROWS === 0 ? READ_ROWS : n % READ_ROWS;
    const { a, b } = new TouchSums().addLanes(this.#lanes, n - rest).add(this.#touches, last - rest, last);
    const values = [BigInt(batch), BigInt(from - batch * BATCH_ROWS), BigInt(n), a, b];
    for (const [i, value] of values.entries()) this.#control.parts[at + i] = BigInt.asIntN(64, value);
  }
}
