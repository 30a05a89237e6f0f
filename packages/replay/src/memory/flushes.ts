/** When translations were dropped. A flush drops everything. */
export class Flushes {
  /** Frames applied at each, ascending. */
  readonly #at: number[] = [];

  get any(): boolean {
    return this.#at.length > 0;
  }
  /** Frames applied at the last flush, -1 = never. */
  get last(): number {
    return this.#at.at(-1) ?? -1;
  }
  add(frames: number): void {
    if (this.last !== frames) this.#at.push(frames);
  }
  /** Frames applied at the first flush not before `frames`, Infinity = none. */
  firstFrom(frames: number): number {
    let low = 0;
    for (let high = this.#at.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#at[middle]! >= frames) high = middle;
      else low = middle + 1;
    }
    return this.#at[low] ?? Infinity;
  }
}
