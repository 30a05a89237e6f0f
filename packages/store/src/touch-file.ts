/**
 * `touches.<space>.arrow`: one Int32 column in batches of 2^20 rows, ids in the order of the blocks. Batches are written in the order
 * of the blocks seen so far; when a block that comes later changes it, they are renumbered in place at the end.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { BLOCK_SHIFT, type SpaceId } from '@workset/model';
import type { ArrowFileWriter } from './arrow.ts';
import type { BlockIndex } from './block-index.ts';
import type { BlockMoves, BlockOrder } from './block-order.ts';
import { readFully, writeFullyAt } from './files.ts';
import type { BatchEntry } from './manifest.ts';

export const BATCH_ROWS = 1 << 20;
/** Touches are moved and summed this many at a time: 128 KiB stay in the cache from one to the other. */
const PIECE_ROWS = 1 << 15;

export function touchFileName(space: SpaceId): string {
  return `touches.${space}.arrow`;
}

/**
 * Batches not yet written. More of them make it more likely that all blocks are known when the first is written, but fresh memory is
 * mapped page by page and makes the garbage collector run.
 */
const HELD_BATCHES = 4;

/**
 * Batches to fill. A trace that is done leaves its own to the next one, unless the garbage collector was quicker: it runs several
 * times over the first 40 MB of a trace when they are all new.
 */
class SpareBatches {
  readonly #spare: WeakRef<ArrayBuffer>[] = [];

  take(): Int32Array<ArrayBuffer> {
    for (let ref = this.#spare.pop(); ref !== undefined; ref = this.#spare.pop()) {
      const buffer = ref.deref();
      if (buffer !== undefined) return new Int32Array(buffer);
    }
    return new Int32Array(BATCH_ROWS);
  }

  giveBack({ buffer }: Int32Array<ArrayBuffer>): void {
    if (this.#spare.length < 4 * HELD_BATCHES) this.#spare.push(new WeakRef(buffer));
  }
}
const BATCHES = new SpareBatches();

/** A batch as written: in the order of the first `known` blocks; numbered by first sight and without its checksum when that is -1. */
interface WrittenBatch extends BatchEntry {
  readonly known: number;
}

/** Encodes touches into the batch being filled and hands the oldest full batches to the file. */
export class TouchStream {
  readonly #written: WrittenBatch[] = [];
  readonly #held: Int32Array<ArrayBuffer>[] = [];
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
  finish(path: string): { bytes: number; sha256: string; batches: readonly BatchEntry[] } {
    if (this.#fill > 0) this.#held.push(this.#batch!.subarray(0, this.#fill));
    for (const batch of this.#held.splice(0)) {
      this.#write(batch);
      BATCHES.giveBack(batch);
    }
    this.#takeInBlocks();
    this.#batch = undefined;
    const written = this.#file.close();
    if (written.sha256 !== '')
      return { ...written, batches: this.#written.map(({ offset, rows, crc32: crc }) => ({ offset, rows, crc32: crc })) };
    return { bytes: written.bytes, ...renumbered(path, this.#written, this.#order, this.#classBits) };
  }

  #filling(): Int32Array<ArrayBuffer> {
    return (this.#batch ??= BATCHES.take());
  }

  #filled(n: number): void {
    this.#fill += n;
    if (this.#fill < BATCH_ROWS) return;
    this.#held.push(this.#batch!);
    this.#batch = undefined;
    this.#fill = 0;
    if (this.#held.length <= HELD_BATCHES) return;
    this.#batch = this.#held.shift()!;
    this.#write(this.#batch);
  }

  /** Orders the blocks known by now, which may make what is written wrong. */
  #takeInBlocks(): void {
    const isReordered = this.#order.update();
    if (!isReordered || this.#written.length === 0) return;
    this.#isFinal = false;
    this.#file.leaveUnhashed();
  }

  #write(touch: Int32Array<ArrayBuffer>): void {
    if (this.#isFinal) this.#takeInBlocks();
    let crc = 0;
    if (this.#isFinal) {
      const { moves } = this.#order;
      for (let row = 0; row < touch.length; row += PIECE_ROWS) {
        const piece = touch.subarray(row, row + PIECE_ROWS);
        if (moves !== null) moveBlocks(piece, moves, this.#classBits);
        crc = crc32(bytesOf(piece), crc);
      }
    }
    const { offset } = this.#file.write(touch.length, { touch });
    this.#written.push({ offset, rows: touch.length, crc32: crc, known: this.#isFinal ? this.#order.known : -1 });
  }
}

/** Pass over a file whose hash is not known, in file order with a piece of a batch in memory: moves blocks to their final places, and takes the checksums. */
function renumbered(
  path: string,
  written: readonly WrittenBatch[],
  order: BlockOrder,
  classBits: number,
): { readonly sha256: string; readonly batches: readonly BatchEntry[] } {
  const fd = openSync(path, 'r+');
  try {
    const file = new HashedFile(fd);
    const piece = new Int32Array(PIECE_ROWS);
    let moves = order.moves;
    let known = -1;
    const batches = written.map((batch) => {
      const { offset, rows } = batch;
      if (batch.known !== known) moves = (known = batch.known) < 0 ? order.moves : order.movesSince(known);
      const isKept = known >= 0 && moves === null;
      file.hashTo(offset);
      let crc = 0;
      for (let row = 0; row < rows; row += PIECE_ROWS) {
        const touches = piece.subarray(0, Math.min(rows - row, PIECE_ROWS));
        readFully(fd, touches, touches.byteLength, offset + 4 * row);
        if (moves !== null) {
          moveBlocks(touches, moves, classBits);
          writeFullyAt(fd, touches, offset + 4 * row);
        }
        if (!isKept) crc = crc32(bytesOf(touches), crc);
        file.hash(touches);
      }
      return { offset, rows, crc32: isKept ? batch.crc32 : crc };
    });
    file.hashTo(fstatSync(fd).size);
    fsyncSync(fd);
    return { sha256: file.digest(), batches };
  } finally {
    closeSync(fd);
  }
}

/** Hashes a file from its start, from memory where the caller has the bytes and from disk between. */
class HashedFile {
  readonly #fd: number;
  readonly #hash = createHash('sha256');
  #position = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }
  hash(next: NodeJS.ArrayBufferView): void {
    this.#hash.update(next);
    this.#position += next.byteLength;
  }
  hashTo(end: number): void {
    const gap = new Uint8Array(end - this.#position);
    readFully(this.#fd, gap, gap.length, this.#position);
    this.hash(gap);
  }
  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** Moves each touch by what its block moves. Alone in its loop: one array, and the same bounds for reading and writing. */
function moveBlocks(touches: Int32Array, moves: Int32Array, classBits: number): void {
  const bits = classBits + BLOCK_SHIFT;
  const ahead = moves.map((blocks) => blocks << bits);
  for (let i = 0, n = touches.length | 0; i < n; i = (i + 1) | 0) {
    const touch = touches[i]!;
    touches[i] = touch + ahead[touch >>> bits]!;
  }
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
