/**
 * The plain records of a VMGT quantum as WebAssembly: known blocks, numbers of usual length. It stops before the first record that is
 * anything else, or whose bytes may not all be there, and leaves that one to VmgtRecords. Two touches are stored at once, and as many
 * kept as the record has classes: no branch to mispredict.
 */
import {
  ADD,
  AND,
  assemble,
  block,
  CHOOSE,
  constant,
  EQZ,
  get,
  GREATER_U,
  I32,
  OR,
  POPCOUNT,
  seq,
  set,
  SHL,
  SUB,
  XOR,
} from '@workset/model/wasm';
import type { Code } from '@workset/model/wasm';

/** Records of one call at most. */
export const CALL_RECORDS = 1 << 14;
/** A record has at most this many bytes: 5 + 1 + 10 of numbers and flags, 3 behind them; also what a load may look beyond it. */
export const RECORD_BYTES_MAX = 32;
/** Blocks found without hashing: neighbours within this many never evict one another. */
export const BLOCK_SLOTS = 4096;

/** Blocks of frames that are looked up here: 512 GiB. A larger table would have to be cleared for every small log, too. */
export const FRAME_BLOCKS = 1 << 18;

/** Byte addresses. What grows comes last. */
export const PLACE = {
  /** i32: address of the next record, frame, ends of the touches by frame and by virtual page; i64 at 16: virtual page. */
  state: 0,
  /** u8 by flags: mask of classes. */
  masks: 64,
  /** i64 per slot: block of virtual pages; far below 0 = none, as a damaged number may lead to any page near 0. */
  slotBlocks: 4096,
  /** i32 per slot: first id of its pages. */
  slotBases: 4096 + 8 * BLOCK_SLOTS,
  input: 1 << 16,
  /** i32 each, and one pair more that is not kept. */
  byFrame: 1 << 20,
  byVirtual: (1 << 20) + (1 << 19),
  /** i32 by block of frames: 1 + first id of its pages, 0 = not known. */
  frames: 1 << 21,
  /** u8 by id of a virtual page: stamp of its last quantum << 2 | classes there. */
  seen: (1 << 21) + 4 * FRAME_BLOCKS,
} as const;
export const INPUT_BYTES = PLACE.byFrame - PLACE.input;

const I64 = 0x7e;
const IF: Code = [0x04, 0x40];
const ELSE: Code = [0x05];
const END: Code = [0x0b];
const when = (condition: Code, then: Code, otherwise: Code = []): Code =>
  seq(condition, IF, then, otherwise.length > 0 ? seq(ELSE, otherwise) : [], END);
const at = (address: number): Code => (address < 128 ? [address] : [(address & 127) | 128, ...at(address >>> 7)]);
const byteAt = (offset: number): Code => [0x2d, 0, ...at(offset)];
const wordAt = (offset: number): Code => [0x28, 0, ...at(offset)];
const longAt = (offset: number): Code => [0x29, 0, ...at(offset)];
const putByteAt = (offset: number): Code => [0x3a, 0, ...at(offset)];
const putWordAt = (offset: number): Code => [0x36, 0, ...at(offset)];
const putLongAt = (offset: number): Code => [0x37, 0, ...at(offset)];
const NOT_EQUAL: Code = [0x47];
const LESS: Code = [0x48];
const SHR_U: Code = [0x76];
const NARROW: Code = [0xa7];
const long = (value: number): Code => [0x42, ...constant(value).slice(1)];
const LONG = { NOT_EQUAL: [0x52], ADD: [0x7c], SUB: [0x7d], AND: [0x83], OR: [0x84], XOR: [0x85], SHL: [0x86], SHR: [0x87], SHR_U: [0x88] };

const PARAMS = ['at', 'limit', 'left', 'skip', 'stamp', 'pfn', 'byFrame', 'byVirtual'] as const;
const WORDS = [
  'word',
  'delta',
  'flags',
  'next',
  'mask',
  'frame',
  'block',
  'frameBase',
  'slot',
  'base',
  'id',
  'state',
  'touch',
  'mask3',
] as const;
const LONGS = ['zigzag', 'wide', 'page', 'virtual', 'virtualBlock', 'place'] as const;
type Local = (typeof PARAMS)[number] | (typeof WORDS)[number] | (typeof LONGS)[number];
const LOCALS: readonly Local[] = [...PARAMS, ...WORDS, ...LONGS];
const take = (local: Local): Code => get(LOCALS.indexOf(local));
const put = (local: Local, ...value: readonly Code[]): Code => seq(...value, set(LOCALS.indexOf(local)));

/** Ends the call, from `depth` conditions deep inside the loop over records. */
const leaveIf = (condition: Code, depth = 0): Code => seq(condition, [0x0d, depth + 1]);

/** The second seven bits of a number whose first byte is the lowest of `word`. */
const secondByte = seq(take('word'), constant(1), SHR_U, constant(0x3f80), AND);

const readDelta = seq(
  put('word', take('at'), wordAt(0)),
  put('delta', take('word'), constant(127), AND),
  when(
    seq(take('word'), constant(128), AND, EQZ),
    seq(put('flags', take('word'), constant(8), SHR_U, constant(255), AND), put('next', take('at'), constant(2), ADD)),
    seq(
      leaveIf(seq(take('word'), constant(0x8000), AND), 1),
      put('delta', take('delta'), secondByte, OR),
      put('flags', take('word'), constant(16), SHR_U, constant(255), AND),
      put('next', take('at'), constant(3), ADD),
    ),
  ),
  leaveIf(seq(take('delta'), EQZ)),
  put('frame', take('pfn'), take('delta'), ADD),
  leaveIf(seq(take('frame'), constant(0), LESS)),
  leaveIf(seq(take('flags'), constant(1), SUB, constant(62), GREATER_U)),
  put('mask', take('flags'), byteAt(PLACE.masks)),
);

