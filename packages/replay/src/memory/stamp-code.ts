/** Loops from touches to stamps, or to bytes and bits that stand for them, and from these to stamps; as in simd-code.ts. */
import {
  ADD,
  ADD_32,
  advance,
  AND,
  ANY,
  AT,
  block,
  bytes,
  type Code,
  constant,
  EQUAL,
  EQZ,
  forever,
  type Func,
  get,
  GREATER,
  I32,
  lanesOf,
  LEAVE_IF,
  leaveIf,
  load,
  load32,
  load32At,
  loop,
  NARROW_32_U,
  OR,
  repeat,
  SELECT,
  seq,
  set,
  SHL,
  SHR,
  SPLAT,
  store,
  STORE_32,
  STORE_8,
  SUB,
  tee,
  V128,
  V_AND,
  V_OR,
  when,
  WORDS,
  XOR,
  ZERO,
} from '@workset/model/wasm';
import { sumWhileCode } from '@workset/store/touches';
import { bitsOfFour } from './simd-code.ts';

/** stampRows(touches, eights, stamps, stamp): one frame; the slot of each of 8 * eights touches gets the stamp */
function stampRows(): Func {
  const [touches, eights, stamps, stamp] = [0, 1, 2, 3];
  const one = (i: number): Code => seq(load32At(get(touches), i * 4), constant(2), SHL, get(stamps), ADD, get(stamp), STORE_32);
  const body = loop(eights, seq(...[0, 1, 2, 3, 4, 5, 6, 7].map(one), advance(touches, 32)));
  return { name: 'stampRows', params: 4, result: false, locals: [], body };
}

/** stampBytes(touches, eights, bytes, byte): the same with one byte a slot */
function stampBytes(): Func {
  const [touches, eights, table, byte] = [0, 1, 2, 3];
  const one = (i: number): Code => seq(load32At(get(touches), i * 4), get(table), ADD, get(byte), STORE_8);
  const body = loop(eights, seq(...[0, 1, 2, 3, 4, 5, 6, 7].map(one), advance(touches, 32)));
  return { name: 'stampBytes', params: 4, result: false, locals: [], body };
}

/** The bits of eight touches are set in a table, with three locals of its own. */
function setBits(touches: number, table: number, touch: number): Code {
  const [address, old] = [touch + 1, touch + 2];
  const word = seq(get(touch), constant(5), SHR, constant(2), SHL, get(table), ADD, tee(address));
  const one = (i: number): Code =>
    seq(
      load32At(get(touches), i * 4),
      set(touch),
      load32(word),
      set(old),
      seq(get(address), get(old), constant(1), get(touch), SHL, OR, STORE_32),
    );
  return seq(...[0, 1, 2, 3, 4, 5, 6, 7].map(one));
}

/** stampBits(touches, eights, table): the bit of the slot of each of 8 * eights touches is set */
function stampBits(): Func {
  const [touches, eights, table, touch] = [0, 1, 2, 3];
  const body = loop(eights, seq(setBits(touches, table, touch), advance(touches, 32)));
  return { name: 'stampBits', params: 3, result: false, locals: [I32, I32, I32], body };
}

/** sumAndStampBits(touches, eights, lanes, most, table): stampBits of touches up to `most` while they are summed */
function sumAndStampBits(): Func {
  return sumWhileCode('sumAndStampBits', 1, [I32, I32, I32], (touches, own) => setBits(touches, 4, own));
}

/** orBits(table, other, words): the bits of the other table are added to the table, whole vectors of them */
function orBits(): Func {
  const [table, other, words] = [0, 1, 2];
  const one = seq(get(table), load(table, 0), load(other, 0), V_OR, store(0));
  const fours = seq(get(words), constant(3), ADD, constant(2), SHR, set(words));
  const body = seq(fours, loop(words, seq(one, advance(table, 16), advance(other, 16))));
  return { name: 'orBits', params: 3, result: false, locals: [], body };
}

