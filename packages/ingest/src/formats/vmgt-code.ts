/**
 * The plain records of a VMGT quantum as WebAssembly: known blocks, numbers of usual length. It stops before the first record that is
 * anything else, or whose bytes may not all be there, and leaves that one to VmgtRecords. What a record's flags say is looked up in a
 * row: four touches are stored at once, and as many kept as there are classes, so that there is no branch to mispredict.
 */
import {
  ADD,
  AND,
  assemble,
  block,
  constant,
  EQZ,
  get,
  GREATER_U,
  I32,
  OR,
  seq,
  set,
  SHL,
  SPLAT,
  SUB,
  V_OR,
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

/** What the flags of a record stand for: byte offsets into a row. The row of no flags is all 0. */
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
  /** i32 by the byte of a zigzag number: four times the number. */
  steps: 64,
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
  /** i32 each, and four more that are not kept. */
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
const vectorAt = (offset: number): Code => [0xfd, 0x00, 0, ...leb(offset)];
const putByteAt = (offset: number): Code => [0x3a, 0, ...leb(offset)];
const putWordAt = (offset: number): Code => [0x36, 0, ...leb(offset)];
const putLongAt = (offset: number): Code => [0x37, 0, ...leb(offset)];
const putVectorAt = (offset: number): Code => [0xfd, 0x0b, 0, ...leb(offset)];
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
const WORDS = [
  'word',
  'delta',
  'next',
  'row',
  'userRow',
  'frame',
  /** Touches of class 0: of the frame, of the last virtual page and of this one; end of the frame's block, start and size of the page's. */
  'touch',
  'nextTouch',
  'blockEnd',
  'user',
  'nextUser',
  'userStart',
  'userSpan',
  'slot',
  'id',
  'state',
  'mask',
] as const;
const LONGS = ['wide', 'number', 'end', 'page', 'place', 'firstPage'] as const;
type Local = (typeof PARAMS)[number] | (typeof WORDS)[number] | (typeof LONGS)[number];
const LOCALS: readonly Local[] = [...PARAMS, ...WORDS, ...LONGS];
const take = (local: Local): Code => get(LOCALS.indexOf(local));
const put = (local: Local, ...value: readonly Code[]): Code => seq(...value, set(LOCALS.indexOf(local)));

/** Out of `depth` blocks and conditions. */
const outOf = (depth: number, condition: Code): Code => seq(condition, [0x0d, depth]);
/** Ends the call, from `depth` blocks and conditions deep inside the loop over records. */
const leaveIf = (condition: Code, depth = 0): Code => outOf(depth + 1, condition);

/** Delta and flags are read as a word: both are in range when neither they nor one less have any of these bits. */
const DELTA_FLAGS_BITS = 0xc080;

/** A delta of two bytes; flags and what follows move to where they are behind one of one byte. */
const readLongDelta = seq(
  leaveIf(seq(take('word'), constant(0x8080), AND, constant(0x80), XOR), 1),
  put('delta', take('word'), constant(127), AND, take('word'), constant(1), SHR_U, constant(0x3f80), AND, OR),
  leaveIf(seq(take('delta'), EQZ), 1),
  put('word', take('word'), constant(8), SHR_U),
  leaveIf(seq(take('word'), constant(8), SHR_U, constant(255), AND, constant(1), SUB, constant(62), GREATER_U), 1),
  put('next', take('at'), constant(3), ADD),
);

const readDelta = seq(
  put('word', take('at'), wordAt(0)),
  put('next', take('at'), constant(2), ADD),
  put('delta', take('word'), constant(127), AND),
  when(seq(take('word'), take('word'), constant(0x0101), SUB, OR, constant(DELTA_FLAGS_BITS), AND), readLongDelta),
  put('row', take('word'), constant(2), SHR_U, constant(63 * ROW.bytes), AND),
);

const findFrame = seq(
  put('frame', take('pfn'), take('delta'), ADD),
  put('nextTouch', take('touch'), take('delta'), constant(2), SHL, ADD),
  when(
    seq(take('nextTouch'), take('blockEnd'), LESS_U, EQZ),
    seq(
      leaveIf(seq(take('frame'), constant(0), LESS), 1),
      leaveIf(seq(take('frame'), constant(9), SHR_U, constant(FRAME_BLOCKS - 1), GREATER_U), 1),
      put('blockEnd', take('frame'), constant(9), SHR_U, constant(2), SHL, wordAt(PLACE.frames), constant(2), SHL),
      leaveIf(seq(take('blockEnd'), EQZ), 1),
      put('blockEnd', take('blockEnd'), constant(2048 - 4), ADD),
      put('nextTouch', take('blockEnd'), constant(2048), SUB, take('frame'), constant(511), AND, constant(2), SHL, ADD),
    ),
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

/** The page may be in another block than the last one. */
const findFarPage = seq(
  put('page', take('firstPage'), take('user'), take('userStart'), SUB, constant(2), SHR, LONG.OF_WORD, LONG.ADD),
  put(
    'page',
    take('page'),
    take('number'),
    long(1n),
    LONG.SHR_U,
    long(0n),
    take('number'),
    long(1n),
    LONG.AND,
    LONG.SUB,
    LONG.XOR,
    LONG.ADD,
  ),
  put('place', take('page'), long(9n), LONG.SHR),
  put('slot', take('place'), NARROW, constant(BLOCK_SLOTS - 1), AND),
  leaveIf(seq(take('slot'), constant(3), SHL, longAt(PLACE.slotBlocks), take('place'), LONG.NOT_EQUAL), 2),
  put('userStart', take('slot'), constant(2), SHL, wordAt(PLACE.slotBases), constant(2), SHL),
  put('userSpan', constant(2048)),
  put('firstPage', take('place'), long(9n), LONG.SHL),
  put('nextUser', take('userStart'), take('page'), NARROW, constant(511), AND, constant(2), SHL, ADD),
);

const findPage = block(
  seq(
    block(
      seq(
        block(
          seq(
            outOf(0, seq(take('word'), constant(0x80_0000), AND)),
            put('nextUser', take('user'), take('word'), constant(14), SHR_U, constant(0x1fc), AND, wordAt(PLACE.steps), ADD),
            put('next', take('next'), constant(1), ADD),
            outOf(2, seq(take('nextUser'), take('userStart'), SUB, take('userSpan'), LESS_U)),
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

/** Stores the touches of a row, and moves `to` by those that are kept. */
const store = (to: Local, touch: Local, row: Local, classes: number, bytes: number): Code =>
  seq(
    seq(take(to), take(touch), SPLAT, take(row), vectorAt(PLACE.rows + classes), V_OR, putVectorAt(0)),
    put(to, take(to), take(row), wordAt(PLACE.rows + bytes), ADD),
  );

const touchPage = seq(
  put('user', take('nextUser')),
  put('id', take('user'), constant(2), SHR_U),
  put('mask', take('row'), byteAt(PLACE.rows + ROW.mask)),
  put('state', take('id'), byteAt(PLACE.seen), take('stamp'), XOR),
  put('userRow', take('row')),
  when(
    seq(take('state'), constant(3), GREATER_U),
    seq(take('id'), take('mask'), take('stamp'), OR, putByteAt(PLACE.seen)),
    // flags 1, 2 and 3 stand for the same mask
    seq(
      seq(take('id'), take('mask'), take('state'), OR, take('stamp'), OR, putByteAt(PLACE.seen)),
      put('userRow', take('state'), constant(-1), XOR, take('mask'), AND, constant(6), SHL),
    ),
  ),
  store('byVirtual', 'user', 'userRow', ROW.byVirtual, ROW.virtualBytes),
);

const body = seq(
  put('firstPage', constant(PLACE.state), longAt(16)),
  block(
    seq(
      [0x03, 0x40],
      leaveIf(seq(take('left'), EQZ)),
      leaveIf(seq(take('at'), take('limit'), GREATER_U)),
      readDelta,
      findFrame,
      when(seq(take('word'), constant(0x700), AND), seq(findPage, touchPage)),
      store('byFrame', 'nextTouch', 'row', ROW.byFrame, ROW.frameBytes),
      put('touch', take('nextTouch')),
      put('pfn', take('frame')),
      put('at', take('next'), take('skip'), ADD),
      put('left', take('left'), constant(1), SUB),
      [0x0c, 0],
      END,
    ),
  ),
  ...(['at', 'pfn', 'byFrame', 'byVirtual'] as const).map((name, i) => seq(constant(4 * i), take(name), putWordAt(PLACE.state))),
  seq(
    constant(PLACE.state),
    take('firstPage'),
    take('user'),
    take('userStart'),
    SUB,
    constant(2),
    SHR,
    LONG.OF_WORD,
    LONG.ADD,
    putLongAt(16),
  ),
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
