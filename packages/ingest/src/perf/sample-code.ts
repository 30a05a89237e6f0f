/**
 * Consecutive samples of one event as WebAssembly: little-endian, all fields in fixed places. It stops before the first record that is
 * anything else or is not all there, and when there is no room for rows. Four samples of one size that are all wanted are read at once.
 * Of the rest every sample is stored, and the next one overwrites it unless it is kept.
 */
import {
  ADD,
  AND,
  ANY,
  assemble,
  block,
  CHOOSE,
  constant,
  EQZ,
  get,
  GREATER_U,
  I32,
  lanes,
  NARROW_16,
  NARROW_32,
  OR,
  seq,
  set,
  SHL,
  SPLAT,
  SUB,
  V128,
  V_AND,
  V_OR,
  XOR,
} from '@workset/model/wasm';
import type { Code } from '@workset/model/wasm';

/** A sample with the fields that the loop reads has at least this many bytes. */
export const SAMPLE_BYTES_MIN = 32;
/** Rows that stay where they are written, and behind them rows that are copied at once. */
export const RING_ROWS = 1 << 16;
export const SCRATCH_ROWS = 1 << 11;
const COLUMN_ROWS = RING_ROWS + SCRATCH_ROWS;

/** Bytes of one call that are copied; they and their rows stay in the cache. */
export const SCRATCH_BYTES = 1 << 16;

/** Byte addresses. */
export const PLACE = {
  /** i32: address of the next record, end of the rows, samples, samples without an address, whether rows are out of order, bits in which pids differ. */
  state: 0,
  /** f64: time of the last row; what is taken off the high half of times. */
  last: 32,
  base: 40,
  /** Pairs of i64: the bits of 2^84 and 2^52 as doubles, and the low half; pair of f64: what is taken off what times become with them. */
  constants: 64,
  timeNs: 256,
  page: 256 + 8 * COLUMN_ROWS,
  pid: 256 + 16 * COLUMN_ROWS,
  cpu: 256 + 20 * COLUMN_ROWS,
  cls: 256 + 24 * COLUMN_ROWS,
  /** Records that were copied; behind them what a load looks beyond. */
  scratch: 256 + 25 * COLUMN_ROWS,
  /** The window of a reader. */
  input: 256 + 25 * COLUMN_ROWS + SCRATCH_BYTES + 64,
} as const;
/** Room for a record and a piece of a chunk. */
export const INPUT_BYTES = 3 << 16;
export const MEMORY_PAGES = Math.ceil((PLACE.input + INPUT_BYTES + 64) / 65_536);

const I64 = 0x7e;
const F64 = 0x7c;
const PARAMS = ['at', 'end', 'minBytes', 'tid', 'cpu', 'src', 'filter', 'zeroIsNone', 'firstPid', 'n', 'rowEnd'] as const;
const WORDS = [
  'samples',
  'empty',
  'unsorted',
  'mixed',
  'word',
  'next',
  'pid',
  'isWanted',
  'keep',
  'two',
  'three',
  'four',
  'single',
  'checks',
] as const;
const LONGS = ['address', 'header'] as const;
const DOUBLES = ['base', 'last', 't'] as const;
const VECTORS = [
  'high',
  'low',
  'lowHalf',
  'offset',
  'pids',
  'others',
  'late',
  'a',
  'b',
  'c',
  'd',
  'times',
  'moreTimes',
  'pages',
  'morePages',
  'filters',
  'filterMask',
  'zeroMask',
  'firstPids',
] as const;
type Local =
  | (typeof PARAMS)[number]
  | (typeof WORDS)[number]
  | (typeof LONGS)[number]
  | (typeof DOUBLES)[number]
  | (typeof VECTORS)[number];
const LOCALS: readonly Local[] = [...PARAMS, ...WORDS, ...LONGS, ...DOUBLES, ...VECTORS];
const take = (local: Local): Code => get(LOCALS.indexOf(local));
const put = (local: Local, ...value: readonly Code[]): Code => seq(...value, set(LOCALS.indexOf(local)));

