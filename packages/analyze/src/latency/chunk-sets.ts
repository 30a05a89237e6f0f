/** Set algebra on page sets held as chunks of 2048 int32 words. Results are new sets; empty chunks are left out. */
import { countBits } from '../scores/popcount.ts';
import type { Chunks } from '../scores/window-sets.ts';

const combine = (a: Chunks, b: Chunks, word: (x: number, y: number) => number, keepAlone: boolean): Chunks => {
  const out = new Map<number, Int32Array>();
  for (const [chunk, bits] of a) {
    const other = b.get(chunk);
    if (other === undefined) {
      if (keepAlone) out.set(chunk, bits);
      continue;
    }
    const made = new Int32Array(bits.length);
    let any = 0;
    for (let i = 0; i < bits.length; i++) any |= made[i] = word(bits[i]!, other[i]!);
    if (any !== 0) out.set(chunk, made);
  }
  return out;
};

/** a ∖ b */
export const minus = (a: Chunks, b: Chunks): Chunks => combine(a, b, (x, y) => x & ~y, true);
/** a ∩ b */
export const common = (a: Chunks, b: Chunks): Chunks => combine(a, b, (x, y) => x & y, false);
/** a ∪ b */
export function union(a: Chunks, b: Chunks): Chunks {
  return new Map([...b, ...combine(a, b, (x, y) => x | y, true)]);
}
/** Number of pages. */
export function sizeOf(set: Chunks): number {
  let n = 0;
  for (const bits of set.values()) n += countBits(bits);
  return n;
}
