/** Where the pages of a VMGT log are among the page ids: by frame in a flat table, by virtual page through slots. */
import { BLOCK_PAGES } from '@workset/model';
import { BlockList } from '../coded-touches.ts';
import { BLOCK_SLOTS, FRAME_BLOCKS } from './vmgt-code.ts';
import type { VmgtMemory } from './vmgt-memory.ts';

/** First page id of every block of frames. */
export class FrameBlocks {
  readonly list = new BlockList();
  readonly #memory: VmgtMemory;
  readonly #high = new Map<number, number>();

  constructor(memory: VmgtMemory) {
    this.#memory = memory;
  }

  base(block: number): number {
    const { frames } = this.#memory;
    const known = block < FRAME_BLOCKS ? frames[block]! - 1 : this.#high.get(block);
    if (known !== undefined && known >= 0) return known;
    const base = this.list.add(block);
    if (block < FRAME_BLOCKS) frames[block] = base + 1;
    else this.#high.set(block, base);
    return base;
  }
}

/** Six bits of a byte; the other two are the classes. */
const STAMPS = 64;
/** Blocks from here on have no slot: not all of their pages are addresses. */
const SLOT_BLOCKS_END = 2 ** 35;

/** Also knows which (page, class) pairs of the current quantum were given out: one byte per page ever seen. */
export class VirtualBlocks {
  readonly list = new BlockList();
  readonly #memory: VmgtMemory;
  readonly #bases = new Map<number, number>();
  #stamp = 0;

  constructor(memory: VmgtMemory) {
    this.#memory = memory;
  }

  /** A stamp that no page has; for every try at a quantum another one. */
  nextStamp(): number {
    if (++this.#stamp === STAMPS) {
      this.#memory.seen.fill(0, 0, this.list.blocks.length * BLOCK_PAGES);
      this.#stamp = 1;
    }
    return this.#stamp;
  }

  /** First id of a block's pages; puts it into its slot. */
  base(block: number): number {
    let base = this.#bases.get(block);
    if (base === undefined) {
      base = this.list.add(block);
      this.#bases.set(block, base);
      this.#memory.reserveSeen(base + BLOCK_PAGES);
    }
    if (block < SLOT_BLOCKS_END) {
      const slot = block % BLOCK_SLOTS;
      this.#memory.slotBlocks[2 * slot] = block;
      this.#memory.slotBlocks[2 * slot + 1] = Math.floor(block / 2 ** 32);
      this.#memory.slotBases[slot] = base;
    }
    return base;
  }
}
