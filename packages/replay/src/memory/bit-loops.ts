/**
 * Branch-free loops from stamps to bits: one pass, 32 pages to a word. Stamps and marks are below 2^31, so `(a - b) >>> 31` is
 * "a < b" and `(a - b) >> 31` the same as a mask.
 */
import type { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';

/** Adds to `out` the pages whose stamp is greater than `after`. */
export function addNewer(last: Int32Array, range: PageRange, after: number, out: PageBitmap): void {
  const { words } = out;
  const to = range.to | 0;
  for (let p = range.from | 0; p < to; ) {
    const end = Math.min(to, (p | 31) + 1) | 0;
    const word = p >>> 5;
    let bits = 0;
    for (; p < end; p = (p + 1) | 0) bits |= ((after - last[p]!) >>> 31) << (p & 31);
    words[word]! |= bits;
  }
}

/** Adds to `out` the pages touched after their own mark; returns how many of them had one (mark > 0). */
export function addNewerThanMarks(last: Int32Array, marks: Int32Array, range: PageRange, out: PageBitmap): number {
  const { words } = out;
  const to = range.to | 0;
  let marked = 0;
  for (let p = range.from | 0; p < to; ) {
    const end = Math.min(to, (p | 31) + 1) | 0;
    const word = p >>> 5;
    let bits = 0;
    for (; p < end; p = (p + 1) | 0) {
      const newer = (marks[p]! - last[p]!) >>> 31;
      bits |= newer << (p & 31);
      marked = (marked + (newer & (-marks[p]! >>> 31))) | 0;
    }
    words[word]! |= bits;
  }
  return marked;
}

/** Adds to `out` the pages that have a mark (> 0) and were not touched after it. */
export function addStillMarked(last: Int32Array, marks: Int32Array, range: PageRange, out: PageBitmap): void {
  const { words } = out;
  const to = range.to | 0;
  for (let p = range.from | 0; p < to; ) {
    const end = Math.min(to, (p | 31) + 1) | 0;
    const word = p >>> 5;
    let bits = 0;
    for (; p < end; p = (p + 1) | 0) bits |= ((-marks[p]! >>> 31) & ~((marks[p]! - last[p]!) >>> 31)) << (p & 31);
    words[word]! |= bits;
  }
}

/** Sets the mark of every page touched after its mark to `now`; returns how many. */
export function markNewer(last: Int32Array, marks: Int32Array, range: PageRange, now: number): number {
  let count = 0;
  for (let p = range.from | 0, to = range.to | 0; p < to; p = (p + 1) | 0) {
    const newer = (marks[p]! - last[p]!) >> 31;
    marks[p] = (now & newer) | (marks[p]! & ~newer);
    count = (count - newer) | 0;
  }
  return count;
}

/** One pass over stamps of two classes (read, write): pages touched, and pages written, after `after`. */
export function addTouchedAndWritten(stamps: Int32Array, range: PageRange, after: number, touched: PageBitmap, written: PageBitmap): void {
  const to = range.to | 0;
  for (let p = range.from | 0; p < to; ) {
    const end = Math.min(to, (p | 31) + 1) | 0;
    const word = p >>> 5;
    let t = 0;
    let w = 0;
    for (; p < end; p = (p + 1) | 0) {
      const write = (after - stamps[(p << 1) + 1]!) >>> 31;
      t |= (write | ((after - stamps[p << 1]!) >>> 31)) << (p & 31);
      w |= write << (p & 31);
    }
    touched.words[word]! |= t;
    written.words[word]! |= w;
  }
}

/** Sets the mark of every page in `set` to `now`. */
export function setMarks(marks: Int32Array, set: PageBitmap, now: number): void {
  const { words } = set;
  for (let i = 0; i < words.length; i = (i + 1) | 0) {
    let word = words[i]!;
    if (word === -1) marks.fill(now, i << 5, (i + 1) << 5);
    else
      for (; word !== 0; word &= word - 1) marks[(i << 5) + (31 - Math.clz32(word & -word))] = now;
  }
}
