/** WebAssembly for DELTA_BINARY_PACKED: integers up to 2^48 as doubles, so that a vector holds two and differences stay exact. */
import {
  ADD,
  advance,
  block,
  constant,
  get,
  I32,
  LEAVE_IF,
  load,
  loop,
  seq,
  set,
  store,
  tee,
  V128,
  V_AND,
  V_OR,
  type Code,
  type Func,
} from '@workset/model/wasm';

/** Values per block, and per group of one width. */
export const BLOCK = 128;
const MINIBLOCKS = 4;
const MINI = BLOCK / MINIBLOCKS;
/** Where the differences of the block under way are, and the smallest and largest value that `scan` has found. */
export const DELTAS_AT = 0;
export const EXTENT_AT = BLOCK * 8;
export const FREE_AT = EXTENT_AT + 16;

const I64 = 0x7e;
const simd = (op: number, ...rest: readonly number[]): Code => [0xfd, (op & 127) | 128, op >>> 7, ...rest];
const F_SPLAT = simd(0x14);
const F_EQUAL = simd(0x47);
const F_FLOOR = simd(0x75);
const F_ADD = simd(0xf0);
const F_SUB = simd(0xf1);
const F_MIN = simd(0xf6);
const F_MAX = simd(0xf7);
const ALL_TRUE = simd(0xc3);
const fLane = (lane: number): Code => simd(0x21, lane);
const iLane = (lane: number): Code => simd(0x1d, lane);
/** Both lanes the 64 bits of high and low word. */
const bits = (high: number, low: number): Code => {
  const bytes = [low, high].flatMap((word) => [word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24]);
  return simd(0x0c, ...bytes, ...bytes);
};
/** Added to a whole number below 2^52 it leaves that number in the low bits of the double. */
const MAGIC = bits(0x43300000, 0);
const LOW_BITS = bits(0x000fffff, -1);

const F_SCALAR_MIN: Code = [0xa4];
const F_SCALAR_MAX: Code = [0xa5];
const F_TO_I64: Code = [0xb0];
const F_STORE = (offset: number): Code => [0x39, 3, ...leb(offset)];
const L_LOAD: Code = [0x29, 3, 0];
const L_STORE: Code = [0x37, 0, 0];
const L_STORE_8: Code = [0x3c, 0, 0];
const STORE_8: Code = [0x3a, 0, 0];
const L_OR: Code = [0x84];
const L_XOR: Code = [0x85];
const L_SHL: Code = [0x86];
const L_SHR_S: Code = [0x87];
const L_SHR_U: Code = [0x88];
const L_CLZ: Code = [0x79];
const L_BELOW: Code = [0x54];
const TO_I32: Code = [0xa7];
const TO_I64: Code = [0xad];
const AND: Code = [0x71];
const SHR: Code = [0x76];
const SHL: Code = [0x74];
const SUB: Code = [0x6b];
const EQZ: Code = [0x45];
const long = (value: number): Code => [0x42, ...signedLeb(value)];

function leb(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}
function signedLeb(value: number): Code {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signedLeb(value >> 7)];
}

/** scan(values, pairs): 1 when all are whole; leaves their extent at EXTENT_AT. */
const scan = ((): Func => {
  const [values, pairs, v, min, max, whole] = [0, 1, 2, 3, 4, 5] as const;
  return {
    name: 'scan',
    params: 2,
    result: true,
    locals: [V128, V128, V128, V128],
    body: seq(
      load(values, 0),
      tee(min),
      tee(max),
      tee(whole),
      get(whole),
      F_EQUAL,
      set(whole),
      loop(
        pairs,
        seq(
          load(values, 0),
          tee(v),
          get(min),
          F_MIN,
          set(min),
          get(v),
          get(max),
          F_MAX,
          set(max),
          get(v),
          F_FLOOR,
          get(v),
          F_EQUAL,
          get(whole),
          V_AND,
          set(whole),
          advance(values, 16),
        ),
      ),
      constant(0),
      seq(get(min), fLane(0), get(min), fLane(1), F_SCALAR_MIN, F_STORE(EXTENT_AT)),
      constant(0),
      seq(get(max), fLane(0), get(max), fLane(1), F_SCALAR_MAX, F_STORE(EXTENT_AT + 8)),
      get(whole),
      ALL_TRUE,
    ),
  };
})();

