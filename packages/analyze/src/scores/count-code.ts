/** Popcounts of page-set chunks as WebAssembly with 128-bit vectors, assembled here: two small functions need no toolchain. */

import { Instance, Memory, Module, type WasmMemory } from '@workset/model/wasm';

type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;

const leb = (value: number): Code => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
/** Signed, for constants from 0 to 2^13 - 1. */
const constant = (value: number): Code => (value < 64 ? [0x41, value] : [0x41, (value & 127) | 128, value >>> 7]);
const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const simd = (op: number, ...rest: readonly number[]): Code => [0xfd, ...leb(op), ...rest];
const seq = (...parts: readonly Code[]): Code => parts.flat();

const ADD: Code = [0x6a];
const SUB: Code = [0x6b];
const AND = simd(0x4e);
const POPCOUNT_8 = simd(0x62);
const ADD_8 = simd(0x6e);
const PAIRS_8_TO_16 = simd(0x7d);
const PAIRS_16_TO_32 = simd(0x7f);
const ADD_32 = simd(0xae);
const ZERO = simd(0x0c, ...Array.from({ length: 16 }, () => 0));
const lane = (i: number): Code => simd(0x1b, i);
/** Loads need no alignment: chunks lie behind 4-byte lengths. */
const load = (base: number, offset: number): Code => seq(get(base), simd(0x00, 0, ...leb(offset)));
const advance = (pointer: number, bytes: number): Code => seq(get(pointer), constant(bytes), ADD, set(pointer));

/** Vectors of 16 bytes in one round: 16 of at most 8 bits a byte stay below 256. */
const VECTORS = 16;

interface Func {
  readonly name: string;
  readonly params: number;
  readonly body: Code;
}

/** count(address…, bytes): bits set in all of them; bytes a positive multiple of 256. */
function count(name: string, inputs: number): Func {
  const bytes = inputs;
  const sum = inputs + 1;
  const common = (v: number): Code =>
    seq(load(0, v * 16), ...Array.from({ length: inputs - 1 }, (_, i) => seq(load(i + 1, v * 16), AND)), POPCOUNT_8);
  const round = seq(
    get(sum),
    common(0),
    ...Array.from({ length: VECTORS - 1 }, (_, v) => seq(common(v + 1), ADD_8)),
    PAIRS_8_TO_16,
    PAIRS_16_TO_32,
    ADD_32,
    set(sum),
    ...Array.from({ length: inputs }, (_, i) => advance(i, VECTORS * 16)),
  );
  const body = seq(
    ZERO,
    set(sum),
    [0x03, 0x40],
    round,
    get(bytes),
    constant(VECTORS * 16),
    SUB,
    [0x22, bytes, 0x0d, 0, 0x0b],
    ...[0, 1, 2, 3].map((i) => seq(get(sum), lane(i))),
    ADD,
    ADD,
    ADD,
  );
  return { name, params: inputs + 1, body };
}

const FUNCTIONS: readonly Func[] = [count('count', 1), count('countAnd', 2), count('countAnd3', 3)];

const section = (id: number, items: readonly Code[]): Code => {
  const body = seq(leb(items.length), ...items);
  return seq([id], leb(body.length), body);
};
const name = (text: string): Code => seq(leb(text.length), [...Buffer.from(text)]);

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const types = FUNCTIONS.map(({ params }) =>
    seq(
      [0x60],
      leb(params),
      Array.from({ length: params }, () => I32),
      [1, I32],
    ),
  );
  const bodies = FUNCTIONS.map(({ body }) => {
    const code = seq([1, 1, V128], body, [0x0b]);
    return seq(leb(code.length), code);
  });
  return Uint8Array.from(
    seq(
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, types),
      section(2, [seq(name('env'), name('memory'), [0x02, 0x00, 0])]),
      section(
        3,
        FUNCTIONS.map((_, i) => leb(i)),
      ),
      section(
        7,
        FUNCTIONS.map(({ name: text }, i) => seq(name(text), [0x00], leb(i))),
      ),
      section(10, bodies),
    ),
  );
}

/** Byte addresses in the memory given; `bytes` a positive multiple of 256. */
export interface CountLoops {
  readonly count: (a: number, bytes: number) => number;
  readonly countAnd: (a: number, b: number, bytes: number) => number;
  readonly countAnd3: (a: number, b: number, c: number, bytes: number) => number;
}

export function countMemory(initialPages: number): { memory: WasmMemory; loops: CountLoops } {
  const memory = new Memory({ initial: initialPages });
  return { memory, loops: new Instance<CountLoops>(new Module(moduleBytes()), { env: { memory } }).exports };
}
