/** Page number → provisional dense id: blocks of 512 pages numbered in order of first sight, one array load per touch. */
import assert from 'node:assert/strict';
import { BLOCK_PAGES, BLOCK_SHIFT, RunError } from '@workset/model';

/** Blocks below this (8 TiB of addresses) are looked up in one flat array. */
const FLAT_BLOCKS = 1 << 22;
/** Higher ones in a map behind a direct-mapped cache: this many neighbouring blocks (32 GiB) never evict one another. */
const CACHE_BLOCKS = 1 << 14;

export class BlockIndex {
  /** Block numbers in order of first sight. */
  readonly seen: number[] = [];
  readonly #maxBlocks: number;
  readonly #name: string;
  #flat = new Int32Array(1024).fill(-1);
  readonly #high = new Map<number, number>();
  /** First page of the block whose base each slot holds. */
  readonly #cachedFirst = new Float64Array(CACHE_BLOCKS).fill(-1);
  readonly #cachedBase = new Int32Array(CACHE_BLOCKS);

  /** `idBits`: bits a page id may use. */
  constructor(name: string, idBits: number) {
    this.#name = name;
    this.#maxBlocks = 2 ** (idBits - BLOCK_SHIFT);
  }

  /**
   * Writes the touches of pages[from, to) to `out` from `at` on, numbering new blocks.
   * Throws RunError when the ids run out.
   */
  encode(
    pages: Float64Array | Uint32Array,
    cls: Uint8Array,
    classBits: number,
    from: number,
    to: number,
    out: Int32Array,
    at: number,
  ): void {
    const shift = at - from;
    for (let i = from; i < to; i++) {
      if (pages instanceof Uint32Array) {
        i = encode32(this.#flat, pages, cls, classBits, i, to, out, shift);
      } else {
        i = encodeLow(this.#flat, pages, cls, classBits, i, to, out, shift);
        i = encodeHigh(this.#cachedFirst, this.#cachedBase, pages, cls, classBits, i, to, out, shift);
      }
      if (i === to) return;
      const page = pages[i]!;
      assert(Number.isSafeInteger(page) && page >= 0, `space ${this.#name}: ${page} is not a page number`);
      const block = Math.floor(page / BLOCK_PAGES);
      out[i + shift] = ((this.base(block) + (page - block * BLOCK_PAGES)) << classBits) | cls[i]!;
    }
  }

  /** First dense id of a block. */
  base(block: number): number {
    if (block >= FLAT_BLOCKS) return this.#highBase(block);
    const found = block < this.#flat.length ? this.#flat[block]! : -1;
    return found >= 0 ? found : this.#newFlat(block);
  }

  #newFlat(block: number): number {
    if (block >= this.#flat.length) {
      const grown = new Int32Array(2 ** (32 - Math.clz32(block))).fill(-1);
      grown.set(this.#flat);
      this.#flat = grown;
    }
    return (this.#flat[block] = this.#number(block));
  }

  #highBase(block: number): number {
    const slot = block % CACHE_BLOCKS;
    let base = this.#high.get(block);
    if (base === undefined) this.#high.set(block, (base = this.#number(block)));
    this.#cachedFirst[slot] = block * BLOCK_PAGES;
    return (this.#cachedBase[slot] = base);
  }

  #number(block: number): number {
    if (this.seen.length === this.#maxBlocks) {
      throw new RunError(
        `space ${this.#name} has more than ${this.#maxBlocks} blocks of 2 MiB, too many for 32-bit touches`,
        'record fewer class bits (classBits), or leave ranges of the capture out',
      );
    }
    return (this.seen.push(block) - 1) * BLOCK_PAGES;
  }
}

/*
 * The loops below stop at the first page they cannot encode and return its index. They are functions of their own, one per array type,
 * so that V8 keeps the tables in registers.
 */

function encode32(
  flat: Int32Array,
  pages: Uint32Array,
  cls: Uint8Array,
  classBits: number,
  from: number,
  to: number,
  out: Int32Array,
  shift: number,
): number {
  const known = flat.length;
  for (let i = from; i < to; i++) {
    const page = pages[i]!;
    const block = page >>> BLOCK_SHIFT;
    if (block >= known) return i;
    const base = flat[block]!;
    if (base < 0) return i;
    out[i + shift] = ((base + (page & (BLOCK_PAGES - 1))) << classBits) | cls[i]!;
  }
  return to;
}

/** Pages below 2^31 of blocks in the flat array. */
function encodeLow(
  flat: Int32Array,
  pages: Float64Array,
  cls: Uint8Array,
  classBits: number,
  from: number,
  to: number,
  out: Int32Array,
  shift: number,
): number {
  const known = flat.length;
  for (let i = from; i < to; i++) {
    const page = pages[i]! | 0;
    const block = page >>> BLOCK_SHIFT;
    if (page !== pages[i]! || block >= known) return i;
    const base = flat[block]!;
    if (base < 0) return i;
    out[i + shift] = ((base + (page & (BLOCK_PAGES - 1))) << classBits) | cls[i]!;
  }
  return to;
}

/** Pages of any size whose block is in the cache. `page | 0` is the page number modulo 2^32, so its low bits hold the slot and the offset. */
function encodeHigh(
  cachedFirst: Float64Array,
  cachedBase: Int32Array,
  pages: Float64Array,
  cls: Uint8Array,
  classBits: number,
  from: number,
  to: number,
  out: Int32Array,
  shift: number,
): number {
  for (let i = from; i < to; i++) {
    const page = pages[i]!;
    const offset = (page | 0) & (BLOCK_PAGES - 1);
    const slot = ((page | 0) >>> BLOCK_SHIFT) & (CACHE_BLOCKS - 1);
    if (cachedFirst[slot]! !== page - offset) return i;
    out[i + shift] = ((cachedBase[slot]! + offset) << classBits) | cls[i]!;
  }
  return to;
}
