/**
 * The plain records of a VMGT quantum as WebAssembly: known blocks, numbers of usual length. It stops before the first record that is
 * anything else, or whose bytes may not all be there, and leaves that one to VmgtRecords. Two touches are stored at once, and as many
 * kept as the record has classes, which are looked up in a row by its flags: no branch to mispredict. What seldom changes is kept in
 * memory, as there are few registers.
 */
import { ADD, AND, assemble, block, CHOOSE, constant, EQZ, get, GREATER_U, I32, OR, seq, set, SHL, SUB, XOR } from '@workset/model/wasm';
import type { Code } from '@workset/model/wasm';

/** Records of one call at most. */
export const CALL_RECORDS = 1 << 14;
/** A record has at most this many bytes: 5 + 1 + 10 of numbers and flags, 3 behind them; also what a load may look beyond it. */
export const RECORD_BYTES_MAX = 32;
/** Blocks found without hashing: neighbours within this many never evict one another. */
export const BLOCK_SLOTS = 4096;

/** Blocks of frames that are looked up here: 512 GiB. A larger table would have to be cleared for every small log, too. */
export const FRAME_BLOCKS = 1 << 18;

/** What the flags of a record stand for: byte offsets into a row. The row of no flags is all 0. Classes make pairs. */
export const ROW = {
  bytes: 64,
  /** i32 each, ascending: classes by frame, and by virtual page. */
  byFrame: 0,
  byVirtual: 16,
  /** i32: four times how many there are. */
  frameBytes: 32,
  virtualBytes: 36,
  /** u8: mask of the classes by virtual page. */
  mask: 40,
} as const;

/** Byte addresses. What grows comes last. */
export const PLACE = {
  /** i32: address of the next record, frame, ends of the touches by frame and by virtual page; i64 at 16: virtual page. */
  state: 0,
  /** Of the block of frames, i32: touch behind its last one; what a frame number is above its page id. */
  blockEnd: 32,
  frameShift: 36,
  /** The same of the block of virtual pages, i32 and i64. */
  userStart: 40,
  pageShift: 48,
  /** Pairs by the byte of a zigzag number, and of a delta: four times the number. */
  steps: 64,
  deltas: 2048,
  /** By flags. */
  rows: 4096,
  /** i64 per slot: block of virtual pages; far below 0 = none, as a damaged number may lead to any page near 0. */
  slotBlocks: 1 << 14,
  /** i32 per slot: first id of its pages. */
  slotBases: (1 << 14) + 8 * BLOCK_SLOTS,
  /** Records that were copied. */
  input: 1 << 16,
  /** Bytes of the file, when they are here. */
  window: 1 << 17,
  /** i32 each, and some more that are not kept. */
  byFrame: 1 << 20,
  byVirtual: (1 << 20) + (1 << 19),
  /** i32 by block of frames: 1 + first id of its pages, 0 = not known. */
  frames: 1 << 21,
  /** u8 by id of a virtual page: stamp of its last quantum << 2 | classes there. */
  seen: (1 << 21) + 4 * FRAME_BLOCKS,
} as const;
export const INPUT_BYTES = PLACE.window - PLACE.input;
export const WINDOW_BYTES = PLACE.byFrame - PLACE.window;

const I64 = 0x7e;
const IF: Code = [0x04, 0x40];
const ELSE: Code = [0x05];
const END: Code = [0x0b];
const when = (condition: Code, then: Code, otherwise: Code = []): Code =>
  seq(condition, IF, then, otherwise.length > 0 ? seq(ELSE, otherwise) : [], END);
const leb = (address: number): Code => (address < 128 ? [address] : [(address & 127) | 128, ...leb(address >>> 7)]);
const byteAt = (offset: number): Code => [0x2d, 0, ...leb(offset)];
const wordAt = (offset: number): Code => [0x28, 0, ...leb(offset)];
const longAt = (offset: number): Code => [0x29, 0, ...leb(offset)];
const putByteAt = (offset: number): Code => [0x3a, 0, ...leb(offset)];
const putWordAt = (offset: number): Code => [0x36, 0, ...leb(offset)];
const putLongAt = (offset: number): Code => [0x37, 0, ...leb(offset)];
const LESS: Code = [0x48];
const LESS_U: Code = [0x49];
const SHR: Code = [0x75];
const SHR_U: Code = [0x76];
const NARROW: Code = [0xa7];
const signedLeb = (value: bigint): Code =>
  value >= -64n && value < 64n ? [Number(value & 127n)] : [Number(value & 127n) | 128, ...signedLeb(value >> 7n)];
