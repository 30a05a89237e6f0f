/** The text around the numbers of a region, which a recording repeats for millions of regions: known once, it is only compared. */
import { isComparable, keepBytes, sameBytes } from '../text/same-bytes.ts';

const QUOTE = 34;
const COMMA = 44;
/** Digits that a double surely holds. */
const SAFE_DIGITS = 15;
/** Longest piece of text that is kept. */
const MAX_PIECE = 1024;
/** A recording whose regions differ in their text is not worth the try: this many misses more than hits. */
const PATIENCE = 64;

/** Where the four numbers of a region are, in the order of damo: start, end, nr_accesses.samples, age.aggr_intervals. */
export class NumberPlaces {
  readonly from = new Int32Array(4);
  readonly to = new Int32Array(4);
  n = 0;
  /** Something was read that the four numbers do not say. */
  isOdd = false;

  clear(): void {
    this.n = 0;
    this.isOdd = false;
  }
  /** Number `i` has the digits [from, to). */
  add(i: number, from: number, to: number): void {
    if (i !== this.n) this.isOdd = true;
    else {
      this.from[i] = from;
      this.to[i] = to;
      this.n++;
    }
  }
}

/** Text pieces 0..4 around the numbers 0..3. */
export class RegionTemplate {
  /** The numbers of the region read last. */
  readonly values = new Float64Array(4);
  readonly #pieces = Array.from({ length: 5 }, () => new DataView(new ArrayBuffer(MAX_PIECE)));
  readonly #lengths = new Int32Array(5);
  readonly #quoted = [false, false, false, false];
  #isKnown = false;
  #misses = 0;

  /** Keeps the text of the region [from, to) that was read with `places`. */
  learn(bytes: Uint8Array, from: number, to: number, places: NumberPlaces): void {
    if (places.isOdd || places.n < 4 || this.#misses > PATIENCE) return;
    this.#isKnown = false;
    for (let i = 0; i < 5; i++) {
      const start = i === 0 ? from : places.to[i - 1]!;
      const end = i === 4 ? to : places.from[i]!;
      if (end - start > MAX_PIECE || end <= start || !isComparable(bytes, start, end)) return;
      keepBytes(this.#pieces[i]!, bytes, start, end);
      this.#lengths[i] = end - start;
      if (i < 4) this.#quoted[i] = bytes[end - 1] === QUOTE;
    }
    this.#isKnown = true;
  }

  /** @returns offset behind the region at `from`, its numbers in `values`; -1: it is another text, or goes on behind `end` */
  read(view: DataView, from: number, end: number): number {
    if (!this.#isKnown) return -1;
    let pos = from;
    for (let i = 0; i < 5; i++) {
      const length = this.#lengths[i]!;
      if (pos + length >= end) return -1;
      if (!sameBytes(this.#pieces[i]!, view, pos, length)) return this.#missed();
      pos += length;
      if (i === 4) break;
      const quoted = this.#quoted[i]!;
      const first = pos;
      let value = 0;
      let digits = 0;
      while (pos < end) {
        const byte = view.getUint8(pos);
        const digit = byte - 48;
        if (digit >>> 0 <= 9) {
          value = value * 10 + digit;
          digits++;
        } else if (byte !== COMMA || !quoted) break;
        pos++;
      }
      if (pos >= end) return -1;
      if (digits === 0 || digits > SAFE_DIGITS || pos === first) return this.#missed();
      this.values[i] = value;
    }
    this.#misses = Math.max(0, this.#misses - 1);
    return pos;
  }

  #missed(): number {
    this.#misses++;
    return -1;
  }
}
