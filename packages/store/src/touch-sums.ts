/**
 * Checksum of touches: a = the sum of all words, b = the sum of a after each word, both modulo 2^64; words are unsigned, 32 bits.
 * Any changed word changes a or b, and so do any two. One pass of vectors takes a fifth of the time of a CRC-32 or a hash.
 */
import {
  ADD,
  advance,
  block,
  BYTES,
  constant,
  EQUAL,
  EQZ,
  get,
  I32,
  leaveIf,
  load,
  load32,
  load32At,
  loop,
  LONGS,
  MAX_U,
  seq,
  set,
  SHL,
  SHR,
  SPLAT,
  store,
  store32At,
  tee,
  V128,
  type Code,
  type Func,
} from '@workset/model/wasm';

/** What the loops below leave: four sums a, then four sums b, of the words 0, 1, 2, 3, 0, … modulo 4; `sum` also the largest of each. */
export const LANES_BYTES = 80;
/** Words that one round of them takes. */
export const ROUND_WORDS = 8;

const MASK = (1n << 64n) - 1n;
/** Words summed in doubles between two looks at integers: the largest sum stays below 2^53. */
const STEP_WORDS = 1024;

export class TouchSums {
  #a = 0n;
  #b = 0n;

  /** Adds the words [from, to). */
  add(touches: Int32Array, from = 0, to = touches.length): this {
    const [a, b] = [new Float64Array(4), new Float64Array(4)];
    const fours = to - ((to - from) % 4);
    for (let at = from; at < fours; at += STEP_WORDS) {
      const end = Math.min(fours, at + STEP_WORDS);
      sumLanes(touches, at, end, a, b);
      this.#addParts(Array.from(a, BigInt), Array.from(b, BigInt), end - at);
    }
    for (let at = fours; at < to; at++) this.#append(BigInt(touches[at]! >>> 0), BigInt(touches[at]! >>> 0), 1n);
    return this;
  }

  /** Adds `words` words (a multiple of 4) of which a loop has left the sums in `lanes`. */
  addLanes(lanes: Int32Array, words: number): this {
    const sums = Array.from({ length: 8 }, (_, i) => BigInt(lanes[2 * i]! >>> 0) | (BigInt(lanes[2 * i + 1]! >>> 0) << 32n));
    this.#addParts(sums.slice(0, 4), sums.slice(4), words);
    return this;
  }

  /** The largest of the words that `sum` has left in `lanes`, unsigned. */
  static largestOf(lanes: Int32Array): number {
    let largest = 0;
    for (let i = 16; i < 20; i++) largest = Math.max(largest, lanes[i]! >>> 0);
    return largest;
  }

  /** Adds `words` words whose own sums are a and b. */
  addSums(a: bigint, b: bigint, words: number): this {
    this.#append(a, b, BigInt(words));
    return this;
  }

  get a(): bigint {
    return this.#a;
  }
  get b(): bigint {
    return this.#b;
  }
  /** a and b, 16 hex digits each. */
  toString(): string {
    return [this.#a, this.#b].map((sum) => sum.toString(16).padStart(16, '0')).join('');
  }

  /** Word 4k + j was counted as often in lane j as words follow it there: that is a quarter as often, but for j, as in the whole. */
  #addParts(a: readonly bigint[], b: readonly bigint[], words: number): void {
    const [a0, a1, a2, a3] = a as [bigint, bigint, bigint, bigint];
    this.#append(a0 + a1 + a2 + a3, 4n * b.reduce((sum, part) => sum + part) - a1 - 2n * a2 - 3n * a3, BigInt(words));
  }
  #append(a: bigint, b: bigint, words: bigint): void {
    this.#b = (this.#b + words * this.#a + b) & MASK;
    this.#a = (this.#a + a) & MASK;
  }
}

function sumLanes(touches: Int32Array, from: number, to: number, a: Float64Array, b: Float64Array): void {
  let [a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = from | 0; i < to; i = (i + 4) | 0) {
    a0 += touches[i]! >>> 0;
    a1 += touches[i + 1]! >>> 0;
    a2 += touches[i + 2]! >>> 0;
    a3 += touches[i + 3]! >>> 0;
    b0 += a0;
    b1 += a1;
    b2 += a2;
    b3 += a3;
  }
  a.set([a0, a1, a2, a3]);
  b.set([b0, b1, b2, b3]);
}

