/** `touches.<space>.arrow`: one Int32 column in batches of 2^20 rows, written as a stream and, at the end, renumbered in place. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { SpaceId } from '@workset/model';
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

/** A batch as the writer leaves it; its checksum comes with `finishTouches`. */
export type BatchPlace = Omit<BatchEntry, 'crc32'>;

/** Encodes touches into the batch being filled and hands full batches to the file. */
export class TouchStream {
  readonly batches: BatchPlace[] = [];
  readonly #file: ArrowFileWriter;
  readonly #blocks: BlockIndex;
  readonly #classBits: number;
  readonly #batch = new Int32Array(BATCH_ROWS);
  #fill = 0;

  constructor(file: ArrowFileWriter, blocks: BlockIndex, classBits: number) {
    this.#file = file;
    this.#blocks = blocks;
    this.#classBits = classBits;
  }

  get rows(): number {
    return this.batches.length * BATCH_ROWS + this.#fill;
  }

  append(n: number, page: Float64Array | Uint32Array, cls: Uint8Array): void {
    for (let i = 0; i < n;) {
      const end = Math.min(n, i + BATCH_ROWS - this.#fill);
      this.#blocks.encode(page, cls, this.#classBits, i, end, this.#batch, this.#fill);
      this.#fill += end - i;
      i = end;
      if (this.#fill === BATCH_ROWS) this.#flush();
    }
  }

  /** Writes the last batch and the footer; returns the file's length. */
  close(): number {
    if (this.#fill > 0) this.#flush();
    return this.#file.close().bytes;
  }

  #flush(): void {
    const touch = this.#batch.subarray(0, this.#fill);
    this.batches.push({ offset: this.#file.write(this.#fill, { touch }).offset, rows: this.#fill });
    this.#fill = 0;
  }
}

/**
 * Second and last pass over a written file, in file order with a piece of a batch in memory: adds `delta[old block id]` blocks to every touch
 * (null = the ids are right already) and takes the checksums.
 */
export function finishTouches(
  path: string,
  places: readonly BatchPlace[],
  delta: Int32Array | null,
  classBits: number,
): { readonly sha256: string; readonly batches: readonly BatchEntry[] } {
  const fd = openSync(path, 'r+');
  try {
    const file = new HashedFile(fd);
    const piece = new Int32Array(PIECE_ROWS);
    const batches = places.map(({ offset, rows }) => {
      file.hashTo(offset);
      let crc = 0;
      for (let row = 0; row < rows; row += PIECE_ROWS) {
        const touches = piece.subarray(0, Math.min(PIECE_ROWS, rows - row));
        readFully(fd, touches, touches.byteLength, offset + 4 * row);
        if (delta !== null) {
          addBlocks(touches, delta, classBits);
          writeFullyAt(fd, touches, offset + 4 * row);
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

function addBlocks(touches: Int32Array, delta: Int32Array, classBits: number): void {
  const shift = classBits + 9;
  for (let i = 0; i < touches.length; i++) {
    const touch = touches[i]!;
    touches[i] = touch + (delta[touch >>> shift]! << shift);
  }
}

/** The bytes of a typed array, also of one on a SharedArrayBuffer. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
