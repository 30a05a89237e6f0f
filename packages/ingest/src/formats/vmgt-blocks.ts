/** Which (page, class) pairs of a quantum a VMGT reader has given out: one byte per page ever seen, found through its block of 512. */
import { BLOCK_PAGES } from '@workset/model';

/** Blocks found without hashing: neighbours within this many never evict one another. */
export const BLOCK_SLOTS = 4096;
/** Six bits of a byte; the other two are the classes. */
const STAMPS = 64;

export class VirtualBlocks {
  /** First page of the block in each slot, and the first id of its pages. */
  readonly slotFirst = new Float64Array(BLOCK_SLOTS).fill(-1);
  readonly slotBase = new Int32Array(BLOCK_SLOTS);
  /** By id: stamp of the last quantum with this page << 2 | its classes there. Replaced when it grows. */
  seen = new Uint8Array(64 * BLOCK_PAGES);
  readonly #bases = new Map<number, number>();
  #stamp = 0;

  /** A stamp that no page has; for every try at a quantum another one. */
  nextStamp(): number {
    if (++this.#stamp === STAMPS) {
      this.seen.fill(0);
      this.#stamp = 1;
    }
    return this.#stamp;
  }

  /** First id of the block that begins with page `first`; puts it into its slot. */
  base(first: number): number {
    let base = this.#bases.get(first);
    if (base === undefined) {
      base = this.#bases.size * BLOCK_PAGES;
      this.#bases.set(first, base);
      if (base + BLOCK_PAGES > this.seen.length) this.#grow();
    }
    const slot = Math.floor(first / BLOCK_PAGES) % BLOCK_SLOTS;
    this.slotFirst[slot] = first;
    this.slotBase[slot] = base;
    return base;
  }

  #grow(): void {
    const seen = new Uint8Array(2 * this.seen.length);
    seen.set(this.seen);
    this.seen = seen;
  }
}