const leb = (value: number): readonly number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
const wordAt = (offset: number): Code => [0x28, 0, ...leb(offset)];
const longAt = (offset: number): Code => [0x29, 0, ...leb(offset)];
const doubleAt = (offset: number): Code => [0x2b, 0, ...leb(offset)];
const putWordAt = (offset: number): Code => [0x36, 0, ...leb(offset)];
const putByteAt = (offset: number): Code => [0x3a, 0, ...leb(offset)];
const putDoubleAt = (offset: number): Code => [0x39, 0, ...leb(offset)];
const SHR_U: Code = [0x76];
const LESS_U: Code = [0x49];
const LESS: Code = [0x48];
const NOT_EQUAL: Code = [0x47];
const EQUAL: Code = [0x46];
const NUMBER: Code = [0xb8];
const double = (value: number): Code => [0x44, ...new Uint8Array(Float64Array.of(value).buffer)];
const signedLeb = (value: bigint): Code =>
  value >= -64n && value < 64n ? [Number(value & 127n)] : [Number(value & 127n) | 128, ...signedLeb(value >> 7n)];
const long = (value: bigint): Code => [0x42, ...signedLeb(BigInt.asIntN(64, value))];
const LONG = { EQZ: [0x50], AND: [0x83], OR: [0x84], XOR: [0x85], SHR_U: [0x88], NARROW: [0xa7], NUMBER: [0xb9] };
const DOUBLE = { LESS: [0x63], ADD: [0xa0], SUB: [0xa1], MUL: [0xa2] };

const simd = (op: number, ...rest: readonly number[]): Code => [0xfd, ...leb(op), ...rest];
const vectorAt = (offset: number): Code => simd(0x00, 0, ...leb(offset));
const putVectorAt = (offset: number): Code => simd(0x0b, 0, ...leb(offset));
const wordToLane = (lane: number): Code => simd(0x56, 0, 0, lane);
const WORD_ZERO = simd(0x5c, 0, 0);
const putLaneAt = (offset: number): Code => simd(0x5a, 0, ...leb(offset), 0);
/** 64-bit lanes of two vectors: the first ones, the second ones, the second of one and the first of the other. */
const FIRSTS = lanes(0, 1, 4, 5);
const SECONDS = lanes(2, 3, 6, 7);
const INNER = lanes(2, 3, 4, 5);
const HIGH_HALVES = lanes(1, 3, 5, 7);
const V_XOR = simd(0x51);
const WORDS_SHR = simd(0xad);
const LONGS_SHR = simd(0xcd);
const LONGS_EQUAL = simd(0xd6);
const DOUBLES_OF = simd(0x14);
const SECOND_DOUBLE = simd(0x21, 1);
const DOUBLES_LESS = simd(0x49);
const DOUBLES_ADD = simd(0xf0);
const DOUBLES_SUB = simd(0xf1);
const wordsOf = (value: number): Code => seq(constant(value), SPLAT);

const when = (condition: Code, then: Code, otherwise: Code = []): Code =>
  seq(condition, [0x04, 0x40], then, otherwise.length > 0 ? seq([0x05], otherwise) : [], [0x0b]);
const either = (type: number, condition: Code, then: Code, otherwise: Code): Code =>
  seq(condition, [0x04, type], then, [0x05], otherwise, [0x0b]);
const isAbsent = (place: Local): Code => seq(take(place), constant(0), LESS);
const field = (place: Local, offset = 0): Code => seq(take('at'), take(place), ADD, wordAt(offset));
const row = (bytesLog2: number): Code => seq(take('n'), constant(bytesLog2), SHL);
/** Time and address follow pid and tid. */
const TIME = 8;
const ADDRESS = 16;

/** One sample. `leaveIf` ends the call, from inside the loop. */
const leaveIf = (condition: Code): Code => seq(condition, [0x0d, 1]);
const header = seq(
  leaveIf(seq(take('end'), take('at'), constant(8), ADD, LESS_U)),
  leaveIf(seq(take('at'), wordAt(0), constant(9), NOT_EQUAL)),
  put('word', take('at'), wordAt(4), constant(16), SHR_U),
  put('next', take('at'), take('word'), ADD),
  leaveIf(seq(take('word'), constant(3), AND, take('word'), take('minBytes'), LESS_U, OR, take('next'), take('end'), GREATER_U, OR)),
  leaveIf(seq(take('n'), take('rowEnd'), LESS_U, EQZ)),
);

const fields = seq(
  put('pid', field('tid')),
  put('address', take('at'), take('tid'), ADD, longAt(ADDRESS)),
  put('t', field('tid', TIME + 4), NUMBER, take('base'), DOUBLE.SUB, double(2 ** 32), DOUBLE.MUL),
  put('t', take('t'), field('tid', TIME), NUMBER, DOUBLE.ADD),
);

