/** Ranges of page sets, word by word. */
import { PageBitmap, popcount } from '@workset/model';
import type { PageRange } from '../scheme.ts';

/** The pages of a range as a set. */
export function rangeSet(nPages: number, range: PageRange): PageBitmap {
  const set = new PageBitmap(nPages);
  set.addRange(range.from, range.to);
  return set;
}

/** True when the range is the whole space. */
export function isWhole({ from, to }: PageRange, nPages: number): boolean {
  return from === 0 && to === nPages;
}

/** set &= ~range */
export function removeRange(set: PageBitmap, range: PageRange): void {
  if (isWhole(range, set.nPages)) return set.clear();
  const { words } = set;
  eachEdge(range, (word, mask) => (words[word]! &= ~mask));
  const { first, end } = wholeWords(range);
  if (end > first) words.fill(0, first, end);
}

/** set &= range */
export function keepRange(set: PageBitmap, range: PageRange): PageBitmap {
  removeRange(set, { from: 0, to: range.from });
  removeRange(set, { from: Math.max(range.from, range.to), to: set.nPages });
  return set;
}

/** out |= set, inside the range */
export function addInRange(to: PageBitmap, from: PageBitmap, range: PageRange): void {
  if (isWhole(range, to.nPages)) return void to.or(from);
  const { words: out } = to;
  const { words: set } = from;
  eachEdge(range, (word, mask) => (out[word]! |= set[word]! & mask));
  const { first, end } = wholeWords(range);
  for (let i = first; i < end; i = (i + 1) | 0) out[i]! |= set[i]!;
}

/** out |= set & ~minus, inside the range */
export function addDifferenceInRange(
  { words: out }: PageBitmap,
  { words: set }: PageBitmap,
  { words: minus }: PageBitmap,
  range: PageRange,
): void {
  eachEdge(range, (word, mask) => (out[word]! |= set[word]! & ~minus[word]! & mask));
  const { first, end } = wholeWords(range);
  for (let i = first; i < end; i = (i + 1) | 0) out[i]! |= set[i]! & ~minus[i]!;
}

/** Pages of both sets inside the range. */
export function countOfBoth({ words: a }: PageBitmap, { words: b }: PageBitmap, range: PageRange): number {
  let n = 0;
  eachEdge(range, (word, mask) => (n += popcount(a[word]! & b[word]! & mask)));
  const { first, end } = wholeWords(range);
  for (let i = first; i < end; i = (i + 1) | 0) n += popcount(a[i]! & b[i]!);
  return n;
}

/** Pages of the set inside the range. */
export function countInRange(set: PageBitmap, range: PageRange): number {
  return countOfBoth(set, set, range);
}

/** True when the set holds a page of the range. */
export function holdsAny({ words }: PageBitmap, { from, to }: PageRange): boolean {
  if (from >= to) return false;
  const last = (to - 1) >>> 5;
  for (let word = from >>> 5; word <= last; word++) if ((words[word]! & maskOf(word, from, to)) !== 0) return true;
  return false;
}

export function isEmpty({ words }: PageBitmap): boolean {
  for (let i = 0, end = words.length; i < end; i = (i + 1) | 0) if (words[i] !== 0) return false;
  return true;
}

/** Words that lie wholly in a range. */
function wholeWords({ from, to }: PageRange): { readonly first: number; readonly end: number } {
  return { first: (from + 31) >>> 5, end: to >>> 5 };
}

/** Visits the words that lie in a range in part. */
function eachEdge({ from, to }: PageRange, visit: (word: number, mask: number) => void): void {
  if (from >= to) return;
  const first = from >>> 5;
  const last = (to - 1) >>> 5;
  if (maskOf(first, from, to) !== -1) visit(first, maskOf(first, from, to));
  if (last !== first && maskOf(last, from, to) !== -1) visit(last, maskOf(last, from, to));
}

/** Bits of a word that lie in [from, to). */
function maskOf(word: number, from: number, to: number): number {
  const first = word << 5;
  const low = from > first ? -1 << (from - first) : -1;
  const high = to < first + 32 ? ~(-1 << (to - first)) : -1;
  return low & high;
}
