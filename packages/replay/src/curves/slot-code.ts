/**
 * Ranks on an axis of slots, as WebAssembly: how many slots in use lie before one, without a branch that depends on where it lies.
 *
 * A line of 64 bytes holds 448 slots: seven words of 64 bits, and behind them fields of 9 bits with the slots in use in the words before
 * each (as in Vigna's rank9). Above lies a tree of prefix sums: an entry counts the slots in use below its siblings to the left.
 * A rank is the sum of one entry per level, one field and a part of a word. A slot is given up by taking 1 from all fields and entries
 * to its right in their nodes: vectors at a time, with a mask from a window that slides over zeros and minus ones.
 */
import {
  ADD,
  ADD_32,
  AND,
  assemble,
  AT,
  constant,
  frame,
  HALVES,
  I32,
  I64,
  LONG,
  long,
  loop,
  PUT,
  seq,
  SHL,
  SHR,
  store,
  SUB,
  when,
  WORD,
  XOR,
  type Code,
  type Func,
} from '@workset/model/wasm';

const MAX_WASM_PAGES = 65536;

/** A slot's number: line, word (0 to 6), bit. */
export const LINE_SHIFT = 9;
export const LINE_SLOTS = 448;
export const LINE_BYTES = 64;
const FIELD_BITS = 9;
/** All nodes have 64 bytes: 32 entries of 16 bits on the lowest level, 16 of 32 bits above. */
const NODE_BYTES = 64;
export const WINDOW_BYTES = 2 * NODE_BYTES;

export interface Level {
  /** Bits of a slot's number below the entry's index. */
  readonly shift: number;
  readonly entryBytes: 2 | 4;
  readonly nEntries: number;
  /** Byte address. */
  readonly at: number;
  /** Byte address of the window: zeros, and minus ones for the entries behind the first of its second half. */
  readonly window: number;
}

/** Byte addresses. */
export interface Layout {
  /** Int32 words for the slots of one line: what calls take, and what they give. */
  readonly run: number;
  /** Lowest first; the highest is one node. */
  readonly levels: readonly Level[];
  /** Last, as their number is that of the axis, not of the layout. */
  readonly lines: number;
}

/** Lines that a tree of so many levels has room for. */
export const linesOf = (depth: number): number => 2 ** (5 + 4 * (depth - 1));

/** @param depth levels of the tree, at least 1 */
export function layoutOf(depth: number): Layout {
  const run = 0;
  const windows = run + LINE_SLOTS * 4;
  let at = windows + 2 * WINDOW_BYTES;
  const levels = Array.from({ length: depth }, (_, i): Level => {
    const lineShift = i === 0 ? 0 : 1 + 4 * i;
    const entryBytes = i === 0 ? 2 : 4;
    const nEntries = linesOf(depth) >>> lineShift;
    const level = { shift: LINE_SHIFT + lineShift, entryBytes, nEntries, at, window: windows + (i === 0 ? 0 : WINDOW_BYTES) } as const;
    at += nEntries * entryBytes;
    return level;
  });
  return { run, levels, lines: at };
}

const PARAMS = ['n', 'total'] as const;
const WORDS = ['at', 'slot', 'rank', 'line', 'word', 'entry', 'mask'] as const;
const LONGS = ['field', 'bits', 'fields', 'ones'] as const;
const { take, put } = frame([...PARAMS, ...WORDS, ...LONGS]);
const LOCALS = [...WORDS.map(() => I32), ...LONGS.map(() => I64)];
const FIELDS_AT = LINE_BYTES - 8;

/** The slot's line, and the slots in use in it up to this one, itself included. */
const rankInLine = ({ lines }: Layout): Code =>
  seq(
    put('line', take('slot'), constant(LINE_SHIFT - 6), SHR, constant(-LINE_BYTES), AND),
    put('word', take('slot'), constant(3), SHR, constant(-8), AND),
    put('field', take('slot'), constant(6), SHR, constant(7), AND, constant(FIELD_BITS), WORD.MUL, WORD.TO_LONG),
    put('bits', take('word'), AT.long(lines)),
    put('fields', take('line'), AT.long(lines + FIELDS_AT)),
    put(
      'rank',
      seq(take('bits'), take('slot'), constant(-1), XOR, WORD.TO_LONG, LONG.SHL, LONG.POPCOUNT, LONG.TO_WORD),
      seq(take('fields'), take('field'), LONG.SHR_U, LONG.TO_WORD, constant(511), AND, ADD),
    ),
  );

