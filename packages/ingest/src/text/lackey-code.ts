/**
 * Consecutive plain lines of a Lackey log as WebAssembly, which all go into rows without a branch on what they say. It stops before the first
 * line that is anything else: another's, damaged, of more than 99 bytes, or over the end of a page.
 *
 *   I  04001234,3
 *    S 1fff000718,8
 */
import {
  ADD,
  AND,
  assemble,
  AT,
  block,
  CHOOSE,
  constant,
  DOUBLE,
  EQZ,
  F64,
  forever,
  frame,
  GREATER_U,
  I32,
  I64,
  leaveIf,
  long,
  LONG,
  OR,
  PUT,
  repeat,
  seq,
  SHL,
  SHR,
  SUB,
  V128,
  WORD,
} from '@workset/model/wasm';
import type { Code } from '@workset/model/wasm';
import { countOf, FIELDS_END, fromHex, hexValue, isHex, reversed } from './field-code.ts';
import { PIECE_BYTES } from './line-piece.ts';

/** Rows of one call; a line has at most two. */
export const ROWS_MAX = 8192;
const MARGIN = 64;
const rows = FIELDS_END;

/** Byte addresses. */
export const PLACE = {
  /** i32: address of the next line, rows, lines, those of instructions. */
  state: 0,
  /** f64: steps so far, ns of each. */
  steps: 16,
  nsPerStep: 24,
  timeNs: rows,
  page: rows + 8 * ROWS_MAX,
  cls: rows + 16 * ROWS_MAX,
  input: rows + 17 * ROWS_MAX,
} as const;
export const MEMORY_PAGES = Math.ceil((PLACE.input + PIECE_BYTES + MARGIN) / 65536);

const PARAMS = ['at', 'end', 'eachAccess'] as const;
const WORDS = ['n', 'lines', 'instructions', 'head', 'kind', 'isInstruction', 'k', 'pos', 'size', 'digit', 'cls'] as const;
const { take, put } = frame([...PARAMS, ...WORDS, 'address', 'time', 'steps', 'nsPerStep', 'v', 'x']);
type Word = (typeof PARAMS)[number] | (typeof WORDS)[number];

const stopIf = (condition: Code) => leaveIf(condition, 1);
const more = (count: Word, by: Code) => put(count, take(count), by, ADD);
const isKind = (letter: string) => seq(take('kind'), constant(letter.charCodeAt(0)), WORD.EQUAL);
const digitAt = (offset: number) => seq(take('pos'), AT.byte(offset), constant(48), SUB);
const isDigit = (digit: Word) => seq(take(digit), constant(10), WORD.LESS_U);

const readKind = seq(
  put('head', take('at'), AT.word(), constant(0xffffff), AND),
  put('kind', take('head'), constant(8), SHR, constant(255), AND),
  put('isInstruction', take('head'), constant(0x202049), WORD.EQUAL),
  stopIf(
    seq(
      seq(take('head'), constant(0xff00ff), AND, constant(0x200020), WORD.EQUAL),
      seq(isKind('L'), isKind('S'), OR, isKind('M'), OR, AND),
      seq(take('isInstruction'), OR, EQZ),
    ),
  ),
);

const readAddress = seq(
  put('v', take('at'), AT.vector(3)),
  put('k', countOf(isHex(take('v')))),
  stopIf(seq(take('k'), EQZ)),
  put('address', hexValue({ take, put }, 'x', reversed(fromHex(take('v')), take('k')))),
  put('pos', take('at'), take('k'), ADD),
  stopIf(seq(take('pos'), AT.byte(3), constant(44), WORD.NOT_EQUAL)),
);

/** One digit or two, and the line's end. */
const readSize = seq(
  put('size', digitAt(4)),
  stopIf(seq(isDigit('size'), EQZ)),
  put('digit', digitAt(5)),
  put('size', take('size'), constant(10), WORD.MUL, take('digit'), ADD, take('size'), isDigit('digit'), CHOOSE),
  more('pos', seq(isDigit('digit'), constant(5), ADD)),
  more('pos', seq(take('pos'), AT.byte(), constant(13), WORD.EQUAL)),
  stopIf(seq(take('pos'), AT.byte(), constant(10), WORD.NOT_EQUAL)),
  // 1 to what is left of the page
  stopIf(seq(seq(take('size'), constant(1), SUB), seq(constant(4095), take('address'), LONG.TO_WORD, constant(4095), AND, SUB, GREATER_U))),
);

/** The row of a read or write, and behind it that of the write of a modify, which is only kept then. */
const putRows = seq(
  put('time', take('steps'), take('nsPerStep'), DOUBLE.MUL),
  put('cls', take('address'), long(62), LONG.SHR_U, LONG.TO_WORD, constant(2), AND),
  put('k', take('n'), constant(3), SHL),
  ...[0, 8].map((next) =>
    seq(
      seq(take('k'), take('time'), PUT.double(PLACE.timeNs + next)),
      seq(take('k'), take('address'), long(12), LONG.SHR_U, LONG.TO_DOUBLE, PUT.double(PLACE.page + next)),
    ),
  ),
  seq(take('n'), take('cls'), isKind('S'), OR, PUT.byte(PLACE.cls)),
  seq(take('n'), take('cls'), constant(1), OR, PUT.byte(PLACE.cls + 1)),
  more('n', seq(isKind('M'), constant(1), ADD)),
  more('lines', constant(1)),
  more('instructions', take('isInstruction')),
  put('steps', take('steps'), take('eachAccess'), take('isInstruction'), OR, WORD.TO_DOUBLE, DOUBLE.ADD),
);

const line = seq(
  stopIf(seq(take('at'), take('end'), WORD.AT_LEAST_U)),
  stopIf(seq(take('n'), constant(ROWS_MAX - 2), GREATER_U)),
  readKind,
  readAddress,
  readSize,
  putRows,
  put('at', take('pos'), constant(1), ADD),
  repeat(0),
);

const body = seq(
  put('steps', constant(0), AT.double(PLACE.steps)),
  put('nsPerStep', constant(0), AT.double(PLACE.nsPerStep)),
  block(forever(line)),
  ...(['at', 'n', 'lines', 'instructions'] as const).map((name, i) => seq(constant(4 * i), take(name), PUT.word(PLACE.state))),
  seq(constant(0), take('steps'), PUT.double(PLACE.steps)),
);

/** `lines(...PARAMS)`: from one address to another, behind a line feed; whether every access is a step, or every instruction. */
export const LACKEY_CODE = assemble(
  [{ name: 'lines', params: PARAMS.length, result: false, locals: [...WORDS.map(() => I32), I64, F64, F64, F64, V128, V128], body }],
  MEMORY_PAGES,
  false,
);
