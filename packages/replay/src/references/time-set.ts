/** A set of small integers with a fast maximum: a bitmap under summaries of 32 to 1, so every call takes one step per level. */
export class TimeSet {
  readonly #levels: Int32Array[] = [];
  readonly #top: number;

  /** @param size numbers below this */
  constructor(size: number) {
    let words = size;
    do {
      words = Math.max(1, (words + 31) >>> 5);
      this.#levels.push(new Int32Array(words));
    } while (words > 1);
    this.#top = this.#levels.length - 1;
  }

  add(value: number): void {
    let at = value | 0;
    for (let level = 0; level <= this.#top; level = (level + 1) | 0) {
      const words = this.#levels[level]!;
      const word = words[at >>> 5]!;
      words[at >>> 5] = word | (1 << (at & 31));
      if (word !== 0) return;
      at >>>= 5;
    }
  }

  delete(value: number): void {
    let at = value | 0;
    for (let level = 0; level <= this.#top; level = (level + 1) | 0) {
      const words = this.#levels[level]!;
      const word = words[at >>> 5]! & ~(1 << (at & 31));
      words[at >>> 5] = word;
      if (word !== 0) return;
      at >>>= 5;
    }
  }

  /** The largest number, -1 when empty. */
  max(): number {
    let at = 0;
    for (let level = this.#top; level >= 0; level = (level - 1) | 0) {
      const word = this.#levels[level]![at]!;
      if (word === 0) return -1;
      at = (at << 5) | (31 - Math.clz32(word));
    }
    return at;
  }
}