/** Byte offset of the slot's entry among those of a level. */
const entryOf = ({ shift, entryBytes }: Level): Code => seq(take('slot'), constant(shift), SHR, constant(entryBytes / 2), SHL);

const rankInTree = ({ levels }: Layout): Code =>
  levels.map((level) => put('rank', take('rank'), entryOf(level), level.entryBytes === 2 ? AT.half(level.at) : AT.word(level.at), ADD));

/** Ones shifted beyond the last field are lost, but for one in bit 63, which nothing reads. */
const giveUpInLine = ({ lines }: Layout): Code =>
  seq(
    seq(take('word'), take('bits'), long(1), take('slot'), WORD.TO_LONG, LONG.SHL, LONG.XOR, PUT.long(lines)),
    seq(take('line'), take('fields'), take('ones'), take('field'), LONG.SHL, LONG.SUB, PUT.long(lines + FIELDS_AT)),
  );

const giveUpInTree = ({ levels }: Layout): Code =>
  levels.map((level) =>
    seq(
      put('entry', entryOf(level)),
      put('mask', constant(level.window + NODE_BYTES), take('entry'), constant(NODE_BYTES - 1), AND, SUB),
      put('entry', take('entry'), constant(-NODE_BYTES), AND),
      [0, 16, 32, 48].map((offset) =>
        seq(
          seq(take('entry'), take('entry'), AT.vector(level.at + offset), take('mask'), AT.vector(offset)),
          seq(level.entryBytes === 2 ? HALVES.ADD : ADD_32, store(level.at + offset)),
        ),
      ),
    ),
  );

/** Each of the run's first `n` slots is replaced by what `body` leaves in `rank`; n >= 1. */
const eachOf = (layout: Layout, body: Code): Code =>
  loop(
    PARAMS.indexOf('n'),
    seq(
      put('slot', take('at'), AT.word(layout.run)),
      body,
      seq(take('at'), take('rank'), PUT.word(layout.run)),
      put('at', take('at'), constant(4), ADD),
    ),
  );

/**
 * distances(n, total): how many slots are in use then, when `total` were. Each slot of the run is replaced by the number of those in use
 * from it on, and given up for one behind all others, which the caller has taken; 0, no slot, stays 0 and one more is in use.
 */
const distances = (layout: Layout): Func => ({
  name: 'distances',
  params: PARAMS.length,
  result: true,
  locals: LOCALS,
  body: seq(
    // Fields 1 to 6.
    put('ones', long((1 << 9) | (1 << 18) | (1 << 27))),
    put('ones', take('ones'), take('ones'), long(27), LONG.SHL, LONG.OR),
    eachOf(
      layout,
      when(
        take('slot'),
        seq(
          rankInLine(layout),
          rankInTree(layout),
          giveUpInLine(layout),
          giveUpInTree(layout),
          put('rank', take('total'), constant(1), ADD, take('rank'), SUB),
        ),
        seq(put('total', take('total'), constant(1), ADD), put('rank', constant(0))),
      ),
    ),
    take('total'),
  ),
});

/** renumber(n, 0): each slot of the run, all of them in use, becomes the one that it is when those not in use are left out. */
const renumber = (layout: Layout): Func => ({
  name: 'renumber',
  params: PARAMS.length,
  result: false,
  locals: LOCALS,
  body: eachOf(
    layout,
    seq(
      rankInLine(layout),
      rankInTree(layout),
      put('rank', take('rank'), constant(1), SUB),
      seq(take('rank'), constant(LINE_SLOTS), WORD.DIV_U, constant(2 ** LINE_SHIFT - LINE_SLOTS), WORD.MUL),
      put('rank', take('rank'), ADD),
    ),
  ),
});

/** The module: `distances` and `renumber`. */
export const slotCode = (layout: Layout): Uint8Array<ArrayBuffer> => assemble([distances(layout), renumber(layout)], MAX_WASM_PAGES, false);
