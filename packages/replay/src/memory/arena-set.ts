/** Page sets that live as long as the state they belong to: their words are in an arena, where whole sets are combined by vectors. */
import { PageBitmap } from '@workset/model';
import type { Arena } from './arena.ts';
import { ROUND_BYTES } from './set-code.ts';

/** An empty set; its words are given back with `arena.release(set.words)`, or go with the arena. */
export function setIn(arena: Arena, nPages: number): PageBitmap {
  const words = arena.int32((nPages + 31) >>> 5);
  return arena.owns(words) && words.length > 0 ? new ArenaSet(nPages, words, arena) : new PageBitmap(nPages, words);
}

class ArenaSet extends PageBitmap {
  readonly #arena: Arena;
  readonly #address: number;
  readonly #rounds: number;

  constructor(nPages: number, words: Int32Array, arena: Arena) {
    super(nPages, words);
    this.#arena = arena;
    this.#address = words.byteOffset;
    this.#rounds = Math.ceil(words.byteLength / ROUND_BYTES);
  }

  override clear(): void {
    this.#arena.loops.fill(this.#address, this.#rounds, 0);
  }
  override copy(other: PageBitmap): this {
    if (!this.#isBeside(other)) return super.copy(other);
    this.#arena.loops.copySet(this.#address, other.#address, this.#rounds);
    return this;
  }
  override and(other: PageBitmap): this {
    if (!this.#isBeside(other)) return super.and(other);
    this.#arena.loops.andSet(this.#address, other.#address, this.#rounds);
    return this;
  }
  override or(other: PageBitmap): this {
    if (!this.#isBeside(other)) return super.or(other);
    this.#arena.loops.orSet(this.#address, other.#address, this.#rounds);
    return this;
  }
  override andNot(other: PageBitmap): this {
    if (!this.#isBeside(other)) return super.andNot(other);
    this.#arena.loops.andNotSet(this.#address, other.#address, this.#rounds);
    return this;
  }
  override count(): number {
    return this.#arena.loops.countSet(this.#address, this.#rounds);
  }

  /** Of the same arena, and of as many pages. */
  #isBeside(other: PageBitmap): other is ArenaSet {
    return other instanceof ArenaSet && other.#arena === this.#arena && other.#rounds === this.#rounds;
  }
}
