/** A reader's block numbers → those of the trace being written. */
import { BLOCK_SHIFT } from '@workset/model';
import type { BlockIndex } from './block-index.ts';
import type { BlockMoves } from './block-order.ts';

export class BlockCodes {
  readonly #index: BlockIndex;
  #blocks: readonly number[] = [];
  #known = 0;
  #shift = new Int32Array(64);
  #isSame = true;

  constructor(index: BlockIndex) {
    this.#index = index;
  }

  /** Numbers what is new in `blocks`, which only grows. */
  of(blocks: readonly number[]): BlockMoves {
    if (blocks !== this.#blocks) {
      this.#blocks = blocks;
      this.#known = 0;
      this.#isSame = true;
    }
    while (this.#known < blocks.length) this.#add(blocks[this.#known]!);
    return this.#isSame ? null : this.#shift;
  }

  #add(block: number): void {
    const i = this.#known++;
    if (i === this.#shift.length) {
      const wider = new Int32Array(2 * i);
      wider.set(this.#shift);
      this.#shift = wider;
    }
    this.#shift[i] = (this.#index.base(block) >> BLOCK_SHIFT) - i;
    if (this.#shift[i] !== 0) this.#isSame = false;
  }
}