const long = (value: bigint): Code => [0x42, ...signedLeb(BigInt.asIntN(64, value))];
const LONG = {
  EQZ: [0x50],
  NOT_EQUAL: [0x52],
  TRAILING_ZEROS: [0x7a],
  ADD: [0x7c],
  SUB: [0x7d],
  MUL: [0x7e],
  AND: [0x83],
  OR: [0x84],
  XOR: [0x85],
  SHL: [0x86],
  SHR: [0x87],
  SHR_U: [0x88],
  OF_WORD: [0xac],
  OF_WORD_U: [0xad],
};

const PARAMS = ['at', 'limit', 'left', 'skip', 'stamp', 'pfn', 'byFrame', 'byVirtual'] as const;
const WORDS = ['n', 'word', 'from', 'next', 'row', 'frame', 'block', 'slot', 'start', 'id', 'state', 'mask'] as const;
/** Touches of class 0 as pairs, twice the same i32: of the last frame and this one, of the last virtual page and this one. */
const PAIRS = ['touch', 'nextTouch', 'user', 'nextUser'] as const;
const LONGS = [...PAIRS, 'number', 'end', 'page', 'place'] as const;
type Local = (typeof PARAMS)[number] | (typeof WORDS)[number] | (typeof LONGS)[number];
const LOCALS: readonly Local[] = [...PARAMS, ...WORDS, ...LONGS];
const take = (local: Local): Code => get(LOCALS.indexOf(local));
const put = (local: Local, ...value: readonly Code[]): Code => seq(...value, set(LOCALS.indexOf(local)));
const kept = (address: number): Code => seq(constant(0), wordAt(address));
const keep = (address: number, ...value: readonly Code[]): Code => seq(constant(0), ...value, putWordAt(address));

/** Twice the i32, which may be negative: sums of pairs are pairs. */
const pairOf = (value: Code): Code => seq(value, LONG.OF_WORD, long(0x1_0000_0001n), LONG.MUL);

/** Out of `depth` blocks and conditions. */
const outOf = (depth: number, condition: Code): Code => seq(condition, [0x0d, depth]);
/** Ends the call, from `depth` blocks and conditions deep inside the loop over records. */
const leaveIf = (condition: Code, depth = 0): Code => outOf(depth + 2, condition);

/** Delta and flags are read as a word: both are in range when neither they nor one less have any of these bits. */
const DELTA_FLAGS_BITS = 0xc080;

/** A delta of two bytes; flags and what follows move to where they are behind one of one byte. */
const readLongDelta = seq(
  leaveIf(seq(take('word'), constant(0x8080), AND, constant(0x80), XOR), 1),
  put('next', take('word'), constant(127), AND, take('word'), constant(1), SHR_U, constant(0x3f80), AND, OR),
  leaveIf(seq(take('next'), EQZ), 1),
  put('nextTouch', take('touch'), pairOf(seq(take('next'), constant(2), SHL)), LONG.ADD),
  put('word', take('word'), constant(8), SHR_U),
  leaveIf(seq(take('word'), constant(8), SHR_U, constant(255), AND, constant(1), SUB, constant(62), GREATER_U), 1),
  put('from', take('at'), constant(1), ADD),
);

const readDelta = seq(
  put('word', take('at'), wordAt(0)),
  put('from', take('at')),
  when(
    seq(take('word'), take('word'), constant(0x0101), SUB, OR, constant(DELTA_FLAGS_BITS), AND),
    readLongDelta,
    put('nextTouch', take('touch'), take('word'), constant(127), AND, constant(3), SHL, longAt(PLACE.deltas), LONG.ADD),
  ),
  put('row', take('word'), constant(2), SHR_U, constant(63 * ROW.bytes), AND),
);

