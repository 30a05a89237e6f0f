/** `touches.<space>.arrow`: one Int32 column in batches of 2^20 rows, written as a stream and, at the end, renumbered in place. */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { SpaceId } from '@workset/model';
import type { ArrowFileWriter, WrittenFile } from './arrow.ts';
import type { BlockIndex } from './block-index.ts';
import { readFully, writeFullyAt } from './files.ts';
import type { BatchEntry } from './manifest.ts';

export const BATCH_ROWS = 1 << 20;

export function touchFileName(space: SpaceId): string {
  return `touches.${space}.arrow`;
}

/** Encodes touches into the batch being filled and hands full batches to the file. */
export class TouchStream {
  readonly batches: BatchEntry[] = [];
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
    for (let i = 0; i < n; ) {
      const end = Math.min(n, i + BATCH_ROWS - this.#fill);
      encode(this.#batch, this.#fill, this.#blocks, this.#classBits, page, cls, i, end);
      this.#fill += end - i;
      i = end;
      if (this.#fill === BATCH_ROWS) this.#flush();
    }
  }

  close(): WrittenFile {
    if (this.#fill > 0) this.#flush();
    return this.#file.close();
  }

  #flush(): void {
    const touch = this.#batch.subarray(0, this.#fill);
    const offset = this.#file.write(this.#fill, { touch });
    this.batches.push({ offset, rows: this.#fill, crc32: crc32(bytesOf(touch)) });
    this.#fill = 0;
  }
}

function encode(
  out: Int32Array,
  at: number,
  blocks: BlockIndex,
  classBits: number,
  page: Float64Array | Uint32Array,
  cls: Uint8Array,
  from: number,
  to: number,
): void {
  let lastBlock = -1;
  let base = 0;
  for (let i = from; i < to; i++, at++) {
    const number = page[i]!;
    const block = Math.floor(number / 512);
    if (block !== lastBlock) {
      base = blocks.base(block);
      lastBlock = block;
    }
    out[at] = ((base + (number - block * 512)) << classBits) | cls[i]!;
  }
}

/**
 * Adds `delta[old block id]` blocks to every touch of a finished file and hashes the result. One pass in file order, one batch in memory.
 */
export function renumberTouches(
  path: string,
  batches: readonly BatchEntry[],
  delta: Int32Array,
  classBits: number,
): { readonly sha256: string; readonly batches: readonly BatchEntry[] } {
  const hash = createHash('sha256');
  const touches = new Int32Array(BATCH_ROWS);
  const fd = openSync(path, 'r+');
  try {
    let hashed = 0;
    const hashTo = (end: number): void => {
      for (; hashed < end; ) {
        const got = readFully(fd, touches, Math.min(end - hashed, touches.byteLength), hashed);
        if (got === 0) return;
        hash.update(bytesOf(touches).subarray(0, got));
        hashed += got;
      }
    };
    const renumbered = batches.map(({ offset, rows }) => {
      hashTo(offset);
      const batch = touches.subarray(0, rows);
      readFully(fd, batch, batch.byteLength, offset);
      addBlocks(batch, delta, classBits);
      writeFullyAt(fd, batch, offset);
      const bytes = bytesOf(batch);
      hash.update(bytes);
      hashed += bytes.length;
      return { offset, rows, crc32: crc32(bytes) };
    });
    hashTo(Infinity);
    fsyncSync(fd);
    return { sha256: hash.digest('hex'), batches: renumbered };
  } finally {
    closeSync(fd);
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
