/** Reads a piece of the touches of a pass and stamps it: as bytes into a table of its own, as bits into one of this thread. */
import assert from 'node:assert/strict';
import { LANES_BYTES, readFully, ROUND_WORDS, TouchSums, BATCH_ROWS } from '@workset/store/touches';
import type { Arena, VectorLoops } from '../memory/arena.ts';
import { AT, GROUPS, PART_VALUES, PARTS_PER_PIECE, PIECE_VALUES, type Control } from './control.ts';

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
  readonly #member: number;

  /** @param between called again and again while a piece is stamped: for what cannot wait until it is done */
  constructor(control: Control, arena: Arena, loops: VectorLoops, between: () => void) {
    const { ints } = control;
    this.#control = control;
    this.#member = Atomics.add(ints, AT.members, 1);
    assert(this.#member < ints[AT.maxMembers]!, 'each thread has tables of its own');
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
    const piece = this.#control.pieces.subarray(slot * PIECE_VALUES, (slot + 1) * PIECE_VALUES);
    const [first, end, firstFrame, group] = piece as unknown as [number, number, number, number];
    const table =
      group > 0 ? this.#bitsOf(group) : this.#arena.bytesAt(this.#control.ints[AT.tables + slot]!, this.#control.ints[AT.slots]!);
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
        const rounds = Math.floor(n / ROUND_WORDS);
        if (rounds > 0) this.#sum(rounds, group > 0 ? table : undefined);
        if (!this.#areTouches(rounds * ROUND_WORDS, n)) return -1;
        if (group > 0) this.#applyAlike(rounds * ROUND_WORDS, n, table);
        else frame = this.#apply(row, n, frame, table, firstFrame);
        this.#between();
      }
      this.#keep(slot, parts, batch, from, stop);
    }
    return parts;
  }

  /** Reads rows of a batch; false when they cannot be read. */
  #read(batch: number, row: number, n: number): boolean {
    const { ints } = this.#control;
    const from = this.#offsets[batch]! + 4 * (row - batch * BATCH_ROWS);
    return readFully(ints[AT.fd]!, this.#touches, n * 4, from) === n * 4;
  }

  /** Sums the touches of so many rounds, and sets their bits in the table if there is one: up to a touch that is none. */
  #sum(rounds: number, bits: Uint8Array | undefined): void {
    const touches = this.#touches.byteOffset;
    const lanes = this.#lanes.byteOffset;
    if (bits === undefined) this.#loops.sum(touches, rounds, lanes);
    else this.#loops.sumAndStampBits(touches, rounds, lanes, this.#control.ints[AT.slots]! - 1, bits.byteOffset);
  }

  /** False when one of those summed, or of the rest [from, to), is no touch. */
  #areTouches(from: number, to: number): boolean {
    const slots = this.#control.ints[AT.slots]!;
    for (let i = from; i < to; i++) if (this.#touches[i]! >>> 0 >= slots) return false;
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

  /** This thread's table of a group, which others do not write: it stays in the cache of a core until it is asked for. */
  #bitsOf(group: number): Uint8Array {
    const { ints } = this.#control;
    const bytes = ints[AT.bitsBytes]!;
    const n = this.#member * GROUPS + (group % GROUPS);
    const table = this.#arena.bytesAt(bitsAddress(ints, n), bytes);
    if (ints[AT.groups + n] !== group) {
      this.#loops.fill(table.byteOffset, bytes / 128, 0);
      Atomics.store(ints, AT.groups + n, group);
    }
    return table;
  }

  /** Sets the bits of touches [from, to) of those read, less than a round. */
  #applyAlike(from: number, to: number, table: Uint8Array): void {
    const touches = this.#touches;
    for (let i = from; i < to; i++) table[touches[i]! >>> 3]! |= 1 << (touches[i]! & 7);
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

/** Of the n-th table of bits. */
export function bitsAddress(ints: Int32Array, n: number): number {
  return (ints[AT.bits]! >>> 0) + n * ints[AT.bitsBytes]!;
}
