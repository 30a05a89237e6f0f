/**
 * `touches.<space>.arrow`: one Int32 column in batches of 2^20 rows, ids in the order of the blocks. Batches are written in the order
 * of the blocks seen so far; when a block that comes later changes it, they are renumbered in place at the end.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync } from 'node:fs';
import { BLOCK_SHIFT, type SpaceId } from '@workset/model';
import type { ArrowFileWriter } from './arrow.ts';
import type { BlockIndex } from './block-index.ts';
import type { BlockMoves, BlockOrder } from './block-order.ts';
import { readFully, writeFullyAt } from './files.ts';
import type { BatchEntry, FileEntry } from './manifest.ts';
import { SpareRooms, TouchRoom } from './touch-room.ts';
import { TouchSums } from './touch-sums.ts';

export const BATCH_ROWS = 1 << 20;
/** Touches of a file are moved and summed again this many at a time: 128 KiB stay in the cache from one to the other. */
const PIECE_ROWS = 1 << 15;

export function touchFileName(space: SpaceId): string {
  return `touches.${space}.arrow`;
}

/**
 * Batches not yet written. More of them make it more likely that all blocks are known when the first is written, but fresh memory is
 * mapped page by page and makes the garbage collector run.
 */
const HELD_BATCHES = 4;
const ROOMS = new SpareRooms(2, () => new TouchRoom(HELD_BATCHES + 1, BATCH_ROWS));

/** A batch as written: in the order of the first `known` blocks; numbered by first sight and without its sums when that is -1. */
interface WrittenBatch {
  readonly offset: number;
  readonly rows: number;
  readonly sums: string;
  readonly known: number;
}

/** Encodes touches into the batch being filled and hands the oldest full batches to the file. */
export class TouchStream {
  readonly #written: WrittenBatch[] = [];
  readonly #held: Int32Array<ArrayBuffer>[] = [];
  readonly #room = ROOMS.take();
  readonly #free = [...this.#room.batches];
  readonly #file: ArrowFileWriter;
  readonly #blocks: BlockIndex;
  readonly #order: BlockOrder;
  readonly #classBits: number;
  #batch: Int32Array<ArrayBuffer> | undefined;
  #fill = 0;
  /** What is written stays as it is. Once it does not, more such blocks are to be expected: the rest is renumbered at the end. */
  #isFinal = true;

  constructor(file: ArrowFileWriter, blocks: BlockIndex, order: BlockOrder, classBits: number) {
    this.#file = file;
    this.#blocks = blocks;
    this.#order = order;
    this.#classBits = classBits;
  }