/** `keep` and what it decides; without branches. */
const decide = seq(
  put('samples', take('samples'), constant(1), ADD),
  put('isWanted', isAbsent('filter'), take('pid'), take('filter'), EQUAL, OR),
  put('word', take('address'), LONG.EQZ, take('zeroIsNone'), AND),
  put('empty', take('empty'), take('isWanted'), take('word'), AND, ADD),
  put('keep', take('isWanted'), take('word'), EQZ, AND),
  put('unsorted', take('unsorted'), take('t'), take('last'), DOUBLE.LESS, take('keep'), AND, OR),
  put('last', take('t'), take('last'), take('keep'), CHOOSE),
  put('mixed', take('mixed'), take('pid'), take('firstPid'), XOR, constant(0), take('keep'), CHOOSE, OR),
);

const write = seq(
  seq(row(3), take('t'), putDoubleAt(PLACE.timeNs)),
  seq(row(3), take('address'), long(12n), LONG.SHR_U, LONG.NUMBER, putDoubleAt(PLACE.page)),
  seq(row(2), take('pid'), putWordAt(PLACE.pid)),
  seq(row(2), either(I32, isAbsent('cpu'), constant(-1), field('cpu')), putWordAt(PLACE.cpu)),
  seq(take('n'), take('address'), long(62n), LONG.SHR_U, LONG.NARROW, constant(2), AND),
  seq(either(I32, isAbsent('src'), constant(0), seq(field('src'), constant(2), SHR_U, constant(1), AND)), OR, putByteAt(PLACE.cls)),
  put('n', take('n'), take('keep'), ADD),
  put('at', take('next')),
);

/** Four samples; `unless` ends the block that they are read in. */
const SAMPLES = ['at', 'two', 'three', 'four'] as const;
const unless = (condition: Code, depth = 0): Code => seq(condition, [0x0d, depth]);
/** Type, size and its two bits that are never set, of a record's first eight bytes; what two records have to have in common. */
const FIRST_MASK = 0x0003_0000_ffff_ffffn;
const LIKE_MASK = 0xffff_0000_ffff_ffffn;
const unlike = (sample: Local): Code => seq(take(sample), longAt(0), take('header'), LONG.XOR);

const fourHeaders = seq(
  put('header', take('at'), longAt(0)),
  put('word', take('header'), long(48n), LONG.SHR_U, LONG.NARROW),
  put('two', take('at'), take('word'), ADD),
  put('three', take('two'), take('word'), ADD),
  put('four', take('three'), take('word'), ADD),
  put('next', take('four'), take('word'), ADD),
  unless(seq(take('next'), take('end'), GREATER_U, take('n'), constant(4), ADD, take('rowEnd'), GREATER_U, OR)),
  unless(
    seq(
      seq(unlike('two'), unlike('three'), LONG.OR, unlike('four'), LONG.OR, long(LIKE_MASK), LONG.AND),
      seq(take('header'), long(FIRST_MASK), LONG.AND, long(9n), LONG.XOR, LONG.OR, LONG.EQZ, EQZ),
      seq(take('word'), take('minBytes'), LESS_U, OR),
    ),
  ),
);

/** d = the words at a place of each of the four samples. */
const fourWords = (place: Local): Code =>
  seq(
    put('d', take('at'), take(place), ADD, WORD_ZERO),
    ...SAMPLES.slice(1).map((sample, i) => put('d', take(sample), take(place), ADD, take('d'), wordToLane(i + 1))),
  );
const timeAndAddress = (sample: Local): Code => seq(take(sample), take('tid'), ADD, vectorAt(TIME));

const fourFields = seq(
  fourWords('tid'),
  put('pids', take('d')),
  put('a', timeAndAddress('at')),
  put('b', timeAndAddress('two')),
  put('c', timeAndAddress('three')),
  put('d', timeAndAddress('four')),
  put('times', take('a'), take('b'), FIRSTS),
  put('moreTimes', take('c'), take('d'), FIRSTS),
  put('pages', take('a'), take('b'), SECONDS),
  put('morePages', take('c'), take('d'), SECONDS),
  when(
    take('checks'),
    unless(
      seq(
        seq(take('pids'), take('filters'), V_XOR, take('filterMask'), V_AND),
        seq(take('pages'), wordsOf(0), LONGS_EQUAL, take('morePages'), wordsOf(0), LONGS_EQUAL, V_OR, take('zeroMask'), V_AND),
        seq(V_OR, ANY),
      ),
      1,
    ),
  ),
);

