/**
 * Which pages share a folio: flags, generations and the place on an LRU list belong to all of them, however they are mapped
 * (kernel-semantics 1.4, 6 to 9). A PTE has its own A bit all the same.
 */
import { BLOCK_PAGES, BLOCK_SHIFT, popcount, type PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';

const BLOCK_WORDS = BLOCK_PAGES / 32;

/** Bits at the first pages of folios within a word of 32 pages, per order up to 5. */
const HEADS = [-1, 0x55555555, 0x11111111, 0x01010101, 0x00010001, 1] as const;

export class Folios {
  /** Folios of 2^order pages, outside huge blocks. */
  readonly order: number;
  readonly #huge: PageBitmap | undefined;
  /** Every page is a folio of its own. */
  readonly areSmall: boolean;

  /** @param hugeBlocks blocks of 512 pages that are one folio each */
  constructor(order: number, hugeBlocks: PageBitmap | undefined) {
    this.order = order;
    this.#huge = hugeBlocks;
    this.areSmall = order === 0 && hugeBlocks === undefined;
  }

  /** The pages of the folio that holds a page. */
  of(id: number): PageRange {
    const order = this.#isHuge(id >>> BLOCK_SHIFT) ? BLOCK_SHIFT : this.order;
    const from = (id >>> order) << order;
    return { from, to: from + (1 << order) };
  }
  isTail(id: number): boolean {
    return !this.areSmall && id !== this.of(id).from;
  }
  /** The range, with the folios at its ends whole. */
  around({ from, to }: PageRange): PageRange {
    return this.areSmall || from >= to ? { from, to } : { from: this.of(from).from, to: this.of(to - 1).to };
  }

  /** Adds the other pages of folios that a set holds a page of. */
  addWhole(set: PageBitmap): PageBitmap {
    if (this.areSmall) return set;
    const { words } = set;
    for (let first = 0; first < words.length;) {
      const end = Math.min(words.length, this.#groupEnd(first));
      if (end - first === 1) words[first] = this.#wholeWord(words[first]!);
      else if (holdsBit(words, first, end)) words.fill(-1, first, end);
      first = end;
    }
    return set;
  }

  /** Folios that a set holds a page of. */
  count(set: PageBitmap): number {
    if (this.areSmall) return set.count();
    const { words } = set;
    let n = 0;
    for (let first = 0; first < words.length;) {
      const end = Math.min(words.length, this.#groupEnd(first));
      n += end - first === 1 ? popcount(this.#headsOf(words[first]!)) : Number(holdsBit(words, first, end));
      first = end;
    }
    return n;
  }

  /** Calls `visit` for the words that hold the folios of `bits` of one word, with all their pages. */
  eachWhole(word: number, bits: number, visit: (word: number, bits: number) => void): void {
    if (this.areSmall) return visit(word, bits);
    const end = this.#groupEnd(word);
    const first = this.#groupStart(word);
    if (end - first === 1) return visit(word, this.#wholeWord(bits));
    for (let i = first; i < end; i++) visit(i, bits === 0 ? 0 : -1);
  }

  #isHuge(block: number): boolean {
    return this.#huge !== undefined && this.#huge.has(block);
  }
  /** Words that hold a folio, or the one word that holds several. */
  #groupWords(word: number): number {
    if (this.#isHuge(Math.floor(word / BLOCK_WORDS))) return BLOCK_WORDS;
    return this.order <= 5 ? 1 : 1 << (this.order - 5);
  }
  #groupStart(word: number): number {
    return word - (word % this.#groupWords(word));
  }
  #groupEnd(word: number): number {
    return this.#groupStart(word) + this.#groupWords(word);
  }
  #headsOf(word: number): number {
    let heads = word;
    for (let k = 0; k < this.order; k++) heads |= heads >>> (1 << k);
    return heads & HEADS[this.order]!;
  }
  #wholeWord(word: number): number {
    if (word === 0) return 0;
    let whole = this.#headsOf(word);
    for (let k = 0; k < this.order; k++) whole |= whole << (1 << k);
    return whole;
  }
}

function holdsBit(words: Int32Array, first: number, end: number): boolean {
  for (let i = first; i < end; i++) if (words[i] !== 0) return true;
  return false;
}

/** The block of 512 pages that holds a page. */
export function blockOf(id: number): PageRange {
  const from = (id >>> BLOCK_SHIFT) << BLOCK_SHIFT;
  return { from, to: from + BLOCK_PAGES };
}
