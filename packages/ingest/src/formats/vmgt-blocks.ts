/** Where the pages of a VMGT log are among the page ids: by frame in a flat table, by virtual page through slots. */
import { BLOCK_PAGES } from '@workset/model';
import { BlockList } from '../coded-touches.ts';

/** First page id of every block of frames; frames are below 2^31. */
export class FrameBlocks {
  readonly list = new BlockList();
  #base = new Int32Array(1024).fill(-1);

  base(block: number): number {
    if (block >= this.#base.length) {
      const wider = new Int32Array(2 ** (32 - Math.clz32(block))).fill(-1);
      wider.set(this.#base);
      this.#base = wider;
    }
    const known = this.#base[block]!;
    return known >= 0 ? known : (this.#base[block] = this.list.add(block));
  }
}

/** Blocks found without hashing: neighbours within this many never evict one another. */
export const BLOCK_SLOTS = 4096;
/** Six bits of a byte; the other two are the classes. */
const STAMPS = 64;

/** Also knows which (page, class) pairs of the current quantum were given out: one byte per page ever seen. */
export class VirtualBlocks {
  readonly list = new BlockList();
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
      base = this.list.add(first / BLOCK_PAGES);
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