/** Number of the frame whose touch is given. */
const frameOf = (touch: Local): Code => seq(kept(PLACE.frameShift), take(touch), NARROW, constant(2), SHR, ADD);
/** Another block: the touch of the last frame becomes what it would be there, so that what is left tells its number. */
const findFrame = when(
  seq(take('nextTouch'), NARROW, kept(PLACE.blockEnd), LESS_U, EQZ),
  seq(
    put('frame', frameOf('nextTouch')),
    leaveIf(seq(take('frame'), constant(0), LESS), 1),
    put('block', take('frame'), constant(9), SHR_U),
    leaveIf(seq(take('block'), constant(FRAME_BLOCKS - 1), GREATER_U), 1),
    put('start', take('block'), constant(2), SHL, wordAt(PLACE.frames)),
    leaveIf(seq(take('start'), EQZ), 1),
    put('start', take('start'), constant(1), SUB),
    put('id', take('block'), constant(9), SHL, take('start'), SUB),
    put('touch', pairOf(seq(frameOf('touch'), take('id'), SUB, constant(2), SHL))),
    put('nextTouch', pairOf(seq(take('frame'), take('id'), SUB, constant(2), SHL))),
    keep(PLACE.frameShift, take('id')),
    keep(PLACE.blockEnd, take('start'), constant(512), ADD, constant(2), SHL),
  ),
);

/** Bits of `number` by `mask`, and those that lie `shift` above them, moved down behind them. */
const closeUp = (shift: bigint, mask: bigint): Code =>
  put(
    'number',
    seq(take('number'), long(mask), LONG.AND),
    seq(take('number'), long(shift), LONG.SHR_U, long(mask << (8n * shift - shift)), LONG.AND, LONG.OR),
  );
/** The high bit of each byte of a number but the last is set. */
const readLongNumber = seq(
  put('next', take('from'), constant(2), ADD),
  put('number', take('next'), longAt(0)),
  put('end', take('number'), long(-1n), LONG.XOR, long(0x8080_8080_8080_8080n), LONG.AND),
  leaveIf(seq(take('end'), LONG.EQZ), 3),
  put('end', take('end'), LONG.TRAILING_ZEROS),
  put('next', take('next'), take('end'), NARROW, constant(1), ADD, constant(3), SHR_U, ADD),
  put('number', take('number'), long(2n), take('end'), LONG.SHL, long(1n), LONG.SUB, LONG.AND),
  closeUp(1n, 0x007f_007f_007f_007fn),
  closeUp(2n, 0x0000_3fff_0000_3fffn),
  closeUp(4n, 0x0000_0000_0fff_ffffn),
);

const lastPage = seq(constant(0), longAt(PLACE.pageShift), take('user'), NARROW, constant(2), SHR_U, LONG.OF_WORD_U, LONG.ADD);
/** The page may be in another block than the last one. */
const findFarPage = seq(
  put('page', take('number'), long(1n), LONG.SHR_U, long(0n), take('number'), long(1n), LONG.AND, LONG.SUB, LONG.XOR, lastPage, LONG.ADD),
  put('place', take('page'), long(9n), LONG.SHR),
  put('slot', take('place'), NARROW, constant(BLOCK_SLOTS - 1), AND),
  leaveIf(seq(take('slot'), constant(3), SHL, longAt(PLACE.slotBlocks), take('place'), LONG.NOT_EQUAL), 2),
  put('start', take('slot'), constant(2), SHL, wordAt(PLACE.slotBases)),
  keep(PLACE.userStart, take('start'), constant(2), SHL),
  seq(constant(0), take('place'), long(9n), LONG.SHL, take('start'), LONG.OF_WORD_U, LONG.SUB, putLongAt(PLACE.pageShift)),
  put('nextUser', pairOf(seq(take('page'), NARROW, constant(511), AND, take('start'), ADD, constant(2), SHL))),
);

