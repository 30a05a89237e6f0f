/** The page reference string of a trace: which page each stored touch is about, in stored order. */
import { PageBitmap, PINNED, throwIfAborted, WRITE } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import type { PageRange } from '../scheme.ts';

export interface PageString {
  /** Dense page ids, one per touch. */
  readonly pages: Int32Array;
  /** Pages that occur: the footprint. */
  readonly nDistinct: number;
  /** Size of the dense id space. */
  readonly nPages: number;
}

export interface StringOptions {
  /** Half-open ranges of frame numbers, ascending; default: all. */
  readonly frames?: readonly (readonly [number, number])[] | undefined;
  /** Touches outside are left out; default: all pages. */
  readonly range?: PageRange | undefined;
  /** True: a device's first touch of a page pins it, and its later ones, which no page need be there for, are left out. */
  readonly pinsLast?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the touches of a space into memory: 4 bytes each. Throws TraceFormatError, InterruptedError. */
export function pageString(space: SpaceReader, options: StringOptions = {}): PageString {
  const { classBits, nPages } = space.info;
  const { rowStart, n } = space.frames;
  const parts = (options.frames ?? [[0, n]]).map(([first, end]) => [rowStart[first]!, rowStart[end]!] as const);
  const range = options.range ?? { from: 0, to: nPages };
  const pages = new Int32Array(parts.reduce((sum, [from, to]) => sum + to - from, 0));
  const buffer = new Int32Array(space.batchRows);
  const pinned = options.pinsLast === true && classBits > 2 ? new PageBitmap(nPages) : undefined;
  let length = 0;
  for (const [from, to] of parts) {
    for (let batch = Math.floor(from / space.batchRows); batch * space.batchRows < to; batch++) {
      throwIfAborted(options.signal);
      space.readBatch(batch, buffer);
      const base = batch * space.batchRows;
      const [first, end] = [Math.max(0, from - base), Math.min(space.batchRows, to - base)];
      if (pinned === undefined) length = append(buffer, first, end, classBits, range, pages, length);
      else length = append(buffer, 0, dropPinned(buffer, first, end, classBits, pinned), classBits, range, pages, length);
    }
  }
  return stringOf(pages.subarray(0, length), nPages);
}

/** A reference string from page ids below `nPages`. */
export function stringOf(pages: Int32Array, nPages: number): PageString {
  return { pages, nPages, nDistinct: countDistinct(pages, nPages) };
}

function append(
  touches: Int32Array,
  from: number,
  to: number,
  classBits: number,
  range: PageRange,
  pages: Int32Array,
  length: number,
): number {
  const low = range.from | 0;
  const high = range.to | 0;
  let n = length | 0;
  for (let i = from | 0; i < to; i = (i + 1) | 0) {
    const id = touches[i]! >>> classBits;
    pages[n] = id;
    n = (n + (id >= low && id < high ? 1 : 0)) | 0;
  }
  return n;
}

/** Moves rows [from, to) to the front, without a device's touches of pages it has touched before; returns how many are left. */
function dropPinned(touches: Int32Array, from: number, to: number, classBits: number, pinned: PageBitmap): number {
  let n = 0;
  for (let i = from; i < to; i++) {
    const touch = touches[i]!;
    const id = touch >>> classBits;
    if ((touch & ((1 << classBits) - 1) & ~WRITE) === PINNED) {
      if (pinned.has(id)) continue;
      pinned.add(id);
    }
    touches[n++] = touch;
  }
  return n;
}

function countDistinct(pages: Int32Array, nPages: number): number {
  const seen = new Uint8Array(nPages);
  let n = 0;
  for (let i = 0; i < pages.length; i = (i + 1) | 0) {
    n = (n + 1 - seen[pages[i]!]!) | 0;
    seen[pages[i]!] = 1;
  }
  return n;
}