/** splitPairs(pairs, touched, written, fours): of two bits for each of 128 * fours pages, read and written, the sets of those touched and of those written */
function splitPairs(): Func {
  const [pairs, touched, written, fours, low, high] = [0, 1, 2, 3, 4, 5];
  const every = (mask: number): Code => lanesOf([mask, mask, mask, mask].map((word) => word | 0));
  /** The even bits of each lane move to its lower half. */
  const squeezed = (vector: number): Code =>
    seq(
      ...(
        [
          [1, 0x3333_3333],
          [2, 0x0f0f_0f0f],
          [4, 0x00ff_00ff],
          [8, 0x0000_ffff],
        ] as const
      ).map(([by, mask]) => seq(get(vector), get(vector), constant(by), WORDS.SHR_U, V_OR, every(mask), V_AND, set(vector))),
      get(vector),
    );
  const evenOf = (from: number, bits: Code, vector: number): Code =>
    seq(load(pairs, from), bits, every(0x5555_5555), V_AND, set(vector), squeezed(vector));
  const isWritten = seq(constant(1), WORDS.SHR_U);
  const isTouched = (from: number): Code => seq(load(pairs, from), constant(1), WORDS.SHR_U, V_OR);
  const body = loop(
    fours,
    seq(
      seq(get(touched), evenOf(0, isTouched(0), low), evenOf(16, isTouched(16), high), NARROW_32_U, store(0)),
      seq(get(written), evenOf(0, isWritten, low), evenOf(16, isWritten, high), NARROW_32_U, store(0)),
      advance(pairs, 32),
      advance(touched, 16),
      advance(written, 16),
    ),
  );
  return { name: 'splitPairs', params: 4, result: false, locals: [V128, V128], body };
}

/**
 * settleBits(list, count, stamps, words): of each of 32 * words slots the stamp of the first of `count` tables in which its bit is set; the list has the address of each, and its
 * stamp
 */
function settleBits(): Func {
  const [list, count, stamps, words, offset, rest, at, left, found, bits, all] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const update = (v: number): Code =>
    seq(get(stamps), get(all), load(stamps, v * 16), get(bits), bitsOfFour(v), V_AND, bitsOfFour(v), EQUAL, SELECT, store(v * 16));
  const some = seq(
    seq(get(rest), get(found), XOR, set(rest)),
    seq(get(found), SPLAT, set(bits), load32At(get(at), 4), SPLAT, set(all)),
    ...[0, 1, 2, 3, 4, 5, 6, 7].map(update),
  );
  const table = seq(
    seq(load32(get(at)), get(offset), ADD, AT.word(), get(rest), AND, set(found)),
    when(get(found), some),
    advance(at, 8),
    leaveIf(seq(get(left), constant(1), SUB, tee(left), EQZ), 1),
    leaveIf(seq(get(rest), EQZ), 1),
    repeat(0),
  );
  const body = loop(
    words,
    seq(
      seq(constant(-1), set(rest), get(list), set(at), get(count), set(left)),
      block(forever(table)),
      advance(offset, 4),
      advance(stamps, 128),
    ),
  );
  return { name: 'settleBits', params: 4, result: false, locals: [I32, I32, I32, I32, I32, V128, V128], body };
}

/** settle(table, stamps, words, base): the stamp of each of 32 * words slots whose byte is not 0 becomes base + byte, the byte 0 */
function settle(): Func {
  const [table, stamps, words, base, from, four, sixteen] = [0, 1, 2, 3, 4, 5, 6];
  const widened = (quarter: number): Code =>
    seq(
      get(sixteen),
      ZERO,
      bytes((lane) => (lane % 4 === 0 ? quarter * 4 + lane / 4 : 16)),
    );
  const update = (quarter: number): Code =>
    seq(
      widened(quarter),
      set(four),
      seq(get(stamps), get(four), get(from), ADD_32, load(stamps, quarter * 16)),
      seq(get(four), ZERO, GREATER, SELECT, store(quarter * 16)),
    );
  const half = block(
    seq(seq(load(table, 0), set(sixteen), get(sixteen), ANY, EQZ, LEAVE_IF), ...[0, 1, 2, 3].map(update), seq(get(table), ZERO, store(0))),
  );
  const both = seq(half, advance(table, 16), advance(stamps, 64), half, advance(table, 16), advance(stamps, 64));
  const body = seq(get(base), SPLAT, set(from), loop(words, both));
  return { name: 'settle', params: 4, result: false, locals: [V128, V128, V128], body };
}

export const STAMP_FUNCTIONS: readonly Func[] = [
  stampRows(),
  stampBytes(),
  stampBits(),
  sumAndStampBits(),
  orBits(),
  splitPairs(),
  settleBits(),
  settle(),
];
