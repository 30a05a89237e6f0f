/** Touches of a quantum in the form a trace stores them: (block * 512 + offset) << 2 | class, blocks numbered by the reader. */
import { BLOCK_PAGES, BLOCK_SHIFT, RunError, type CodedTouches, type SpaceId } from '@workset/model';

/** Blocks whose ids fit a touch of 31 bits with two class bits. */
const BLOCKS_MAX = 2 ** (31 - 2 - BLOCK_SHIFT);

/** Numbers blocks of 512 pages in order of first sight. */
export class BlockList {
  /** Block numbers (page >> 9) by index. */
  readonly blocks: number[] = [];

  /** @returns first page id of the new block. @throws RunError when there are too many */
  add(block: number): number {
    if (this.blocks.length === BLOCKS_MAX)
      throw new RunError(
        `more than ${BLOCKS_MAX} blocks of 2 MiB are touched, too many for 32-bit touches`,
        'leave ranges of the capture out',
      );
    return (this.blocks.push(block) - 1) * BLOCK_PAGES;
  }
}

/** A growing column of touches, reused from quantum to quantum. */
export class CodedColumn {
  n = 0;
  touch = new Int32Array(16384);

  append(touches: Int32Array): void {
    const n = this.n + touches.length;
    if (n > this.touch.length) {
      const touch = new Int32Array(Math.max(n, 2 * this.touch.length));
      touch.set(this.touch.subarray(0, this.n));
      this.touch = touch;
    }
    this.touch.set(touches, this.n);
    this.n = n;
  }
}

/** A batch that becomes pages and classes only for who asks. */
export class CodedBatch {
  readonly kind = 'touches';
  readonly space: SpaceId;
  readonly t0Ns: number;
  readonly t1Ns: number;
  readonly n: number;
  readonly coded: CodedTouches;

  constructor(space: SpaceId, t0Ns: number, t1Ns: number, column: CodedColumn, list: BlockList) {
    this.space = space;
    this.t0Ns = t0Ns;
    this.t1Ns = t1Ns;
    this.n = column.n;
    this.coded = { touch: column.touch, blocks: list.blocks };
  }

  get page(): Float64Array {
    const { touch, blocks } = this.coded;
    const page = new Float64Array(this.n);
    for (let i = 0; i < page.length; i++) {
      const id = touch[i]! >>> 2;
      page[i] = blocks[id >>> BLOCK_SHIFT]! * BLOCK_PAGES + (id & (BLOCK_PAGES - 1));
    }
    return page;
  }

  get cls(): Uint8Array {
    const { touch } = this.coded;
    const cls = new Uint8Array(this.n);
    for (let i = 0; i < cls.length; i++) cls[i] = touch[i]! & 3;
    return cls;
  }
}
