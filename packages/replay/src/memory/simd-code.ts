/**
 * The loops of bit-loops.ts as WebAssembly with 128-bit vectors.
 *
 * All take byte addresses in one memory and a number of 32-page words; sets are written over. Stamps and marks are below 2^31.
 */
import {
  ADD,
  advance,
  BITMASK,
  block,
  bytes,
  CHOOSE,
  type Code,
  constant,
  EQUAL,
  EQZ,
  type Func,
  get,
  GREATER,
  GREATER_U,
  GREATER_U8,
  I32,
  laneOf,
  lanes,
  lanesOf,
  LEAVE_IF,
  load,
  load32,
  loop,
  MAX,
  MAX_U,
  MAX_U8,
  NARROW_16,
  NARROW_32,
  OR,
  POPCOUNT,
  SELECT,
  seq,
  set,
  SHL,
  SPLAT,
  SPLAT_8,
  store,
  STORE_32,
  V128,
  V_AND,
  V_AND_NOT,
  ZERO,
} from '@workset/model/wasm';

/** Reads and writes of two vectors of stamp pairs. */
const READS = lanes(0, 2, 4, 6);
const WRITES = lanes(1, 3, 5, 7);

/** 32 bits from the comparison results of eight vectors of four pages. */
function word(mask: (vector: number) => Code): Code {
  const half = (first: number): Code =>
    seq(mask(first), mask(first + 1), NARROW_32, mask(first + 2), mask(first + 3), NARROW_32, NARROW_16, BITMASK);
  return seq(half(0), half(4), constant(16), SHL, OR);
}
/** `*out = word` */
function putWord(out: number, bits: Code): Code {
  return seq(get(out), bits, STORE_32);
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
        putWord(
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
        putWord(out, word(isNewer)),
        get(count),
        word((v) => seq(isNewer(v), load(marks, v * 16), ZERO, GREATER, V_AND)),
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
  const isMarked = (v: number): Code =>
    seq(load(marks, v * 16), ZERO, GREATER, load(last, v * 16), load(marks, v * 16), GREATER, V_AND_NOT);
  const body = loop(words, seq(putWord(out, word(isMarked)), advance(last, 128), advance(marks, 128), advance(out, 4)));
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

/** takeNewer(last, marks, words, out, now): newer and markNewer at once; how many marks were set */
function takeNewer(): Func {
  const [last, marks, words, out, now, count, bits, stamp] = [0, 1, 2, 3, 4, 5, 6, 7];
  const isNewer = (v: number): Code => seq(load(last, v * 16), load(marks, v * 16), GREATER);
  const update = (v: number): Code => seq(get(marks), get(stamp), load(marks, v * 16), isNewer(v), SELECT, store(v * 16));
  const body = seq(
    get(now),
    SPLAT,
    set(stamp),
    loop(
      words,
      seq(
        word(isNewer),
        set(bits),
        putWord(out, get(bits)),
        get(count),
        get(bits),
        POPCOUNT,
        ADD,
        set(count),
        ...[0, 1, 2, 3, 4, 5, 6, 7].map(update),
        advance(last, 128),
        advance(marks, 128),
        advance(out, 4),
      ),
    ),
    get(count),
  );
  return { name: 'takeNewer', params: 5, result: true, locals: [I32, I32, V128], body };
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
        putWord(touched, word(isTouched)),
        putWord(written, word(isWritten)),
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

/** ofPairs(pairs, last, words): the stamps of one class of two */
function ofPairs(name: string, picks: Code): Func {
  const [pairs, last, words] = [0, 1, 2];
  const one = (v: number): Code => seq(get(last), load(pairs, v * 32), load(pairs, v * 32 + 16), picks, store(v * 16));
  const body = loop(words, seq(...[0, 1, 2, 3, 4, 5, 6, 7].map(one), advance(pairs, 256), advance(last, 128)));
  return { name, params: 3, result: false, locals: [], body };
}

/** Of 32 bits in every lane, the four of a vector of pages. */
export const bitsOfFour = (vector: number): Code => lanesOf([1, 2, 4, 8].map((bit) => (bit << (vector * 4)) | 0));

/** setMarks(marks, bits, words, now): the mark of every page whose bit is set */
function setMarks(): Func {
  const [marks, bits, words, now, all, stamp] = [0, 1, 2, 3, 4, 5];
  const update = (v: number): Code =>
    seq(get(marks), get(stamp), load(marks, v * 16), get(all), bitsOfFour(v), V_AND, bitsOfFour(v), EQUAL, SELECT, store(v * 16));
  const body = seq(
    get(now),
    SPLAT,
    set(stamp),
    loop(
      words,
      seq(
        block(seq(load32(get(bits)), EQZ, LEAVE_IF, load32(get(bits)), SPLAT, set(all), ...[0, 1, 2, 3, 4, 5, 6, 7].map(update))),
        advance(marks, 128),
        advance(bits, 4),
      ),
    ),
  );
  return { name: 'setMarks', params: 4, result: false, locals: [V128, V128], body };
}

/** fill(column, words, value) */
function fill(): Func {
  const [column, words, value, all] = [0, 1, 2, 3];
  const body = seq(
    get(value),
    SPLAT,
    set(all),
    loop(words, seq(...[0, 1, 2, 3, 4, 5, 6, 7].map((v) => seq(get(column), get(all), store(v * 16))), advance(column, 128))),
  );
  return { name: 'fill', params: 3, result: false, locals: [V128], body };
}

/** recentTouchedAndWritten(table, after, words, touched, written): touchedAndWritten of bytes */
function recentTouchedAndWritten(): Func {
  const [table, after, words, touched, written, limit] = [0, 1, 2, 3, 4, 5];
  const reads = (half: number): Code =>
    seq(
      load(table, half * 32),
      load(table, half * 32 + 16),
      bytes((lane) => 2 * lane),
    );
  const writes = (half: number): Code =>
    seq(
      load(table, half * 32),
      load(table, half * 32 + 16),
      bytes((lane) => 2 * lane + 1),
    );
  const isWritten = (half: number): Code => seq(writes(half), get(limit), GREATER_U8, BITMASK);
  const isTouched = (half: number): Code => seq(reads(half), writes(half), MAX_U8, get(limit), GREATER_U8, BITMASK);
  const both = (bits: (half: number) => Code): Code => seq(bits(0), bits(1), constant(16), SHL, OR);
  const body = seq(
    seq(get(after), SPLAT_8, set(limit)),
    loop(
      words,
      seq(
        putWord(touched, both(isTouched)),
        putWord(written, both(isWritten)),
        advance(table, 64),
        advance(touched, 4),
        advance(written, 4),
      ),
    ),
  );
  return { name: 'recentTouchedAndWritten', params: 5, result: false, locals: [V128], body };
}

/** largest(column, words): the largest value, unsigned */
function largest(): Func {
  const [column, words, all] = [0, 1, 2];
  const one = (v: number): Code => seq(get(all), load(column, v * 16), MAX_U, set(all));
  const larger = (a: Code, b: Code): Code => seq(a, b, a, b, GREATER_U, CHOOSE);
  const lane = (i: number): Code => seq(get(all), laneOf(i));
  const body = seq(
    loop(words, seq(...[0, 1, 2, 3, 4, 5, 6, 7].map(one), advance(column, 128))),
    larger(larger(lane(0), lane(1)), larger(lane(2), lane(3))),
  );
  return { name: 'largest', params: 2, result: true, locals: [V128], body };
}

export const SIMD_FUNCTIONS: readonly Func[] = [
  newer(),
  newerThanMarks(),
  stillMarked(),
  markNewer(),
  takeNewer(),
  touchedAndWritten(),
  lastOfPairs(),
  ofPairs('readsOfPairs', READS),
  ofPairs('writesOfPairs', WRITES),
  setMarks(),
  fill(),
  recentTouchedAndWritten(),
  largest(),
];