/** Packs the block at DELTAS_AT, with locals from `first` on; `out` moves behind what it has written. */
function packing(first: number, out: number) {
  const local = (i: number): number => first + i;
  const [min, cell, low, wide] = [local(0), local(1), local(2), local(3)];
  const [count, at, group, widths, width] = [local(4), local(5), local(6), local(7), local(8)];
  const [held, bit, step] = [local(9), local(10), local(11)];
  const locals = [V128, V128, I64, V128, I32, I32, I32, I32, I32, I64, I32, I32];
  const extent = seq(
    constant(DELTAS_AT),
    set(at),
    load(at, 0),
    set(min),
    constant(BLOCK / 2),
    set(count),
    loop(count, seq(load(at, 0), get(min), F_MIN, set(min), advance(at, 16))),
    seq(get(min), fLane(0), get(min), fLane(1), F_SCALAR_MIN, F_SPLAT, set(min)),
  );
  /** The smallest difference as a zigzag varint. */
  const smallest = seq(
    seq(get(min), fLane(0), F_TO_I64, tee(low), long(1), L_SHL, get(low), long(63), L_SHR_S, L_XOR, set(low)),
    block(
      seq(
        [0x03, 0x40],
        seq(get(low), long(128), L_BELOW),
        [0x0d, 1],
        seq(get(out), get(low), long(128), L_OR, L_STORE_8),
        advance(out, 1),
        seq(get(low), long(7), L_SHR_U, set(low)),
        [0x0c, 0],
        [0x0b],
      ),
    ),
    seq(get(out), get(low), L_STORE_8),
    advance(out, 1),
  );
  /** What is above the smallest, as integers in place, and the bits that the largest needs. */
  const widthOfGroup = seq(
    bits(0, 0),
    set(wide),
    constant(MINI / 2),
    set(count),
    loop(
      count,
      seq(
        get(at),
        seq(load(at, 0), get(min), F_SUB, MAGIC, F_ADD, LOW_BITS, V_AND, tee(cell)),
        store(0),
        seq(get(wide), get(cell), V_OR, set(wide)),
        advance(at, 16),
      ),
    ),
    seq(constant(64), get(wide), iLane(0), get(wide), iLane(1), L_OR, L_CLZ, TO_I32, SUB, set(width)),
  );
  const packGroup = seq(
    seq(get(at), constant(MINI * 8), SUB, set(at)),
    seq(long(0), set(held), constant(0), set(bit)),
    constant(MINI),
    set(count),
    loop(
      count,
      seq(
        get(out),
        seq(get(at), L_LOAD, get(bit), TO_I64, L_SHL, get(held), L_OR, tee(held)),
        L_STORE,
        seq(get(bit), get(width), ADD, tee(bit), constant(3), SHR, tee(step), get(out), ADD, set(out)),
        seq(get(held), get(step), constant(3), SHL, TO_I64, L_SHR_U, set(held)),
        seq(get(bit), constant(7), AND, set(bit)),
        advance(at, 8),
      ),
    ),
  );
  const code = seq(
    extent,
    smallest,
    seq(get(out), set(widths)),
    advance(out, MINIBLOCKS),
    seq(constant(DELTAS_AT), set(at), constant(MINIBLOCKS), set(group)),
    loop(
      group,
      seq(widthOfGroup, seq(get(widths), get(width), STORE_8), advance(widths, 1), block(seq(get(width), EQZ, LEAVE_IF, packGroup))),
    ),
  );
  return { locals, code };
}

/** packDeltas(out): the block at DELTAS_AT; returns the end of what it has written. */
const packDeltas = ((): Func => {
  const { locals, code } = packing(1, 0);
  return { name: 'packDeltas', params: 1, result: true, locals, body: seq(code, get(0)) };
})();

/** packBlocks(values, blocks, out): the differences of values[0] and the 128 values per block behind it; returns the end of what it has written. */
const packBlocks = ((): Func => {
  const [values, blocks, out, to, pairs] = [0, 1, 2, 3, 4] as const;
  const { locals, code } = packing(5, out);
  return {
    name: 'packBlocks',
    params: 3,
    result: true,
    locals: [I32, I32, ...locals],
    body: seq(
      loop(
        blocks,
        seq(
          seq(constant(DELTAS_AT), set(to), constant(BLOCK / 2), set(pairs)),
          loop(pairs, seq(get(to), load(values, 8), load(values, 0), F_SUB, store(0), advance(to, 16), advance(values, 16))),
          code,
        ),
      ),
      get(out),
    ),
  };
})();

export const DELTA_FUNCTIONS: readonly Func[] = [scan, packDeltas, packBlocks];
