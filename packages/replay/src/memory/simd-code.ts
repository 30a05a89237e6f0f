/**
 * The loops of bit-loops.ts as WebAssembly with 128-bit vectors, assembled here: six small functions need no toolchain.
 *
 * All take byte addresses in one memory and a number of 32-page words; sets are added to (`|=`). Stamps and marks are below 2^31.
 */

type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;

const seq = (...parts: readonly Code[]): Code => parts.flat();
const leb = (value: number): Code => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
/** Signed, for constants from 0 to 2^13 - 1. */
const constant = (value: number): Code => (value < 64 ? [0x41, value] : [0x41, (value & 127) | 128, value >>> 7]);
const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const simd = (op: number, ...rest: readonly number[]): Code => [0xfd, ...leb(op), ...rest];

const ADD: Code = [0x6a];
const SUB: Code = [0x6b];
const OR: Code = [0x72];
const SHL: Code = [0x74];
const POPCOUNT: Code = [0x69];
const SPLAT = simd(0x11);
const GREATER = simd(0x3b);
const MAX = simd(0xb8);
const AND = simd(0x4e);
const AND_NOT = simd(0x4f);
const SELECT = simd(0x52);
const NARROW_32 = simd(0x85);
const NARROW_16 = simd(0x65);
const BITMASK = simd(0x64);
const ZERO = simd(0x0c, ...Array.from({ length: 16 }, () => 0));
/** Lanes 0, 2, 4, 6 (reads) and 1, 3, 5, 7 (writes) of two vectors of stamp pairs. */
const READS = simd(0x0d, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
const WRITES = simd(0x0d, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);

const load = (base: number, offset: number): Code => seq(get(base), simd(0x00, 2, ...leb(offset)));
const store = (offset: number): Code => simd(0x0b, 2, ...leb(offset));
const advance = (pointer: number, bytes: number): Code => seq(get(pointer), constant(bytes), ADD, set(pointer));

/** 32 bits from the comparison results of eight vectors of four pages. */
function word(mask: (vector: number) => Code): Code {
  const half = (first: number): Code =>
    seq(mask(first), mask(first + 1), NARROW_32, mask(first + 2), mask(first + 3), NARROW_32, NARROW_16, BITMASK);
  return seq(half(0), half(4), constant(16), SHL, OR);
}
/** `*out |= word` */
function addWord(out: number, bits: Code): Code {
  return seq(get(out), get(out), [0x28, 2, 0], bits, OR, [0x36, 2, 0]);
}
/** Repeats `body` while --words > 0; words is at least 1. */
function loop(words: number, body: Code): Code {
  return seq([0x03, 0x40], body, get(words), constant(1), SUB, [0x22], [words], [0x0d, 0], [0x0b]);
}

interface Func {
  readonly name: string;
  readonly params: number;
  readonly result: boolean;
  /** Types of further locals. */
  readonly locals: readonly number[];
  readonly body: Code;
}

/** newer(last, after, words, out) */
function newer(): Func {
  const [last, after, words, out, limit] = [0, 1, 2, 3, 4];
  const body = seq(
    get(after),
    SPLAT,
    set(limit),
    loop(
      words,
      seq(
        addWord(
          out,
          word((v) => seq(load(last, v * 16), get(limit), GREATER)),
        ),
        advance(last, 128),
        advance(out, 4),
      ),
    ),
  );
  return { name: 'newer', params: 4, result: false, locals: [V128], body };
}

/** newerThanMarks(last, marks, words, out): how many of the pages added had a mark */
function newerThanMarks(): Func {
  const [last, marks, words, out, count] = [0, 1, 2, 3, 4];
  const isNewer = (v: number): Code => seq(load(last, v * 16), load(marks, v * 16), GREATER);
  const body = seq(
    loop(
      words,
      seq(
        addWord(out, word(isNewer)),
        get(count),
        word((v) => seq(isNewer(v), load(marks, v * 16), ZERO, GREATER, AND)),
        POPCOUNT,
        ADD,
        set(count),
        advance(last, 128),
        advance(marks, 128),
        advance(out, 4),
      ),
    ),
    get(count),
  );
  return { name: 'newerThanMarks', params: 4, result: true, locals: [I32], body };
}

/** stillMarked(last, marks, words, out) */
function stillMarked(): Func {
  const [last, marks, words, out] = [0, 1, 2, 3];
  const isMarked = (v: number): Code => seq(load(marks, v * 16), ZERO, GREATER, load(last, v * 16), load(marks, v * 16), GREATER, AND_NOT);
  const body = loop(words, seq(addWord(out, word(isMarked)), advance(last, 128), advance(marks, 128), advance(out, 4)));
  return { name: 'stillMarked', params: 4, result: false, locals: [], body };
}

/** markNewer(last, marks, words, now): how many marks were set */
function markNewer(): Func {
  const [last, marks, words, now, count, stamp] = [0, 1, 2, 3, 4, 5];
  const isNewer = (v: number): Code => seq(load(last, v * 16), load(marks, v * 16), GREATER);
  const update = (v: number): Code => seq(get(marks), get(stamp), load(marks, v * 16), isNewer(v), SELECT, store(v * 16));
  const body = seq(
    get(now),
    SPLAT,
    set(stamp),
    loop(
      words,
      seq(
        get(count),
        word(isNewer),
        POPCOUNT,
        ADD,
        set(count),
        ...[0, 1, 2, 3, 4, 5, 6, 7].map(update),
        advance(last, 128),
        advance(marks, 128),
      ),
    ),
    get(count),
  );
  return { name: 'markNewer', params: 4, result: true, locals: [I32, V128], body };
}

/** touchedAndWritten(pairs, after, words, touched, written): stamps of two classes side by side */
function touchedAndWritten(): Func {
  const [pairs, after, words, touched, written, limit] = [0, 1, 2, 3, 4, 5];
  const both = (v: number): Code => seq(load(pairs, v * 32), load(pairs, v * 32 + 16));
  const isWritten = (v: number): Code => seq(both(v), WRITES, get(limit), GREATER);
  const isTouched = (v: number): Code => seq(both(v), READS, both(v), WRITES, MAX, get(limit), GREATER);
  const body = seq(
    get(after),
    SPLAT,
    set(limit),
    loop(
      words,
      seq(
        addWord(touched, word(isTouched)),
        addWord(written, word(isWritten)),
        advance(pairs, 256),
        advance(touched, 4),
        advance(written, 4),
      ),
    ),
  );
  return { name: 'touchedAndWritten', params: 5, result: false, locals: [V128], body };
}

/** lastOfPairs(pairs, last, words): the newer stamp of each pair */
function lastOfPairs(): Func {
  const [pairs, last, words] = [0, 1, 2];
  const both = (v: number): Code => seq(load(pairs, v * 32), load(pairs, v * 32 + 16));
  const one = (v: number): Code => seq(get(last), both(v), READS, both(v), WRITES, MAX, store(v * 16));
  const body = loop(words, seq(...[0, 1, 2, 3, 4, 5, 6, 7].map(one), advance(pairs, 256), advance(last, 128)));
  return { name: 'lastOfPairs', params: 3, result: false, locals: [], body };
}

const FUNCTIONS: readonly Func[] = [newer(), newerThanMarks(), stillMarked(), markNewer(), touchedAndWritten(), lastOfPairs()];

const section = (id: number, items: readonly Code[]): Code => {
  const body = seq(leb(items.length), ...items);
  return seq([id], leb(body.length), body);
};
const name = (text: string): Code => seq(leb(text.length), [...Buffer.from(text)]);

/** The module: imports the shared memory `env.memory`, exports the functions above. */
export function simdModule(maxWasmPages: number): Uint8Array<ArrayBuffer> {
  const types = FUNCTIONS.map(({ params, result }) =>
    seq(
      [0x60],
      leb(params),
      Array.from({ length: params }, () => I32),
      result ? [1, I32] : [0],
    ),
  );
  const bodies = FUNCTIONS.map(({ locals, body }) => {
    const code = seq(leb(locals.length), ...locals.map((type) => [1, type]), body, [0x0b]);
    return seq(leb(code.length), code);
  });
  return Uint8Array.from(
    seq(
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, types),
      section(2, [seq(name('env'), name('memory'), [0x02, 0x03], leb(1), leb(maxWasmPages))]),
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
