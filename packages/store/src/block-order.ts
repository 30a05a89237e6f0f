/** Where blocks numbered by first sight lie among the blocks seen so far, kept in ascending order while more of them come. */

/** For each block how many places it moves; null = none does. */
export type BlockMoves = Int32Array | null;

export class BlockOrder {
  /** Block numbers by first sight. */
  readonly #seen: readonly number[];
  /** Indexes into `seen` by ascending block number. */
  #ascending: Int32Array = new Int32Array(0);
  #moves: BlockMoves = null;

  constructor(seen: readonly number[]) {
    this.#seen = seen;
  }

  /** Blocks that the order covers. */
  get known(): number {
    return this.#ascending.length;
  }

  /** Takes in the blocks seen since the last time. @returns true when a block that was known has got another place */
  update(): boolean {
    const seen = this.#seen;
    const old = this.#ascending;
    const from = old.length;
    if (seen.length === from) return false;
    const fresh = Int32Array.from({ length: seen.length - from }, (_, i) => from + i).sort((a, b) => seen[a]! - seen[b]!);
    const merged = new Int32Array(seen.length);
    let [o, f] = [0, 0];
    for (let i = 0; i < merged.length; i++) {
      const takesOld = f === fresh.length || (o < from && seen[old[o]!]! < seen[fresh[f]!]!);
      merged[i] = takesOld ? old[o++]! : fresh[f++]!;
    }
    this.#ascending = merged;
    this.#moves = this.#movesOf(seen.length);
    return from > 0 && seen[fresh[0]!]! < seen[old[from - 1]!]!;
  }

  /** From the number by first sight to the place in the order. */
  get moves(): BlockMoves {
    return this.#moves;
  }

  /** From the place among the first `known` blocks to the place among all. */
  movesSince(known: number): BlockMoves {
    const moves = new Int32Array(known);
    let isMoved = false;
    for (let place = 0, before = 0; before < known; place++) {
      if (this.#ascending[place]! >= known) continue;
      moves[before] = place - before;
      if (place !== before) isMoved = true;
      before++;
    }
    return isMoved ? moves : null;
  }

  /** All block numbers seen, ascending. */
  blocks(): Float64Array<ArrayBuffer> {
    return Float64Array.from(this.#ascending, (index) => this.#seen[index]!);
  }

  #movesOf(known: number): BlockMoves {
    const moves = new Int32Array(known);
    let isMoved = false;
    for (let place = 0; place < known; place++) {
      const index = this.#ascending[place]!;
      moves[index] = place - index;
      if (place !== index) isMoved = true;
    }
    return isMoved ? moves : null;
  }
}
