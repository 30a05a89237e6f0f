/**
 * The loops of bit-loops.ts as WebAssembly with 128-bit vectors.
 *
 * All take byte addresses in one memory and a number of 32-page words; sets are written over. Stamps and marks are below 2^31.
 */
import {
  ADD,
  ADD_32,
  advance,
  ANY,
  BITMASK,
  block,
  bytes,
  CHOOSE,
  constant,
  EQUAL,
  EQZ,
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
  load32At,
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
  SHR,
  SPLAT,
  SPLAT_8,
  store,
  STORE_32,
  STORE_8,
  tee,
  V128,
  V_AND,
  V_AND_NOT,
  ZERO,
  type Code,
  type Func,
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

/** setMarks(marks, bits, words, now): the mark of every page whose bit is set */
function setMarks(): Func {
  const [marks, bits, words, now, all, stamp] = [0, 1, 2, 3, 4, 5];
  const four = (v: number): Code => lanesOf([1, 2, 4, 8].map((bit) => (bit << (v * 4)) | 0));
  const update = (v: number): Code =>
    seq(get(marks), get(stamp), load(marks, v * 16), get(all), four(v), V_AND, four(v), EQUAL, SELECT, store(v * 16));
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

/** stampBits(touches, eights, table): the bit of the slot of each of 8 * eights touches is set */
function stampBits(): Func {
  const [touches, eights, table, touch, address, old] = [0, 1, 2, 3, 4, 5];
  const word = seq(get(touch), constant(5), SHR, constant(2), SHL, get(table), ADD, tee(address));
  const one = (i: number): Code =>
    seq(
      load32At(get(touches), i * 4),
      set(touch),
      load32(word),
      set(old),
      seq(get(address), get(old), constant(1), get(touch), SHL, OR, STORE_32),
    );
  const body = loop(eights, seq(...[0, 1, 2, 3, 4, 5, 6, 7].map(one), advance(touches, 32)));
  return { name: 'stampBits', params: 3, result: false, locals: [I32, I32, I32], body };
}

/** mergeBits(table, other, words): the bits of 32 * words slots of the other table are moved to the table */
function mergeBits(): Func {
  const [table, other, words] = [0, 1, 2];
  const one = seq(get(table), load32(get(table)), load32(get(other)), OR, STORE_32, get(other), constant(0), STORE_32);
  const body = loop(words, seq(one, advance(table, 4), advance(other, 4)));
  return { name: 'mergeBits', params: 3, result: false, locals: [], body };
}

/** settleBits(table, stamps, words, stamp): the stamp of each of 32 * words slots whose bit is set becomes `stamp`, the bit 0 */
function settleBits(): Func {
  const [table, stamps, words, stamp, all, bits] = [0, 1, 2, 3, 4, 5];
  const four = (v: number): Code => lanesOf([1, 2, 4, 8].map((bit) => (bit << (v * 4)) | 0));
  const update = (v: number): Code =>
    seq(get(stamps), get(all), load(stamps, v * 16), get(bits), four(v), V_AND, four(v), EQUAL, SELECT, store(v * 16));
  const some = block(
    seq(
      seq(load32(get(table)), EQZ, LEAVE_IF, load32(get(table)), SPLAT, set(bits)),
      ...[0, 1, 2, 3, 4, 5, 6, 7].map(update),
      seq(get(table), constant(0), STORE_32),
    ),
  );
  const body = seq(get(stamp), SPLAT, set(all), loop(words, seq(some, advance(table, 4), advance(stamps, 128))));
  return { name: 'settleBits', params: 4, result: false, locals: [V128, V128], body };
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
  stampRows(),
  stampBytes(),
  settle(),
  stampBits(),
  mergeBits(),
  settleBits(),
  recentTouchedAndWritten(),
  largest(),
];
