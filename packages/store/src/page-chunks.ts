/** Dense bitmaps → stored chunks: 8 KiB of bits for 65536 consecutive page numbers. */
import { CHUNK_BYTES } from '@workset/model';
import type { PageBitmap } from '@workset/model';

const BLOCK_BYTES = 64;
const BLOCKS_PER_CHUNK = CHUNK_BYTES / BLOCK_BYTES;

/**
 * Calls `emit` with every non-zero chunk of a set, ascending; the bytes are valid until the next call of it. Dense block i of the bitmap (512 pages,
 * 64 bytes) is page block `blocks[i]`, so it lands in chunk blocks[i] / 128 at byte (blocks[i] % 128) · 64.
 */
export function forEachChunk(set: PageBitmap, blocks: Float64Array, emit: (chunk: number, bits: Uint8Array) => void): void {
  const { words } = set;
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const bits = new Uint8Array(CHUNK_BYTES);
  let chunk = -1;
  for (let i = 0; i < blocks.length; i++) {
    if (isZero(words, i * 16)) continue;
    const next = Math.floor(blocks[i]! / BLOCKS_PER_CHUNK);
    if (next !== chunk) {
      if (chunk >= 0) emit(chunk, bits);
      chunk = next;
      bits.fill(0);
    }
    bits.set(bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), (blocks[i]! % BLOCKS_PER_CHUNK) * BLOCK_BYTES);
  }
  if (chunk >= 0) emit(chunk, bits);
}

function isZero(words: Int32Array, from: number): boolean {
  let any = 0;
  for (let i = from; i < from + 16; i++) any |= words[i]!;
  return any === 0;
}
