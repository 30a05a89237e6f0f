/** `touches.<space>.arrow`: one Int32 column in batches of 2^20 rows. Blocks get their final numbers at the end: the last batches are held back for it, earlier ones renumbered in place. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { BLOCK_SHIFT, type SpaceId } from '@workset/model';
import type { BlockShift } from './block-codes.ts';
import type { ArrowFileWriter } from './arrow.ts';
import type { BlockIndex } from './block-index.ts';
import { readFully, writeFullyAt } from './files.ts';
import type { BatchEntry } from './manifest.ts';

export const BATCH_ROWS = 1 << 20;
/** The second pass works on this much at a time: 256 KiB stay in the cache from reading to writing. */
const PIECE_ROWS = 1 << 16;

export function touchFileName(space: SpaceId): string {
  return `touches.${space}.arrow`;
}

/**
 * Batches not yet written: a trace of 4 M touches per space is written once. More of them cost more than they save: fresh memory is
 * mapped page by page and makes the garbage collector run, while what was just written is still in memory when it is renumbered.
 */
const HELD_BATCHES = 4;

/** A batch as written; its checksum comes at the end. */
type BatchPlace = Omit<BatchEntry, 'crc32'>;

/** Encodes touches into the batch being filled and hands the oldest full batches to the file. */
export class TouchStream {
  readonly #places: BatchPlace[] = [];
  readonly #held: Int32Array<ArrayBuffer>[] = [];
  readonly #file: ArrowFileWriter;
  readonly #blocks: BlockIndex;
  readonly #classBits: number;
  #batch = new Int32Array(BATCH_ROWS);
  #fill = 0;

  constructor(file: ArrowFileWriter, blocks: BlockIndex, classBits: number) {
    this.#file = file;
    this.#blocks = blocks;
    this.#classBits = classBits;
  }

  get rows(): number {
    return (this.#places.length + this.#held.length) * BATCH_ROWS + this.#fill;
  }

  append(n: number, page: Float64Array | Uint32Array, cls: Uint8Array): void {
    for (let i = 0; i < n;) {
      const end = Math.min(n, i + BATCH_ROWS - this.#fill);
      this.#blocks.encode(page, cls, this.#classBits, i, end, this.#batch, this.#fill);
      this.#filled(end - i);
      i = end;
    }
  }

  /** Touches with the numbers of a reader's blocks. */
  appendCoded(n: number, touch: Int32Array, shift: BlockShift): void {
    for (let i = 0; i < n;) {
      const end = Math.min(n, i + BATCH_ROWS - this.#fill);
      if (shift === null) this.#batch.set(touch.subarray(i, end), this.#fill);
      else moveBlocks(touch, i, end, shift, this.#classBits, this.#batch, this.#fill);
      this.#filled(end - i);
      i = end;
    }
  }

  /**
   * Gives the touches their final ids (`delta[old block id]` blocks on; null = they are right), writes what is held and the footer, and
   * takes the checksums.
   */
  finish(path: string, delta: Int32Array | null): { bytes: number; sha256: string; batches: readonly BatchEntry[] } {
    if (this.#fill > 0) this.#held.push(this.#batch.subarray(0, this.#fill));
    const onDisk = this.#places.length;
    for (const batch of this.#held) {
      if (delta !== null) moveBlocks(batch, 0, batch.length, delta, this.#classBits, batch, 0);
      this.#write(batch);
    }
    const { bytes } = this.#file.close();
    const held = this.#held.splice(0);
    return { bytes, ...finishTouches(path, this.#places, (i) => held[i - onDisk], delta, this.#classBits) };
  }

  #filled(n: number): void {
    this.#fill += n;
    if (this.#fill < BATCH_ROWS) return;
    this.#held.push(this.#batch);
    this.#fill = 0;
    if (this.#held.length <= HELD_BATCHES) {
      this.#batch = new Int32Array(BATCH_ROWS);
      return;
    }
    this.#batch = this.#held.shift()!;
    this.#write(this.#batch);
  }

  #write(touch: Int32Array<ArrayBuffer>): void {
    this.#places.push({ offset: this.#file.write(touch.length, { touch }).offset, rows: touch.length });
  }
}

/**
 * Second and last pass over a written file, in file order with a piece of a batch in memory: moves blocks to their final places, in
 * batches that `held` does not have in memory in their final form, and takes the checksums.
 */
function finishTouches(
  path: string,
  places: readonly BatchPlace[],
  held: (batch: number) => Int32Array | undefined,
  delta: Int32Array | null,
  classBits: number,
): { readonly sha256: string; readonly batches: readonly BatchEntry[] } {
  const fd = openSync(path, 'r+');
  try {
    const file = new HashedFile(fd);
    const piece = new Int32Array(PIECE_ROWS);
    const batches = places.map(({ offset, rows }, i) => {
      file.hashTo(offset);
      const kept = held(i);
      let crc = 0;
      for (let row = 0; row < rows; row += PIECE_ROWS) {
        const end = Math.min(rows, row + PIECE_ROWS);
        const touches = kept === undefined ? piece.subarray(0, end - row) : kept.subarray(row, end);
        if (kept === undefined) {
          readFully(fd, touches, touches.byteLength, offset + 4 * row);
          if (delta !== null) {
            moveBlocks(touches, 0, touches.length, delta, classBits, touches, 0);
            writeFullyAt(fd, touches, offset + 4 * row);
          }
        }
        file.hash(touches);
        crc = crc32(bytesOf(touches), crc);
      }
      return { offset, rows, crc32: crc };
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

/** touches[from, to) to `out` from `at` on, each moved by its block's shift. */
function moveBlocks(
  touches: Int32Array,
  from: number,
  to: number,
  shift: Int32Array,
  classBits: number,
  out: Int32Array,
  at: number,
): void {
  const bits = classBits + BLOCK_SHIFT;
  const ahead = at - from;
  for (let i = from; i < to; i++) {
    const touch = touches[i]!;
    out[i + ahead] = touch + (shift[touch >>> bits]! << bits);
  }
}

/** The bytes of a typed array, also of one on a SharedArrayBuffer. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
