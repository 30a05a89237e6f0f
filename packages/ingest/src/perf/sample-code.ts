/**
 * Consecutive samples of one event as WebAssembly: little-endian, all fields in fixed places. It stops before the first record that is
 * anything else or is not all there. Every sample is stored; the next one overwrites it unless it is kept.
 */
import { ADD, AND, assemble, block, CHOOSE, constant, EQZ, get, GREATER_U, I32, OR, seq, set, SHL, XOR } from '@workset/model/wasm';
import type { Code } from '@workset/model/wasm';

/** Bytes of one call; they and their rows stay in the cache. */
export const INPUT_BYTES = 1 << 16;
/** A sample with the fields that the loop reads has at least this many bytes. */
export const SAMPLE_BYTES_MIN = 32;
const ROWS = INPUT_BYTES / SAMPLE_BYTES_MIN + 1;

/** Byte addresses. */
export const PLACE = {
  /** i32: address of the next record, rows kept, samples, samples without an address, whether rows are out of order, bits in which pids differ. */
  state: 0,
  /** f64: time of the last row; what is taken off the high half of times. */
  last: 32,
  base: 40,
  timeNs: 64,
  page: 64 + 8 * ROWS,
  pid: 64 + 16 * ROWS,
  cpu: 64 + 20 * ROWS,
  cls: 64 + 24 * ROWS,
  input: 1 << 16,
} as const;
export const MEMORY_PAGES = 2;

const I64 = 0x7e;
const F64 = 0x7c;
const PARAMS = ['at', 'end', 'minBytes', 'tid', 'time', 'addr', 'cpu', 'src', 'filter', 'zeroIsNone', 'firstPid'] as const;
const WORDS = ['n', 'samples', 'empty', 'unsorted', 'mixed', 'word', 'next', 'pid', 'isWanted', 'keep'] as const;
const LONGS = ['address'] as const;
const DOUBLES = ['base', 'last', 't'] as const;
type Local = (typeof PARAMS)[number] | (typeof WORDS)[number] | (typeof LONGS)[number] | (typeof DOUBLES)[number];
const LOCALS: readonly Local[] = [...PARAMS, ...WORDS, ...LONGS, ...DOUBLES];
const take = (local: Local): Code => get(LOCALS.indexOf(local));
const put = (local: Local, ...value: readonly Code[]): Code => seq(...value, set(LOCALS.indexOf(local)));

const at = (address: number): Code => (address < 128 ? [address] : [(address & 127) | 128, ...at(address >>> 7)]);
const wordAt = (offset: number): Code => [0x28, 0, ...at(offset)];
const doubleAt = (offset: number): Code => [0x2b, 0, ...at(offset)];
const putWordAt = (offset: number): Code => [0x36, 0, ...at(offset)];
const putByteAt = (offset: number): Code => [0x3a, 0, ...at(offset)];
const putDoubleAt = (offset: number): Code => [0x39, 0, ...at(offset)];
const SHR_U: Code = [0x76];
const LESS_U: Code = [0x49];
const LESS: Code = [0x48];
const NOT_EQUAL: Code = [0x47];
const EQUAL: Code = [0x46];
const NUMBER: Code = [0xb8];
const double = (value: number): Code => [0x44, ...new Uint8Array(Float64Array.of(value).buffer)];
const long = (value: number): Code => [0x42, ...constant(value).slice(1)];
const LONG = { EQZ: [0x50], SHR_U: [0x88], NARROW: [0xa7], NUMBER: [0xb9] };
const DOUBLE = { LESS: [0x63], ADD: [0xa0], SUB: [0xa1], MUL: [0xa2] };
/** a or -1, when its place is below 0. */
const optional = (place: Local, value: Code, absent: number): Code =>
  seq(take(place), constant(0), LESS, [0x04, I32], constant(absent), [0x05], value, [0x0b]);
/** Ends the call, from inside the loop. */
const leaveIf = (condition: Code): Code => seq(condition, [0x0d, 1]);
const field = (place: Local, offset = 0): Code => seq(take('at'), take(place), ADD, wordAt(offset));
const row = (bytesLog2: number): Code => seq(take('n'), constant(bytesLog2), SHL);

const header = seq(
  leaveIf(seq(take('end'), take('at'), constant(8), ADD, LESS_U)),
  leaveIf(seq(take('at'), wordAt(0), constant(9), NOT_EQUAL)),
  put('word', take('at'), wordAt(4), constant(16), SHR_U),
  put('next', take('at'), take('word'), ADD),
  leaveIf(seq(take('word'), constant(3), AND, take('word'), take('minBytes'), LESS_U, OR, take('next'), take('end'), GREATER_U, OR)),
);

const fields = seq(
  put('pid', field('tid')),
  put('address', take('at'), take('addr'), ADD, [0x29, 0, 0]),
  put('t', field('time', 4), NUMBER, take('base'), DOUBLE.SUB, double(2 ** 32), DOUBLE.MUL, field('time'), NUMBER, DOUBLE.ADD),
);

/** `keep` and what it decides; without branches. */
const decide = seq(
  put('samples', take('samples'), constant(1), ADD),
  put('isWanted', take('filter'), constant(0), LESS, take('pid'), take('filter'), EQUAL, OR),
  put('word', take('address'), LONG.EQZ, take('zeroIsNone'), AND),
  put('empty', take('empty'), take('isWanted'), take('word'), AND, ADD),
  put('keep', take('isWanted'), take('word'), EQZ, AND),
  put('unsorted', take('unsorted'), take('t'), take('last'), DOUBLE.LESS, take('keep'), AND, OR),
  put('last', take('t'), take('last'), take('keep'), CHOOSE),
  put('mixed', take('mixed'), take('pid'), take('firstPid'), XOR, constant(0), take('keep'), CHOOSE, OR),
);

const write = seq(
  seq(row(3), take('t'), putDoubleAt(PLACE.timeNs)),
  seq(row(3), take('address'), long(12), LONG.SHR_U, LONG.NUMBER, putDoubleAt(PLACE.page)),
  seq(row(2), take('pid'), putWordAt(PLACE.pid)),
  seq(row(2), optional('cpu', field('cpu'), -1), putWordAt(PLACE.cpu)),
  seq(take('n'), take('address'), long(62), LONG.SHR_U, LONG.NARROW, constant(2), AND),
  seq(optional('src', seq(field('src'), constant(2), SHR_U, constant(1), AND), 0), OR, putByteAt(PLACE.cls)),
  put('n', take('n'), take('keep'), ADD),
);

const body = seq(
  put('base', constant(0), doubleAt(PLACE.base)),
  put('last', constant(0), doubleAt(PLACE.last)),
  block(seq([0x03, 0x40], header, fields, decide, write, put('at', take('next')), [0x0c, 0], [0x0b])),
  ...(['at', 'n', 'samples', 'empty', 'unsorted', 'mixed'] as const).map((name, i) => seq(constant(4 * i), take(name), putWordAt(0))),
  seq(constant(0), take('last'), putDoubleAt(PLACE.last)),
);

/** `samples(...PARAMS)`; places of fields in bytes from the record's start, -1 = absent. */
export const SAMPLE_CODE = assemble(
  [
    {
      name: 'samples',
      params: PARAMS.length,
      result: false,
      locals: [...WORDS.map(() => I32), ...LONGS.map(() => I64), ...DOUBLES.map(() => F64)],
      body,
    },
  ],
  MEMORY_PAGES,
  false,
);