const findPage = block(
  seq(
    block(
      seq(
        block(
          seq(
            outOf(0, seq(take('word'), constant(0x80_0000), AND)),
            put('nextUser', take('user'), take('word'), constant(13), SHR_U, constant(0x3f8), AND, longAt(PLACE.steps), LONG.ADD),
            put('next', take('from'), constant(3), ADD),
            outOf(2, seq(take('nextUser'), NARROW, kept(PLACE.userStart), XOR, constant(2048), LESS_U)),
            put('number', take('word'), constant(16), SHR_U, constant(127), AND, LONG.OF_WORD_U),
            [0x0c, 1],
          ),
        ),
        readLongNumber,
      ),
    ),
    findFarPage,
  ),
);

/** Stores two touches of a row, and moves `to` by those that are kept. */
const store = (to: Local, pair: Local, row: Local, classes: number, bytes: number): Code =>
  seq(
    seq(take(to), take(row), longAt(PLACE.rows + classes), take(pair), LONG.ADD, putLongAt(0)),
    put(to, take(to), take(row), wordAt(PLACE.rows + bytes), ADD),
  );

const touchPage = seq(
  put('user', take('nextUser')),
  put('id', take('user'), NARROW, constant(2), SHR_U),
  put('mask', take('row'), byteAt(PLACE.rows + ROW.mask)),
  put('state', take('id'), byteAt(PLACE.seen), take('stamp'), XOR),
  put('slot', take('row')),
  when(
    seq(take('state'), constant(3), GREATER_U),
    seq(take('id'), take('mask'), take('stamp'), OR, putByteAt(PLACE.seen)),
    // flags 1, 2 and 3 stand for the same mask
    seq(
      seq(take('id'), take('mask'), take('state'), OR, take('stamp'), OR, putByteAt(PLACE.seen)),
      put('slot', take('state'), constant(-1), XOR, take('mask'), AND, constant(6), SHL),
    ),
  ),
  store('byVirtual', 'user', 'slot', ROW.byVirtual, ROW.virtualBytes),
);

/** Flags of user and of kernel accesses; both together are seldom, and more than a pair. */
const USER = 0x700;
const KERNEL = 0x3800;
const morePairs = seq(take('byFrame'), take('row'), longAt(PLACE.rows + ROW.byFrame + 8), take('nextTouch'), LONG.ADD, putLongAt(8));

const record = seq(
  readDelta,
  findFrame,
  when(
    seq(take('word'), constant(USER), AND),
    seq(when(seq(take('word'), constant(KERNEL), AND), morePairs), findPage, touchPage),
    put('next', take('from'), constant(2), ADD),
  ),
  store('byFrame', 'nextTouch', 'row', ROW.byFrame, ROW.frameBytes),
  put('touch', take('nextTouch')),
  put('at', take('next'), take('skip'), ADD),
);

/** So many records fit what is left of the bytes whatever they are: 3 + 8 + 3 bytes are the most that is read here. */
const STEP_LOG2 = 4;
const body = seq(
  keep(PLACE.blockEnd, constant(0)),
  keep(PLACE.frameShift, take('pfn')),
  // in no block
  keep(PLACE.userStart, constant(-(2 ** 31))),
  seq(constant(0), constant(PLACE.state), longAt(16), putLongAt(PLACE.pageShift)),
  block(
    seq(
      [0x03, 0x40],
      outOf(1, seq(take('left'), EQZ)),
      outOf(1, seq(take('at'), take('limit'), GREATER_U)),
      put('n', take('limit'), take('at'), SUB, constant(STEP_LOG2), SHR_U, constant(1), ADD),
      put('n', take('n'), take('left'), take('n'), take('left'), LESS_U, CHOOSE),
      put('left', take('left'), take('n'), SUB),
      seq([0x03, 0x40], record, put('n', take('n'), constant(1), SUB), outOf(0, take('n')), END),
      [0x0c, 0],
      END,
    ),
  ),
  keep(PLACE.state, take('at')),
  keep(PLACE.state + 4, frameOf('touch')),
  keep(PLACE.state + 8, take('byFrame')),
  keep(PLACE.state + 12, take('byVirtual')),
  seq(constant(PLACE.state), lastPage, putLongAt(16)),
  seq(take('left'), take('n'), ADD),
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
