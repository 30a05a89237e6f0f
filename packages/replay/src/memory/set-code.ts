/**
 * Operations on whole page sets as WebAssembly with 128-bit vectors (arena-set.ts). All take byte addresses in one memory and a number
 * of rounds of ROUND_BYTES; a set has room for whole rounds, and zeros behind its words.
 */
import {
  advance,
  AT,
  type Code,
  type Func,
  get,
  I64,
  load,
  LONG,
  loop,
  seq,
  set,
  store,
  V_AND,
  V_AND_NOT,
  V_OR,
} from '@workset/model/wasm';

export const ROUND_BYTES = 128;
const VECTORS = Array.from({ length: ROUND_BYTES / 16 }, (_, v) => v);

/** name(out, other, rounds): out = operation(out, other) */
function combine(name: string, operation: Code): Func {
  const [out, other, rounds] = [0, 1, 2];
  const one = (v: number): Code => seq(get(out), load(out, v * 16), load(other, v * 16), operation, store(v * 16));
  const body = loop(rounds, seq(...VECTORS.map(one), advance(out, ROUND_BYTES), advance(other, ROUND_BYTES)));
  return { name, params: 3, result: false, locals: [], body };
}

/** copySet(out, other, rounds) */
function copySet(): Func {
  const [out, other, rounds] = [0, 1, 2];
  const one = (v: number): Code => seq(get(out), load(other, v * 16), store(v * 16));
  const body = loop(rounds, seq(...VECTORS.map(one), advance(out, ROUND_BYTES), advance(other, ROUND_BYTES)));
  return { name: 'copySet', params: 3, result: false, locals: [], body };
}

/** countSet(set, rounds): bits set */
function countSet(): Func {
  const [bits, rounds, sum] = [0, 1, 2];
  const one = (i: number): Code => seq(get(bits), AT.long(i * 8), LONG.POPCOUNT, LONG.ADD);
  const body = seq(
    loop(rounds, seq(get(sum), ...Array.from({ length: ROUND_BYTES / 8 }, (_, i) => one(i)), set(sum), advance(bits, ROUND_BYTES))),
    get(sum),
    LONG.TO_WORD,
  );
  return { name: 'countSet', params: 2, result: true, locals: [I64], body };
}

export const SET_FUNCTIONS: readonly Func[] = [
  combine('orSet', V_OR),
  combine('andSet', V_AND),
  combine('andNotSet', V_AND_NOT),
  copySet(),
  countSet(),
];
