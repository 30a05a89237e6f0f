/** Page number → provisional dense id: blocks of 512 pages numbered in order of first sight, one array load per touch. */
import assert from 'node:assert/strict';
import { BLOCK_PAGES, BLOCK_SHIFT, RunError } from '@workset/model';

/** Blocks below this (8 TiB of addresses) are looked up in one flat array; the rest in leaves of 256 blocks (512 MiB). */
const FLAT_BLOCKS = 1 << 22;
const LEAF_BLOCKS = 256;

export class BlockIndex {
  /** Block numbers in order of first sight. */
  readonly seen: number[] = [];
  readonly #maxBlocks: number;
  readonly #name: string;
  #flat = new Int32Array(1024).fill(-1);
  readonly #leaves = new Map<number, Int32Array>();
  #leafNumber = -1;
  #leaf: Int32Array = new Int32Array(0);

  /** `idBits`: bits a page id may use. */
  constructor(name: string, idBits: number) {
    this.#name = name;
    this.#maxBlocks = 2 ** (idBits - BLOCK_SHIFT);
  }

  /** First dense id of a block, numbering the block when it is new. Throws RunError when the ids run out. */
  base(block: number): number {
    const found = block < this.#flat.length ? this.#flat[block]! : -1;
    return found >= 0 ? found : this.#lookUp(block);
  }

  #lookUp(block: number): number {
    assert(Number.isSafeInteger(block) && block >= 0, `page of block ${block} in space ${this.#name} is not a page number`);
    const slots = block < FLAT_BLOCKS ? this.#flatFor(block) : this.#leafFor(Math.floor(block / LEAF_BLOCKS));
    const slot = block < FLAT_BLOCKS ? block : block % LEAF_BLOCKS;
    if (slots[slot]! < 0) slots[slot] = this.#number(block);
    return slots[slot]!;
  }

  #flatFor(block: number): Int32Array {
    if (block >= this.#flat.length) {
      const grown = new Int32Array(2 ** (32 - Math.clz32(block))).fill(-1);
      grown.set(this.#flat);
      this.#flat = grown;
    }
    return this.#flat;
  }

  #leafFor(number: number): Int32Array {
    if (number !== this.#leafNumber) {
      let leaf = this.#leaves.get(number);
      if (leaf === undefined) this.#leaves.set(number, (leaf = new Int32Array(LEAF_BLOCKS).fill(-1)));
      this.#leafNumber = number;
      this.#leaf = leaf;
    }
    return this.#leaf;
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
