/** Touches in the form a trace stores them: (block * 512 + offset) << 2 | class, blocks numbered by the reader. */
import { BLOCK_PAGES, BLOCK_SHIFT, RunError, type CodedQuanta, type CodedTouches, type IngestBatch, type SpaceId } from '@workset/model';

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

/** The quanta of one space that wait to be handed on: their times, and where the touches of each end. */
export class QuantaColumns {
  n = 0;
  t0Ns = new Float64Array(256);
  t1Ns = new Float64Array(256);
  end = new Int32Array(256);

  push(t0Ns: number, t1Ns: number, end: number): void {
    const { n } = this;
    if (n === this.end.length) this.#grow();
    this.t0Ns[n] = t0Ns;
    this.t1Ns[n] = t1Ns;
    this.end[n] = end;
    this.n++;
  }

  /** A batch of the quanta so far; the columns are the reader's again when the next one is asked for. */
  batch(space: SpaceId, coded: CodedTouches): CodedQuanta {
    const { n, t0Ns, t1Ns, end } = this;
    this.n = 0;
    return { kind: 'quanta', space, n, t0Ns, t1Ns, end, coded };
  }

  #grow(): void {
    const { n, t0Ns, t1Ns, end } = this;
    this.t0Ns = new Float64Array(2 * n);
    this.t1Ns = new Float64Array(2 * n);
    this.end = new Int32Array(2 * n);
    this.t0Ns.set(t0Ns);
    this.t1Ns.set(t1Ns);
    this.end.set(end);
  }
}

/** The quanta of a batch one by one, as pages and classes. */
export function* eachQuantum({ space, n, t0Ns, t1Ns, end, coded }: CodedQuanta): Generator<Extract<IngestBatch, { kind: 'touches' }>> {
  for (let q = 0, from = 0; q < n; from = end[q++]!) {
    const touch = coded.touch.subarray(from, end[q]!);
    const page = pagesOf(touch, coded.blocks);
    const cls = Uint8Array.from(touch, (t) => t & 3);
    yield { kind: 'touches', space, t0Ns: t0Ns[q]!, t1Ns: t1Ns[q]!, n: touch.length, page, cls };
  }
}

function pagesOf(touch: Int32Array, blocks: readonly number[]): Float64Array {
  const page = new Float64Array(touch.length);
  for (let i = 0; i < page.length; i++) page[i] = pageOf(touch[i]!, blocks);
  return page;
}

function pageOf(touch: number, blocks: readonly number[]): number {
  const id = touch >>> 2;
  return blocks[id >>> BLOCK_SHIFT]! * BLOCK_PAGES + (id & (BLOCK_PAGES - 1));
}

/** Page of the last of n touches. */
export function lastPage({ touch, blocks }: CodedTouches, n: number): number {
  return pageOf(touch[n - 1]!, blocks);
}