/** (high - base) * 2^32 + low, rounded once: the halves become doubles as the low bits of 2^84 and 2^52. */
const toTimes = (times: Local): Code =>
  put(
    times,
    seq(take(times), constant(32), LONGS_SHR, take('high'), V_OR, take('offset'), DOUBLES_SUB),
    seq(take(times), take('lowHalf'), V_AND, take('low'), V_OR, DOUBLES_ADD),
  );
/** The bits of 2^52 are those of the number 2^52, too. */
const toPages = (pages: Local): Code => seq(take(pages), constant(12), LONGS_SHR, take('low'), V_OR, take('low'), DOUBLES_SUB);

const fourRows = seq(
  toTimes('times'),
  toTimes('moreTimes'),
  put('late', take('late'), take('times'), take('last'), DOUBLES_OF, take('times'), FIRSTS, DOUBLES_LESS, V_OR),
  put('late', take('late'), take('moreTimes'), take('times'), take('moreTimes'), INNER, DOUBLES_LESS, V_OR),
  put('last', take('moreTimes'), SECOND_DOUBLE),
  put('others', take('others'), take('pids'), take('firstPids'), V_XOR, V_OR),
  put('word', row(3)),
  seq(take('word'), take('times'), putVectorAt(PLACE.timeNs)),
  seq(take('word'), take('moreTimes'), putVectorAt(PLACE.timeNs + 16)),
  seq(take('word'), toPages('pages'), putVectorAt(PLACE.page)),
  seq(take('word'), toPages('morePages'), putVectorAt(PLACE.page + 16)),
  seq(row(2), take('pids'), putVectorAt(PLACE.pid)),
  put('a', take('pages'), take('morePages'), HIGH_HALVES, constant(30), WORDS_SHR, wordsOf(2), V_AND),
  when(seq(isAbsent('src'), EQZ), seq(fourWords('src'), put('a', take('a'), take('d'), constant(2), WORDS_SHR, wordsOf(1), V_AND, V_OR))),
  seq(take('n'), take('a'), take('a'), NARROW_32, take('a'), NARROW_16, putLaneAt(PLACE.cls)),
  put('d', wordsOf(-1)),
  when(seq(isAbsent('cpu'), EQZ), fourWords('cpu')),
  seq(row(2), take('d'), putVectorAt(PLACE.cpu)),
  put('samples', take('samples'), constant(4), ADD),
  put('n', take('n'), constant(4), ADD),
  put('at', take('next')),
);

/** Samples that are read one by one when four are not alike. */
const SINGLES = 4;
const AGAIN: Code = [0x0c];
const records = block(
  seq(
    [0x03, 0x40],
    when(seq(take('single'), EQZ), seq(block(seq(fourHeaders, fourFields, fourRows, [...AGAIN, 2])), put('single', constant(SINGLES)))),
    put('single', take('single'), constant(1), SUB),
    seq(header, fields, decide, write, [...AGAIN, 0]),
    [0x0b],
  ),
);

const begin = seq(
  put('base', constant(0), doubleAt(PLACE.base)),
  put('last', constant(0), doubleAt(PLACE.last)),
  ...(['high', 'low', 'lowHalf', 'offset'] as const).map((name, i) => put(name, constant(0), vectorAt(PLACE.constants + 16 * i))),
  put('firstPids', take('firstPid'), SPLAT),
  put('filters', take('filter'), SPLAT),
  put('filterMask', take('filter'), constant(0), LESS, constant(1), SUB, SPLAT),
  put('zeroMask', constant(0), take('zeroIsNone'), SUB, SPLAT),
  put('checks', isAbsent('filter'), EQZ, take('zeroIsNone'), OR),
);
const end = seq(
  put('unsorted', take('unsorted'), take('late'), ANY, OR),
  put('mixed', take('mixed'), take('others'), ANY, OR),
  ...(['at', 'n', 'samples', 'empty', 'unsorted', 'mixed'] as const).map((name, i) => seq(constant(4 * i), take(name), putWordAt(0))),
);

/** `samples(...PARAMS)`; places of fields in bytes from the record's start, -1 = absent; rows [n, rowEnd) may be written. */
export const SAMPLE_CODE = assemble(
  [
    {
      name: 'samples',
      params: PARAMS.length,
      result: false,
      locals: [...WORDS.map(() => I32), ...LONGS.map(() => I64), ...DOUBLES.map(() => F64), ...VECTORS.map(() => V128)],
      body: seq(begin, records, end),
    },
  ],
  MEMORY_PAGES,
  false,
);
