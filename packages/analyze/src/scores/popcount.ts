/**
 * Sizes of page-set chunks and of their intersections. Hot loops over int32 words: bits are added seven words at a time with
 * carry-save adders (ones, twos, fours), so a word costs about six operations and no branch.
 */

/** |a|; a multiple of 8 words. */
export function countBits(a: Int32Array): number {
  let n = 0;
  for (let i = 0; i < a.length; i = (i + 8) | 0) {
    n = (n + bitsOf8(a[i]!, a[i + 1]!, a[i + 2]!, a[i + 3]!, a[i + 4]!, a[i + 5]!, a[i + 6]!, a[i + 7]!)) | 0;
  }
  return n;
}

/** |a ∩ b| of chunks of equal length, a multiple of 8 words. */
export function countAnd(a: Int32Array, b: Int32Array): number {
  let n = 0;
  for (let i = 0; i < a.length; i = (i + 8) | 0) {
    n =
      (n +
        bitsOf8(
          a[i]! & b[i]!,
          a[i + 1]! & b[i + 1]!,
          a[i + 2]! & b[i + 2]!,
          a[i + 3]! & b[i + 3]!,
          a[i + 4]! & b[i + 4]!,
          a[i + 5]! & b[i + 5]!,
          a[i + 6]! & b[i + 6]!,
          a[i + 7]! & b[i + 7]!,
        )) |
      0;
  }
  return n;
}

const both = new Int32Array(2048);
/** |a ∩ b ∩ c| of chunks of equal length, a multiple of 8 and at most 2048 words. */
export function countAnd3(a: Int32Array, b: Int32Array, c: Int32Array): number {
  const ab = both.subarray(0, a.length);
  for (let i = 0; i < a.length; i++) ab[i] = a[i]! & b[i]!;
  return countAnd(ab, c);
}

function bitsOf8(a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number): number {
  // full adders: three bits of equal weight become a sum and a carry of twice the weight
  const x = a ^ b;
  const sum1 = x ^ c;
  const carry1 = (a & b) | (x & c);
  const y = d ^ e;
  const sum2 = y ^ f;
  const carry2 = (d & e) | (y & f);
  const z = sum1 ^ sum2;
  const ones = z ^ g;
  const carry3 = (sum1 & sum2) | (z & g);
  const u = carry1 ^ carry2;
  const twos = u ^ carry3;
  const fours = (carry1 & carry2) | (u & carry3);
  // four times `fours` + twice `twos` + `ones` + h, in bytes: at most 8 * 8 each
  const bytes = (nibbles(ones) + nibbles(h)) | 0;
  const low = ((bytes & 0x0f0f0f0f) + ((bytes >>> 4) & 0x0f0f0f0f)) | 0;
  const t = nibbles(twos);
  const r = nibbles(fours);
  const mid = ((t & 0x0f0f0f0f) + ((t >>> 4) & 0x0f0f0f0f)) | 0;
  const high = ((r & 0x0f0f0f0f) + ((r >>> 4) & 0x0f0f0f0f)) | 0;
  const total = (low + (mid << 1) + (high << 2)) | 0;
  const halves = ((total & 0x00ff00ff) + ((total >>> 8) & 0x00ff00ff)) | 0; // 256 bits do not fit a byte
  return (halves + (halves >>> 16)) & 0xffff;
}

/** Number of set bits of each group of four. */
function nibbles(word: number): number {
  const pairs = (word - ((word >>> 1) & 0x55555555)) | 0;
  return ((pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)) | 0;
}
