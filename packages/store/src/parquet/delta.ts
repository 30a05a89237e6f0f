/** Integers as Parquet's DELTA_BINARY_PACKED: differences of neighbours, bit-packed in blocks. Times and page numbers shrink to a few bits each. */

export const DELTA_BINARY_PACKED = 5;

const BLOCK = 128;
const MINIBLOCKS = 4;
const MINI = BLOCK / MINIBLOCKS;
/** Larger differences do not stay exact in doubles. */
const LIMIT = 2 ** 50;

/** The first `n` of `values`, safe integers; undefined when neighbours are too far apart for this encoding. */
export function deltaPacked(values: Float64Array, n: number): Uint8Array | undefined {
  const out = new BitWriter(n);
  out.varint(BLOCK);
  out.varint(MINIBLOCKS);
  out.varint(n);
  const first = n === 0 ? 0 : values[0]!;
  if (Math.abs(first) >= LIMIT) return undefined;
  out.zigzag(first);
  const deltas = new Float64Array(BLOCK);
  for (let start = 1; start < n; start += BLOCK) {
    const count = Math.min(BLOCK, n - start);
    let min = Infinity;
    let max = -Infinity;
    for (let i = 0; i < count; i++) {
      const delta = values[start + i]! - values[start + i - 1]!;
      deltas[i] = delta;
      if (delta < min) min = delta;
      if (delta > max) max = delta;
    }
    if (min <= -LIMIT || max - min >= LIMIT) return undefined;
    for (let i = 0; i < count; i++) deltas[i]! -= min;
    deltas.fill(0, count);
    out.zigzag(min);
    const widths = [0, 1, 2, 3].map((mini) => widthOf(deltas, mini * MINI));
    for (const width of widths) out.byte(width);
    widths.forEach((width, mini) => {
      if (mini * MINI < count) out.pack(deltas, mini * MINI, width);
    });
  }
  return out.bytes();
}

/** Bits for the largest of 32 values. */
function widthOf(values: Float64Array, from: number): number {
  let most = 0;
  for (let i = from; i < from + MINI; i++) if (values[i]! > most) most = values[i]!;
  const high = Math.floor(most / 0x1_0000_0000);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(most);
}

class BitWriter {
  readonly #out: Uint8Array;
  #at = 0;

  constructor(n: number) {
    // A header, and per block a minimum, four widths and at most 51 bits a value.
    this.#out = new Uint8Array(32 + Math.ceil(n / BLOCK) * (16 + (BLOCK * 52) / 8));
  }
  bytes(): Uint8Array {
    return this.#out.subarray(0, this.#at);
  }
  byte(value: number): void {
    this.#out[this.#at++] = value;
  }
  varint(value: number): void {
    while (value >= 128) {
      this.byte((value % 128) | 128);
      value = Math.floor(value / 128);
    }
    this.byte(value);
  }
  zigzag(value: number): void {
    this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }
  /** 32 values of `width` bits, least significant bit first. */
  pack(values: Float64Array, from: number, width: number): void {
    if (width <= 24) this.#packNarrow(values, from, width);
    else this.#packWide(values, from, width);
  }

  #packNarrow(values: Float64Array, from: number, width: number): void {
    const out = this.#out;
    let at = this.#at;
    let bits = 0;
    let held = 0;
    for (let i = from; i < from + MINI; i++) {
      held |= values[i]! << bits;
      for (bits += width; bits >= 8; bits -= 8) {
        out[at++] = held;
        held >>>= 8;
      }
    }
    this.#at = at;
  }

  /** A value as its low 24 bits and the rest. */
  #packWide(values: Float64Array, from: number, width: number): void {
    const out = this.#out;
    let at = this.#at;
    let bits = 0;
    let held = 0;
    for (let i = from; i < from + MINI; i++) {
      let rest = values[i]!;
      for (let left = width; left > 0; left -= 24) {
        held |= (rest % 0x100_0000) << bits;
        rest = Math.floor(rest / 0x100_0000);
        for (bits += Math.min(24, left); bits >= 8; bits -= 8) {
          out[at++] = held;
          held >>>= 8;
        }
      }
    }
    this.#at = at;
  }
}
