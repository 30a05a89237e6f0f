/**
 * Loops from stamps to bits, one pass, 32 pages to a word: by vectors where the columns are in an arena, else branch-free. Stamps and marks are below 2^31, so `(a - b) >>> 31` is
 * "a < b" and `(a - b) >> 31` the same as a mask.
 */
import type { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { Arena } from './arena.ts';

/** Adds to `out` the pages whose stamp is greater than `after`. */
export function addNewer(last: Int32Array, range: PageRange, after: number, out: PageBitmap): void {
  const arena = Arena.loopsFor(last);
  const words = arena && wholeWords(range);
  if (arena === undefined || words === undefined) return addNewerScalar(last, range, after, out);
  addBits(arena, words, out, (set) => arena.loops.newer(addressOf(last, words), after, words.n, set));
  for (const rest of words.rest) addNewerScalar(last, rest, after, out);
}

/** Adds to `out` the pages touched after their own mark; returns how many of them had one (mark > 0). */
export function addNewerThanMarks(last: Int32Array, marks: Int32Array, range: PageRange, out: PageBitmap): number {
  const arena = Arena.loopsFor(last, marks);
  const words = arena && wholeWords(range);
  if (arena === undefined || words === undefined) return addNewerThanMarksScalar(last, marks, range, out);
  let marked = 0;
  addBits(arena, words, out, (set) => {
    marked = arena.loops.newerThanMarks(addressOf(last, words), addressOf(marks, words), words.n, set);
  });
  for (const rest of words.rest) marked += addNewerThanMarksScalar(last, marks, rest, out);
  return marked;
}

/** Adds to `out` the pages that have a mark (> 0) and were not touched after it. */
export function addStillMarked(last: Int32Array, marks: Int32Array, range: PageRange, out: PageBitmap): void {
  const arena = Arena.loopsFor(last, marks);
  const words = arena && wholeWords(range);
  if (arena === undefined || words === undefined) return addStillMarkedScalar(last, marks, range, out);
  addBits(arena, words, out, (set) => arena.loops.stillMarked(addressOf(last, words), addressOf(marks, words), words.n, set));
  for (const rest of words.rest) addStillMarkedScalar(last, marks, rest, out);
}

/** Sets the mark of every page touched after its mark to `now`; returns how many. */
export function markNewer(last: Int32Array, marks: Int32Array, range: PageRange, now: number): number {
  const arena = Arena.loopsFor(last, marks);
  const words = arena && wholeWords(range);
  if (arena === undefined || words === undefined) return markNewerScalar(last, marks, range, now);
  const count = arena.loops.markNewer(addressOf(last, words), addressOf(marks, words), words.n, now);
  return words.rest.reduce((sum, rest) => sum + markNewerScalar(last, marks, rest, now), count);
}

/** Adds to `out` the pages touched after their own mark, and sets it to `now`; returns how many. */
export function takeNewer(last: Int32Array, marks: Int32Array, range: PageRange, out: PageBitmap, now: number): number {
  const arena = Arena.loopsFor(last, marks);
  const words = arena && wholeWords(range);
  if (arena === undefined || words === undefined) return takeNewerScalar(last, marks, range, out, now);
  let taken = 0;
  addBits(arena, words, out, (set) => {
    taken = arena.loops.takeNewer(addressOf(last, words), addressOf(marks, words), words.n, set, now);
  });
  for (const rest of words.rest) taken += takeNewerScalar(last, marks, rest, out, now);
  return taken;
}

function takeNewerScalar(last: Int32Array, marks: Int32Array, range: PageRange, out: PageBitmap, now: number): number {
  addNewerThanMarksScalar(last, marks, range, out);
  return markNewerScalar(last, marks, range, now);
}

/** One pass over stamps of two classes (read, write): pages touched, and pages written, after `after`, into sets that are empty. */
export function fillTouchedAndWritten(stamps: Int32Array, range: PageRange, after: number, touched: PageBitmap, written: PageBitmap): void {
  const arena = Arena.loopsFor(stamps);
  const words = arena && wholeWords(range);
  if (arena === undefined || words === undefined) return addTouchedAndWrittenScalar(stamps, range, after, touched, written);
  const sets = arena.scratch;
  const address = sets.byteOffset;
  arena.loops.touchedAndWritten(stamps.byteOffset + words.first * 256, after, words.n, address, address + words.n * 4);
  touched.words.set(sets.subarray(0, words.n), words.first);
  written.words.set(sets.subarray(words.n, 2 * words.n), words.first);
  for (const rest of words.rest) addTouchedAndWrittenScalar(stamps, rest, after, touched, written);
}

/** Sets that are empty, of the bits of an arena's interval: two for each page, touched by a read and by a write. */
export function fillFromPairs(bits: Int32Array, arena: Arena, touched: PageBitmap, written: PageBitmap): void {
  const { scratch } = arena;
  const words = touched.words.length;
  const half = scratch.length >>> 1;
  arena.loops.splitPairs(bits.byteOffset, scratch.byteOffset, scratch.byteOffset + 4 * half, Math.ceil(words / 4));
  touched.words.set(scratch.subarray(0, words));
  written.words.set(scratch.subarray(half, half + words));
}
/** The same of one bit for each page. */
export function fillFromBits(bits: Int32Array, touched: PageBitmap): void {
  touched.words.set(bits.subarray(0, touched.words.length));
}

/** The same of bytes in an arena, added to sets. */
export function addRecent(
  recent: Uint8Array,
  arena: Arena,
  range: PageRange,
  after: number,
  touched: PageBitmap,
  written: PageBitmap,
): void {
  if (after > 255) return;
  const words = wholeWords(range);
  if (words === undefined) return addRecentScalar(recent, range, after, touched, written);
  const sets = arena.scratch;
  const address = sets.byteOffset;
  arena.loops.recentTouchedAndWritten(recent.byteOffset + words.first * 64, after, words.n, address, address + words.n * 4);
  orInto(touched, words, sets, 0);
  orInto(written, words, sets, words.n);
  for (const rest of words.rest) addRecentScalar(recent, rest, after, touched, written);
}

function addRecentScalar(recent: Uint8Array, { from, to }: PageRange, after: number, touched: PageBitmap, written: PageBitmap): void {
  for (let p = from; p < to; p++) {
    const isWritten = recent[2 * p + 1]! > after;
    if (isWritten) written.add(p);
    if (isWritten || recent[2 * p]! > after) touched.add(p);
  }
}

/** The 32-page words that lie wholly in a range, and what is left of it before and behind. */
interface WholeWords {
  readonly first: number;
  readonly n: number;
  readonly rest: readonly PageRange[];
}

function wholeWords({ from, to }: PageRange): WholeWords | undefined {
  const first = (from + 31) >>> 5;
  const end = to >>> 5;
  if (end <= first) return undefined;
  const rest = [
    { from, to: first << 5 },
    { from: end << 5, to },
  ].filter((range) => range.to > range.from);
  return { first, n: end - first, rest };
}

function addressOf(column: Int32Array, { first }: WholeWords): number {
  return column.byteOffset + first * 128;
}

function addBits(arena: Arena, words: WholeWords, out: PageBitmap, fill: (set: number) => void): void {
  const set = arena.scratch;
  fill(set.byteOffset);
  orInto(out, words, set, 0);
}

function orInto({ words }: PageBitmap, { first, n }: WholeWords, set: Int32Array, from: number): void {
  for (let i = 0; i < n; i = (i + 1) | 0) words[first + i]! |= set[from + i]!;
}

function addNewerScalar(last: Int32Array, range: PageRange, after: number, out: PageBitmap): void {
  const { words } = out;
  const to = range.to | 0;
  for (let p = range.from | 0; p < to;) {
    const end = Math.min(to, (p | 31) + 1) | 0;
    const word = p >>> 5;
    let bits = 0;
    for (; p < end; p = (p + 1) | 0) bits |= ((after - last[p]!) >>> 31) << (p & 31);
    words[word]! |= bits;
  }
}

function addNewerThanMarksScalar(last: Int32Array, marks: Int32Array, range: PageRange, out: PageBitmap): number {
  const { words } = out;
  const to = range.to | 0;
  let marked = 0;
  for (let p = range.from | 0; p < to;) {
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

function addStillMarkedScalar(last: Int32Array, marks: Int32Array, range: PageRange, out: PageBitmap): void {
  const { words } = out;
  const to = range.to | 0;
  for (let p = range.from | 0; p < to;) {
    const end = Math.min(to, (p | 31) + 1) | 0;
    const word = p >>> 5;
    let bits = 0;
    for (; p < end; p = (p + 1) | 0) bits |= ((-marks[p]! >>> 31) & ~((marks[p]! - last[p]!) >>> 31)) << (p & 31);
    words[word]! |= bits;
  }
}

function markNewerScalar(last: Int32Array, marks: Int32Array, range: PageRange, now: number): number {
  let count = 0;
  for (let p = range.from | 0, to = range.to | 0; p < to; p = (p + 1) | 0) {
    const newer = (marks[p]! - last[p]!) >> 31;
    marks[p] = (now & newer) | (marks[p]! & ~newer);
    count = (count - newer) | 0;
  }
  return count;
}

function addTouchedAndWrittenScalar(stamps: Int32Array, range: PageRange, after: number, touched: PageBitmap, written: PageBitmap): void {
  const to = range.to | 0;
  for (let p = range.from | 0; p < to;) {
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
  const arena = Arena.loopsFor(marks);
  if (arena === undefined || marks.length < set.words.length << 5) return setMarksScalar(marks, set, now);
  const bits = arena.scratch;
  bits.set(set.words);
  arena.loops.setMarks(marks.byteOffset, bits.byteOffset, set.words.length, now);
}

function setMarksScalar(marks: Int32Array, { words }: PageBitmap, now: number): void {
  for (let i = 0; i < words.length; i = (i + 1) | 0) {
    let word = words[i]!;
    if (word === -1) marks.fill(now, i << 5, (i + 1) << 5);
    else for (; word !== 0; word &= word - 1) marks[(i << 5) + (31 - Math.clz32(word & -word))] = now;
  }
}

/** Sets the marks of a range to `now`. */
export function fillMarks(marks: Int32Array, range: PageRange, now: number): void {
  const arena = Arena.loopsFor(marks);
  const words = arena && wholeWords(range);
  if (arena === undefined || words === undefined) return void marks.fill(now, range.from, range.to);
  arena.loops.fill(addressOf(marks, words), words.n, now);
  for (const { from, to } of words.rest) marks.fill(now, from, to);
}

/** Largest of the first `length` values, taken as unsigned. */
export function largest(column: Int32Array, length: number): number {
  const words = Arena.loopsFor(column) === undefined ? 0 : length >>> 5;
  let most = words === 0 ? 0 : Arena.loopsFor(column)!.loops.largest(column.byteOffset, words) >>> 0;
  for (let i = words << 5; i < length; i++) most = Math.max(most, column[i]! >>> 0);
  return most;
}
