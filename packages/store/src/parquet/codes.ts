/** Indices into a dictionary, as data pages of the encoding RLE_DICTIONARY hold them. */
import assert from 'node:assert/strict';

/** Bits that are held while a byte is filled: an index behind up to seven of them. */
const MAX_WIDTH = 24;

/**
 * The first n indices in as many bits each as the largest of `nValues` needs, in one bit-packed run: groups of eight, least significant
 * bit first.
 */
export function packedCodes(codes: Uint8Array | Int32Array, n: number, nValues: number): Uint8Array {
  const width = Math.max(1, 32 - Math.clz32(nValues - 1));
  assert(width <= MAX_WIDTH, `a dictionary of ${nValues} values`);
  const groups = Math.ceil(n / 8);
  const header: number[] = [width];
  for (let rest = groups * 2 + 1; ; rest >>>= 7) {
    header.push(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  const out = new Uint8Array(header.length + groups * width);
  out.set(header);
  let at = header.length;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < groups * 8; i = (i + 1) | 0) {
    held |= (i < n ? codes[i]! : 0) << bits;
    bits = (bits + width) | 0;
    for (; bits >= 8; bits = (bits - 8) | 0) {
      out[at] = held;
      at = (at + 1) | 0;
      held >>>= 8;
    }
  }
  return out;
}
