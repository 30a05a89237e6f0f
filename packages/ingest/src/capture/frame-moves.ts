/**
 * Pages that moved to another frame between two dumps of one process's pagemap. When between them is not known: a move is placed
 * half-way. A page that is in swap in the later one was swapped out; where it comes back is not a move of its own (trace-format.md).
 */
import { dirname } from 'node:path';
import { BLOCK_PAGES, type RemapKind } from '@workset/model';
import type { CaptureInput } from './inputs.ts';

/** Frame of a page that is in swap; -1 is a page that is nowhere. */
export const SWAPPED_OUT = -2;
/** Pages whose last frame is kept; 32 MiB. */
const KEPT_PAGES_MAX = 2 ** 22;

/** What the last dump said of 512 neighbours; NaN = it did not have the page. */
interface Block {
  tNs: number;
  readonly frames: Float64Array;
}

export class FrameMoves {
  /** By process (directory and segment) and block. */
  readonly #processes = new Map<string, Map<number, Block>>();
  #blocks = 0;

  /**
   * Takes a piece of a dump made at `tNs`; dumps come in the order of their times. `found` gets each move.
   * @returns pages that are not followed, for want of room, and pages that are where they were
   */
  take(
    input: CaptureInput,
    tNs: number,
    vPage: number,
    n: number,
    frame: Float64Array,
    found: (tNs: number, page: number, kind: RemapKind) => void,
  ): { readonly left: number; readonly stayed: number } {
    const key = `${dirname(input.path)}\0${input.segment}`;
    let blocks = this.#processes.get(key);
    if (blocks === undefined) this.#processes.set(key, (blocks = new Map()));
    let [left, stayed] = [0, 0];
    for (let i = 0; i < n;) {
      const number = Math.floor((vPage + i) / BLOCK_PAGES);
      const end = Math.min(n, (number + 1) * BLOCK_PAGES - vPage);
      const block = this.#block(blocks, number, tNs);
      if (block === undefined) left += end - i;
      else stayed += compare(block, tNs, vPage + i, frame.subarray(i, end), found);
      i = end;
    }
    return { left, stayed };
  }

  #block(blocks: Map<number, Block>, number: number, tNs: number): Block | undefined {
    let block = blocks.get(number);
    if (block === undefined && this.#blocks * BLOCK_PAGES < KEPT_PAGES_MAX) {
      blocks.set(number, (block = { tNs, frames: new Float64Array(BLOCK_PAGES).fill(Number.NaN) }));
      this.#blocks++;
    }
    return block;
  }
}

/** Returns the pages that have the same frame as before. */
function compare(
  block: Block,
  tNs: number,
  page: number,
  frame: Float64Array,
  found: (tNs: number, page: number, kind: RemapKind) => void,
): number {
  let stayed = 0;
  const middleNs = (block.tNs + tNs) / 2;
  for (let i = 0; i < frame.length; i++) {
    const at = (page + i) % BLOCK_PAGES;
    const before = block.frames[at]!;
    const now = frame[i]!;
    if (before >= 0 && now === SWAPPED_OUT) found(middleNs, page + i, 'swap');
    else if (before >= 0 && now >= 0 && now !== before) found(middleNs, page + i, 'migrate');
    else if (before >= 0 && now === before) stayed++;
    block.frames[at] = now;
  }
  block.tNs = tNs;
  return stayed;
}
