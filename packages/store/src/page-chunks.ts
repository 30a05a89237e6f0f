/** Dense bitmaps → stored chunks: 8 KiB of bits for 65536 consecutive page numbers. */
import { CHUNK_BYTES } from '@workset/model';
import type { PageBitmap } from '@workset/model';

const BLOCK_BYTES = 64;
const BLOCK_WORDS = BLOCK_BYTES / 4;
const BLOCKS_PER_CHUNK = CHUNK_BYTES / BLOCK_BYTES;
/** A chunk that is put together from blocks. */
const chunkWords = new Int32Array(CHUNK_BYTES / 4);
const bits = new Uint8Array(chunkWords.buffer);

/**
 * Calls `emit` with every non-zero chunk of a set, ascending; the bytes are valid until the next call of it. Dense block i of the bitmap (512 pages,
 * 64 bytes) is page block `blocks[i]`, so it lands in chunk blocks[i] / 128 at byte (blocks[i] % 128) · 64.
 */
export function forEachChunk(set: PageBitmap, blocks: Float64Array, emit: (chunk: number, bits: Uint8Array) => void): void {
  const { words } = set;
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  let chunk = -1;
  for (let i = 0; i < blocks.length; i++) {
    if (isWholeChunk(blocks, i)) {
      if (chunk >= 0) emit(chunk, bits);
      chunk = -1;
      if (!isZero(words, i * BLOCK_WORDS, BLOCKS_PER_CHUNK * BLOCK_WORDS))
        emit(blocks[i]! / BLOCKS_PER_CHUNK, bytes.subarray(i * BLOCK_BYTES, i * BLOCK_BYTES + CHUNK_BYTES));
      i += BLOCKS_PER_CHUNK - 1;
      continue;
    }
    if (isZero(words, i * BLOCK_WORDS, BLOCK_WORDS)) continue;
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

/** True when the blocks from i on are the 128 of one chunk, so that its bytes lie in the bitmap as they are stored. */
function isWholeChunk(blocks: Float64Array, i: number): boolean {
  const first = blocks[i]!;
  return (
    first % BLOCKS_PER_CHUNK === 0 &&
    blocks[i + BLOCKS_PER_CHUNK - 1] === first + BLOCKS_PER_CHUNK - 1 &&
    i + BLOCKS_PER_CHUNK <= blocks.length
  );
}

function isZero(words: Int32Array, from: number, count: number): boolean {
  for (let i = from | 0, end = Math.min(words.length, from + count) | 0; i < end; i = (i + 1) | 0) if (words[i]! !== 0) return false;
  return true;
}

function copyBlock(from: Int32Array, first: number, to: Int32Array, at: number): void {
  for (let i = 0; i < BLOCK_WORDS; i = (i + 1) | 0) to[at + i] = from[first + i]!;
}
