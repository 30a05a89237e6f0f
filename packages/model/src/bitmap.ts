/**
 * A set of dense page ids as bits, LSB first in little-endian 32-bit words (bit i%8 of byte i>>3, as the kernel stores them).
 *
 * Loops read the length of an array once: in a process that has lost V8's protector TypedArrayLengthLookupChain (importing yargs is
 * enough), each look at it is a call, and a replay took a quarter longer.
 */
export class PageBitmap {
  readonly nPages: number;
  readonly words: Int32Array;

  constructor(nPages: number, words?: Int32Array) {
    this.nPages = nPages;
    this.words = words ?? new Int32Array((nPages + 31) >>> 5);
  }

  has(id: number): boolean {
    return ((this.words[id >>> 5]! >>> (id & 31)) & 1) === 1;
  }
  add(id: number): void {
    this.words[id >>> 5]! |= 1 << (id & 31);
  }
  delete(id: number): void {
    this.words[id >>> 5]! &= ~(1 << (id & 31));
  }
  /** Adds the half-open range [from, to). */
  addRange(from: number, to: number): void {
    for (let id = from; id < to && (id & 31) !== 0; id++) this.add(id);
    let id = (from + 31) & ~31;
    if (id < from) id = from;
    const whole = to & ~31;
    if (id < whole) {
      this.words.fill(-1, id >>> 5, whole >>> 5);
      id = whole;
    }
    for (; id < to; id++) this.add(id);
  }
  clear(): void {
    this.words.fill(0);
  }
  clone(): PageBitmap {
    return new PageBitmap(this.nPages, this.words.slice());
  }
  count(): number {
    return countBits(this.words);
  }
  /** this = other, of as many pages */
  copy(other: PageBitmap): this {
    this.words.set(other.words);
    return this;
  }
  /** this &= other */
  and(other: PageBitmap): this {
    const { words } = this;
    const { words: others } = other;
    for (let i = 0, end = words.length; i < end; i++) words[i]! &= others[i]!;
    return this;
  }
  /** this |= other */
  or(other: PageBitmap): this {
    const { words } = this;
    const { words: others } = other;
    for (let i = 0, end = words.length; i < end; i++) words[i]! |= others[i]!;
    return this;
  }
  /** this &= ~other */
  andNot(other: PageBitmap): this {
    const { words } = this;
    const { words: others } = other;
    for (let i = 0, end = words.length; i < end; i++) words[i]! &= ~others[i]!;
    return this;
  }
  equals(other: PageBitmap): boolean {
    return this.nPages === other.nPages && this.words.every((word, i) => word === other.words[i]);
  }
  *ids(): IterableIterator<number> {
    const { words } = this;
    for (let i = 0, end = words.length; i < end; i++) {
      let word = words[i]!;
      while (word !== 0) {
        const low = word & -word;
        yield i * 32 + (31 - Math.clz32(low));
        word ^= low;
      }
    }
  }
  static of(nPages: number, ids: Iterable<number>): PageBitmap {
    const set = new PageBitmap(nPages);
    for (const id of ids) set.add(id);
    return set;
  }
}

/**
 * Number of set bits of many words, eight at a time: full adders sum bits of equal weight, so that one word in eight is counted bit by bit
 * (Harley and Seal; Warren, Hacker's Delight, 5-1).
 */
function countBits(words: Int32Array): number {
  const end = words.length | 0;
  const whole = end & ~7;
  let ones = 0;
  let twos = 0;
  let fours = 0;
  let eights = 0;
  for (let i = 0; i < whole; i = (i + 8) | 0) {
    const a = words[i]! ^ ones;
    const twosA = (words[i]! & ones) | (a & words[i + 1]!);
    const b = a ^ words[i + 1]!;
    const c = words[i + 2]! ^ b;
    const twosB = (words[i + 2]! & b) | (c & words[i + 3]!);
    const d = c ^ words[i + 3]!;
    const e = twosA ^ twos;
    const foursA = (twosA & twos) | (e & twosB);
    const f = e ^ twosB;
    const g = words[i + 4]! ^ d;
    const twosC = (words[i + 4]! & d) | (g & words[i + 5]!);
    const h = g ^ words[i + 5]!;
    const k = words[i + 6]! ^ h;
    const twosD = (words[i + 6]! & h) | (k & words[i + 7]!);
    ones = k ^ words[i + 7]!;
    const l = twosC ^ f;
    const foursB = (twosC & f) | (l & twosD);
    twos = l ^ twosD;
    const m = foursA ^ fours;
    eights += popcount((foursA & fours) | (m & foursB));
    fours = m ^ foursB;
  }
  let n = 8 * eights + 4 * popcount(fours) + 2 * popcount(twos) + popcount(ones);
  for (let i = whole; i < end; i = (i + 1) | 0) n += popcount(words[i]!);
  return n;
}

/** Number of set bits of a 32-bit word. */
export function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
