/** Ranges of page sets, word by word. */
import { PageBitmap, popcount } from '@workset/model';
import type { PageRange } from '../scheme.ts';

/** The pages of a range as a set. */
export function rangeSet(nPages: number, range: PageRange): PageBitmap {
  const set = new PageBitmap(nPages);
  set.addRange(range.from, range.to);
  return set;
}

/** set &= ~range */
export function removeRange(set: PageBitmap, range: PageRange): void {
  eachWord(range, (word, mask) => (set.words[word]! &= ~mask));
}

/** set &= range */
export function keepRange(set: PageBitmap, range: PageRange): PageBitmap {
  removeRange(set, { from: 0, to: range.from });
  removeRange(set, { from: Math.max(range.from, range.to), to: set.nPages });
  return set;
}

/** out |= set, inside the range */
export function addInRange(out: PageBitmap, set: PageBitmap, range: PageRange): void {
  eachWord(range, (word, mask) => (out.words[word]! |= set.words[word]! & mask));
}

/** Pages of the set inside the range. */
export function countInRange(set: PageBitmap, range: PageRange): number {
  let n = 0;
  eachWord(range, (word, mask) => (n += popcount(set.words[word]! & mask)));
  return n;
}

/** True when the set holds a page of the range. */
export function holdsAny({ words }: PageBitmap, { from, to }: PageRange): boolean {
  if (from >= to) return false;
  const last = (to - 1) >>> 5;
  for (let word = from >>> 5; word <= last; word++) if ((words[word]! & maskOf(word, from, to)) !== 0) return true;
  return false;
}

function eachWord({ from, to }: PageRange, visit: (word: number, mask: number) => void): void {
  if (from >= to) return;
  const last = (to - 1) >>> 5;
  for (let word = from >>> 5; word <= last; word++) visit(word, maskOf(word, from, to));
}

/** Bits of a word that lie in [from, to). */
function maskOf(word: number, from: number, to: number): number {
  const first = word << 5;
  const low = from > first ? -1 << (from - first) : -1;
  const high = to < first + 32 ? ~(-1 << (to - first)) : -1;
  return low & high;
}
