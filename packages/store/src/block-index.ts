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
  readonly #cachedBlock = new Float64Array(CACHE_BLOCKS).fill(-1);
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
    if (pages instanceof Uint32Array) this.#encode32(pages, cls, classBits, from, to, out, at);
    else this.#encode64(pages, cls, classBits, from, to, out, at);
  }

  #encode32(pages: Uint32Array, cls: Uint8Array, classBits: number, from: number, to: number, out: Int32Array, at: number): void {
    let flat = this.#flat;
    for (let i = from; i < to; i++, at++) {
      const page = pages[i]!;
      const block = page >>> 9;
      let base = block < flat.length ? flat[block]! : -1;
      if (base < 0) {
        base = this.base(block);
        flat = this.#flat;
      }
      out[at] = ((base + (page & 511)) << classBits) | cls[i]!;
    }
  }

  #encode64(pages: Float64Array, cls: Uint8Array, classBits: number, from: number, to: number, out: Int32Array, at: number): void {
    let lastBlock = -1;
    let base = 0;
    for (let i = from; i < to; i++, at++) {
      const page = pages[i]!;
      const block = Math.floor(page / 512);
      if (block !== lastBlock) {
        base = this.base(block);
        lastBlock = block;
      }
      out[at] = ((base + (page - block * 512)) << classBits) | cls[i]!;
    }
  }

  /** First dense id of a block. */
  base(block: number): number {
    if (block >= FLAT_BLOCKS) return this.#highBase(block);
    const found = block < this.#flat.length ? this.#flat[block]! : -1;
    return found >= 0 ? found : this.#newFlat(block);
  }

  #newFlat(block: number): number {
    assert(block >= 0 && Number.isInteger(block), `space ${this.#name}: ${block * BLOCK_PAGES} is not a page number`);
    if (block >= this.#flat.length) {
      const grown = new Int32Array(2 ** (32 - Math.clz32(block))).fill(-1);
      grown.set(this.#flat);
      this.#flat = grown;
    }
    return (this.#flat[block] = this.#number(block));
  }

  #highBase(block: number): number {
    const slot = block - Math.floor(block / CACHE_BLOCKS) * CACHE_BLOCKS;
    if (this.#cachedBlock[slot] === block) return this.#cachedBase[slot]!;
    let base = this.#high.get(block);
    if (base === undefined) this.#high.set(block, (base = this.#number(block)));
    this.#cachedBlock[slot] = block;
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
