/** Dense bitmaps → stored chunks: 8 KiB of bits for 65536 consecutive page numbers. */
import { CHUNK_BYTES } from '@workset/model';
import type { PageBitmap } from '@workset/model';

const BLOCK_BYTES = 64;
const BLOCK_WORDS = BLOCK_BYTES / 4;
const BLOCKS_PER_CHUNK = CHUNK_BYTES / BLOCK_BYTES;

/**
 * Calls `emit` with every non-zero chunk of a set, ascending; the bytes are valid until the next call of it. Dense block i of the bitmap (512 pages,
 * 64 bytes) is page block `blocks[i]`, so it lands in chunk blocks[i] / 128 at byte (blocks[i] % 128) · 64.
 */
export function forEachChunk(set: PageBitmap, blocks: Float64Array, emit: (chunk: number, bits: Uint8Array) => void): void {
  const { words } = set;
  const chunkWords = new Int32Array(CHUNK_BYTES / 4);
  const bits = new Uint8Array(chunkWords.buffer);
  let chunk = -1;
  for (let i = 0; i < blocks.length; i++) {
    if (isZero(words, i * BLOCK_WORDS)) continue;
    const next = Math.floor(blocks[i]! / BLOCKS_PER_CHUNK);
    if (next !== chunk) {
      if (chunk >= 0) emit(chunk, bits);
      chunk = next;
      bits.fill(0);
    }
    copyBlock(words, i * BLOCK_WORDS, chunkWords, (blocks[i]! % BLOCKS_PER_CHUNK) * BLOCK_WORDS);
  }
  if (chunk >= 0) emit(chunk, bits);
}

function isZero(words: Int32Array, from: number): boolean {
  let any = 0;
  for (let i = from | 0, end = (from + BLOCK_WORDS) | 0; i < end; i = (i + 1) | 0) any |= words[i]!;
  return any === 0;
}

function copyBlock(from: Int32Array, first: number, to: Int32Array, at: number): void {
  for (let i = 0; i < BLOCK_WORDS; i = (i + 1) | 0) to[at + i] = from[first + i]!;
}