  get rows(): number {
    return (this.#written.length + this.#held.length) * BATCH_ROWS + this.#fill;
  }

  append(n: number, page: Float64Array | Uint32Array, cls: Uint8Array): void {
    for (let i = 0; i < n;) {
      const end = Math.min(n, i + BATCH_ROWS - this.#fill);
      this.#blocks.encode(page, cls, this.#classBits, i, end, this.#filling(), this.#fill);
      this.#filled(end - i);
      i = end;
    }
  }

  /** Touches with the numbers of a reader's blocks. */
  appendCoded(n: number, touch: Int32Array, shift: BlockMoves): void {
    for (let i = 0; i < n;) {
      const end = Math.min(n, i + BATCH_ROWS - this.#fill);
      if (shift === null) this.#filling().set(touch.subarray(i, end), this.#fill);
      else copyMoved(touch, i, end, shift, this.#classBits, this.#filling(), this.#fill);
      this.#filled(end - i);
      i = end;
    }
  }

  /** Writes what is held and the footer, and renumbers what was written before all blocks were known. */
  finish(path: string): Omit<FileEntry, 'name'> {
    if (this.#fill > 0) this.#held.push(this.#batch!.subarray(0, this.#fill));
    for (const batch of this.#held.splice(0)) this.#write(batch);
    this.#takeInBlocks();
    const { bytes } = this.#file.close();
    const entry = { bytes, ...finished(path, this.#written, this.#order, this.#classBits, this.#room) };
    ROOMS.give(this.#room);
    return entry;
  }

  #filling(): Int32Array<ArrayBuffer> {
    return (this.#batch ??= this.#free.pop()!);
  }

  #filled(n: number): void {
    this.#fill += n;
    if (this.#fill < BATCH_ROWS) return;
    this.#held.push(this.#batch!);
    this.#batch = undefined;
    this.#fill = 0;
    if (this.#held.length <= HELD_BATCHES) return;
    const oldest = this.#held.shift()!;
    this.#write(oldest);
    this.#free.push(oldest);
  }

  /** Orders the blocks known by now, which may make what is written wrong. */
  #takeInBlocks(): void {
    const isReordered = this.#order.update();
    if (isReordered && this.#written.length > 0) this.#isFinal = false;
  }

  #write(touch: Int32Array<ArrayBuffer>): void {
    if (this.#isFinal) this.#takeInBlocks();
    const sums = new TouchSums();
    if (this.#isFinal) {
      this.#room.setMoves(this.#order.moves, this.#classBits + BLOCK_SHIFT);
      this.#room.moveAndSum(touch, sums);
    }
    const { offset } = this.#file.write(touch.length, { touch });
    this.#written.push({ offset, rows: touch.length, sums: sums.toString(), known: this.#isFinal ? this.#order.known : -1 });
  }
}

/** Pass over a file, with a piece of a batch in memory: moves blocks to their final places where they are not, sums, and hashes what is between the batches. */
function finished(
  path: string,
  written: readonly WrittenBatch[],
  order: BlockOrder,
  classBits: number,
  room: TouchRoom,
): { readonly framing: string; readonly batches: readonly BatchEntry[] } {
  const fd = openSync(path, 'r+');
  try {
    const piece = room.batches[0]!.subarray(0, PIECE_ROWS);
    let moves = order.moves;
    let known = -1;
    const batches = written.map((batch) => {
      const { offset, rows } = batch;
      if (batch.known !== known) moves = (known = batch.known) < 0 ? order.moves : order.movesSince(known);
      if (known >= 0 && moves === null) return { offset, rows, sums: batch.sums };
      room.setMoves(moves, classBits + BLOCK_SHIFT);
      const sums = new TouchSums();
      for (let row = 0; row < rows; row += PIECE_ROWS) {
        const touches = piece.subarray(0, Math.min(rows - row, PIECE_ROWS));
        readFully(fd, touches, touches.byteLength, offset + 4 * row);
        room.moveAndSum(touches, sums);
        if (moves !== null) writeFullyAt(fd, touches, offset + 4 * row);
      }
      return { offset, rows, sums: sums.toString() };
    });
    fsyncSync(fd);
    return { framing: framingHash(fd, batches), batches };
  } finally {
    closeSync(fd);
  }
}

/** Lower-case hex SHA-256 of a touch file without the values of its batches. */
export function framingHash(fd: number, batches: readonly BatchEntry[]): string {
  const hash = createHash('sha256');
  let position = 0;
  const hashTo = (end: number): void => {
    const gap = new Uint8Array(Math.max(0, end - position));
    hash.update(gap.subarray(0, readFully(fd, gap, gap.length, position)));
  };
  for (const { offset, rows } of batches) {
    hashTo(offset);
    position = offset + 4 * rows;
  }
  hashTo(fstatSync(fd).size);
  return hash.digest('hex');
}

/** touches[from, to) to `out` from `at` on, moved the same way. */
function copyMoved(touches: Int32Array, from: number, to: number, moves: Int32Array, classBits: number, out: Int32Array, at: number): void {
  const bits = classBits + BLOCK_SHIFT;
  const shift = at - from;
  for (let i = from; i < to; i++) {
    const touch = touches[i]!;
    out[i + shift] = touch + (moves[touch >>> bits]! << bits);
  }
}

/** The bytes of a typed array, also of one on a SharedArrayBuffer. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