/** Adds the vector `touches[offset]` to the four sums a and the four b, two lanes to a local. */
function addVector(touches: number, offset: number, [aLow, aHigh, bLow, bHigh]: readonly [number, number, number, number]): Code {
  const grow = (a: number, b: number, widened: Code): Code =>
    seq(get(a), load(touches, offset), widened, LONGS.ADD, set(a), get(b), get(a), LONGS.ADD, set(b));
  return seq(grow(aLow, bLow, LONGS.WIDEN_LOW_U), grow(aHigh, bHigh, LONGS.WIDEN_HIGH_U));
}
function keepSums(out: number, sums: readonly number[]): Code {
  return seq(...sums.map((sum, i) => seq(get(out), get(sum), store(16 * i))));
}

/** sum(touches, rounds, out): goes on from the LANES_BYTES at `out`, and leaves them there; rounds >= 1 */
export function sumCode(): Func {
  const { known, round, keep, locals } = summing(3);
  return { name: 'sum', params: 3, result: false, locals, body: seq(known, loop(1, seq(round, advance(0, 32))), keep) };
}

/**
 * name(touches, rounds, out, most, …): the same while `each(touches, own)` does something with the eight touches of every round, in locals from `own` on: for a loop that
 * waits for memory, and has time to spare. It ends at the first round that has a touch above `most`, as the largest that it leaves tells.
 */
export function sumWhileCode(name: string, more: number, own: readonly number[], each: (touches: number, own: number) => Code): Func {
  const most = 3;
  const limit = 4 + more + 5;
  const isBeyond = (largest: number): Code => seq(get(largest), get(limit), MAX_U, get(limit), EQUAL, BYTES.ALL, EQZ);
  const { known, round, keep, locals } = summing(4 + more);
  const body = seq(
    known,
    seq(get(most), SPLAT, set(limit)),
    block(loop(1, seq(round, leaveIf(isBeyond(limit - 1), 1), each(0, limit + 1), advance(0, 32)))),
    keep,
  );
  return { name, params: 4 + more, result: false, locals: [...locals, V128, ...own], body };
}

/** Of loops with the parameters (touches, rounds, out): their locals, four sums and the largest, and what they do with them. */
function summing(first: number): { readonly known: Code; readonly round: Code; readonly keep: Code; readonly locals: readonly number[] } {
  const [touches, out] = [0, 2];
  const all = [0, 1, 2, 3, 4].map((i) => first + i);
  const sums = all.slice(0, 4) as unknown as readonly [number, number, number, number];
  const largest = all[4]!;
  const larger = (offset: number): Code => seq(get(largest), load(touches, offset), MAX_U, set(largest));
  return {
    known: seq(...all.map((sum, i) => seq(load(out, 16 * i), set(sum)))),
    round: seq(addVector(touches, 0, sums), addVector(touches, 16, sums), larger(0), larger(16)),
    keep: keepSums(out, all),
    locals: all.map(() => V128),
  };
}

/** moveAndSum(touches, rounds, out, table, bits): the same after each touch has grown by the entry of `table` at touch >>> bits */
export function moveAndSumCode(): Func {
  const [touches, rounds, out, table, bits, touch] = [0, 1, 2, 3, 4, 5];
  const sums = [6, 7, 8, 9] as const;
  const growth = load32(seq(get(touch), get(bits), SHR, constant(2), SHL, get(table), ADD));
  const move = (i: number): Code => seq(get(touches), load32At(get(touches), 4 * i), tee(touch), growth, ADD, store32At(4 * i));
  const moves = seq(...[0, 1, 2, 3, 4, 5, 6, 7].map(move));
  const body = seq(
    loop(rounds, seq(moves, addVector(touches, 0, sums), addVector(touches, 16, sums), advance(touches, 32))),
    keepSums(out, sums),
  );
  return { name: 'moveAndSum', params: 5, result: false, locals: [I32, V128, V128, V128, V128], body };
}