const findFrame = when(
  seq(take('frame'), constant(9), SHR_U, take('block'), NOT_EQUAL),
  seq(
    leaveIf(seq(take('frame'), constant(9), SHR_U, constant(FRAME_BLOCKS - 1), GREATER_U), 1),
    put('touch', take('frame'), constant(9), SHR_U, constant(2), SHL, wordAt(PLACE.frames)),
    leaveIf(seq(take('touch'), EQZ), 1),
    put('frameBase', take('touch'), constant(1), SUB, constant(2), SHL),
    put('block', take('frame'), constant(9), SHR_U),
  ),
);

/** Seven bits of each of the `bytes` bytes of `wide`, moved together. */
const packed = (bytes: number): Code =>
  seq(
    take('wide'),
    long(127),
    LONG.AND,
    ...Array.from({ length: bytes - 1 }, (_, i) =>
      seq(take('wide'), long(i + 1), LONG.SHR_U, long(127), long(7 * (i + 1)), LONG.SHL, LONG.AND, LONG.OR),
    ),
  );

/** Numbers of one to seven bytes. The high bit of each byte but the last is set. */
const readNumber = (bytes: number): Code => {
  const number = seq(put('zigzag', packed(bytes)), put('next', take('next'), constant(bytes), ADD));
  const isLast = seq(take('wide'), long(8 * bytes - 1), LONG.SHR_U, NARROW, constant(1), AND, EQZ);
  return when(isLast, number, bytes < 7 ? readNumber(bytes + 1) : leaveIf(constant(1), 8));
};

const findPage = seq(
  put('wide', take('next'), longAt(0)),
  readNumber(1),
  put(
    'page',
    take('virtual'),
    take('zigzag'),
    long(1),
    LONG.SHR_U,
    long(0),
    take('zigzag'),
    long(1),
    LONG.AND,
    LONG.SUB,
    LONG.XOR,
    LONG.ADD,
  ),
  put('place', take('page'), long(9), LONG.SHR),
  when(
    seq(take('place'), take('virtualBlock'), LONG.NOT_EQUAL),
    seq(
      put('slot', take('place'), NARROW, constant(BLOCK_SLOTS - 1), AND),
      leaveIf(seq(take('slot'), constant(3), SHL, longAt(PLACE.slotBlocks), take('place'), LONG.NOT_EQUAL), 2),
      put('base', take('slot'), constant(2), SHL, wordAt(PLACE.slotBases)),
      put('virtualBlock', take('place')),
    ),
  ),
  put('virtual', take('page')),
);

/** A pair of touches at the address `to`: the lower class first, unless only the upper one is there; moves it by those in `classes`. */
const store = (to: Local, first: number, classes: Code): Code =>
  seq(
    take(to),
    take('touch'),
    constant(first | 1),
    OR,
    classes,
    constant(1),
    AND,
    SUB,
    putWordAt(0),
    take(to),
    take('touch'),
    constant(first | 1),
    OR,
    putWordAt(4),
    put(to, take(to), classes, POPCOUNT, constant(2), SHL, ADD),
  );

const touchPage = seq(
  put('id', take('base'), take('page'), NARROW, constant(511), AND, ADD),
  put('state', take('id'), byteAt(PLACE.seen)),
  put('state', take('state'), take('stamp'), XOR),
  put('word', take('state'), constant(0), take('state'), constant(3), GREATER_U, EQZ, CHOOSE),
  put('mask3', take('mask'), constant(3), AND),
  seq(take('id'), take('stamp'), take('word'), OR, take('mask3'), OR, putByteAt(PLACE.seen)),
  put('word', take('mask3'), take('word'), constant(-1), XOR, AND),
  put('touch', take('id'), constant(2), SHL),
  store('byVirtual', 0, take('word')),
);

const touchFrame = seq(
  put('touch', take('frameBase'), take('frame'), constant(511), AND, constant(2), SHL, ADD),
  store('byFrame', 0, seq(take('mask'), constant(3), AND)),
  when(seq(take('mask'), constant(3), GREATER_U), store('byFrame', 2, seq(take('mask'), constant(2), SHR_U))),
);

const body = seq(
  put('block', constant(-1)),
  put('virtualBlock', long(1), long(63), LONG.SHL),
  put('virtual', constant(PLACE.state), longAt(16)),
  block(
    seq(
      [0x03, 0x40],
      // inside the block and the loop: 1 leaves
      leaveIf(seq(take('left'), EQZ)),
      leaveIf(seq(take('at'), take('limit'), GREATER_U)),
      readDelta,
      findFrame,
      when(seq(take('flags'), constant(7), AND), seq(findPage, touchPage)),
      touchFrame,
      put('at', take('next'), take('skip'), ADD),
      put('pfn', take('frame')),
      put('left', take('left'), constant(1), SUB),
      [0x0c, 0],
      END,
    ),
  ),
  ...(['at', 'pfn', 'byFrame', 'byVirtual'] as const).map((name, i) => seq(constant(4 * i), take(name), putWordAt(PLACE.state))),
  constant(PLACE.state),
  take('virtual'),
  putLongAt(16),
  take('left'),
);

/** `plain(...PARAMS)`: reads records until it meets one for the other reader; returns how many are left. */
export const VMGT_CODE = assemble(
  [
    {
      name: 'plain',
      params: PARAMS.length,
      result: true,
      locals: [...WORDS.map(() => I32), ...LONGS.map(() => I64)],
      body,
    },
  ],
  65536,
  false,
);
