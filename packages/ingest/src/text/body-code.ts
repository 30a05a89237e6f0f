/** Plain bodies of trace lines as WebAssembly; fault-body.ts and damon-record.ts say what they mean. */
import {
  ADD,
  AND,
  ANY,
  AT,
  BITMASK,
  block,
  constant,
  EQZ,
  forever,
  GREATER_U,
  leaveIf,
  long,
  LONG,
  laneOf,
  OR,
  PUT,
  repeat,
  seq,
  SHL,
  SHR,
  SUB,
  V_OR,
  when,
  WORD,
  XOR,
} from '@workset/model/wasm';
import type { Code } from '@workset/model/wasm';
import {
  atEnd,
  countOf,
  differs,
  eights,
  fromDigits,
  fromHex,
  hexValue,
  isChar,
  isDigit,
  isHex,
  isLetter,
  numberOf,
  reversed,
} from './field-code.ts';
import { compare, FRAME, lengthOf, lineEnd, missing, moved, stands, stopIf } from './trace-frame.ts';
import { BODY, ENTRY, PLACE } from './trace-places.ts';

const { take, put } = FRAME;
/** Depth of the ways to read a body: each is the other branch of the one before it. */
const DEPTH = { column: 1, fault: 2, region: 3 } as const;

/** `    7f3aefde6e76` in sixteen columns, then the line's end or a blank and no data source (`|OP LOAD|`). */
const column = ((depth: number): Code =>
  seq(
    put('v', take('pos'), AT.vector()),
    put('k', isHex(take('v')), BITMASK),
    put('i', isChar(take('v'), ' '), BITMASK),
    // blanks, then digits
    stopIf(
      seq(take('k'), take('i'), XOR, constant(0xffff), XOR, take('i'), take('i'), constant(1), ADD, AND, OR, take('k'), EQZ, OR),
      depth,
    ),
    put('address', hexValue(FRAME, 'x', reversed(fromHex(take('v'))))),
    // LOWEST_PAGE of fault-body.ts
    stopIf(seq(take('address'), long(16), LONG.SHR_U, LONG.EQZ), depth),
    put('feed', take('pos'), constant(16), ADD),
    when(
      stands('feed', ' '),
      seq(
        // a number and a name behind it could be a period and an event
        stopIf(seq(isLetter(take('v')), ANY, EQZ, take('isNameless'), AND), depth + 1),
        block(
          forever(
            seq(
              put('v', take('feed'), AT.vector()),
              put('k', isChar(take('v'), '\n'), isChar(take('v'), '|'), V_OR, BITMASK),
              leaveIf(take('k'), 1),
              moved('feed', constant(16)),
              repeat(0),
            ),
          ),
        ),
        moved('feed', seq(take('k'), WORD.TRAILING_ZEROS)),
        stopIf(missing('feed', '\n'), depth + 1),
      ),
      lineEnd(depth + 1),
    ),
    put('columns', take('columns'), constant(1), ADD),
    put('k', constant(0)),
  ))(DEPTH.column);

/**
 * The value of `k`, which is mostly that of the line before: then what follows does not wait for it. A number's place depends on the width of
 * the one before it, and those chains are longer than the work.
 */
const asBefore = (width: 'width' | 'nextWidth'): Code =>
  seq(when(seq(take('k'), take(width), WORD.NOT_EQUAL), put(width, take('k'))), take(width));

/** `address=0x7f29da35ab70 ip=0x7f29da35ab70 error_code=0x6`; leaves in `k` whether it was a write. */
const fault = ((depth: number): Code => {
  const text = (literal: string): Code =>
    seq(stopIf(differs(seq(take('pos'), AT.vector()), literal), depth), moved('pos', constant(literal.length)));
  const hexDigits = seq(put('v', take('pos'), AT.vector()), put('k', countOf(isHex(take('v')))));
  return seq(
    text('address=0x'),
    hexDigits,
    stopIf(seq(take('k'), EQZ), depth),
    put('address', hexValue(FRAME, 'x', reversed(fromHex(take('v')), take('k')))),
    moved('pos', asBefore('width')),
    text(' ip=0x'),
    hexDigits,
    moved('pos', asBefore('nextWidth')),
    text(' error_code=0x'),
    hexDigits,
    stopIf(seq(take('k'), EQZ), depth),
    put('feed', take('pos'), take('k'), ADD),
    // bit 1 of the last digit
    put('i', take('feed'), constant(1), SUB, AT.byte()),
    put('k', take('i'), take('i'), constant(6), SHR, constant(9), WORD.MUL, ADD, constant(1), SHR, constant(1), AND),
    lineEnd(depth),
  );
})(DEPTH.fault);

/** `4294967296-4300476416: 0 12` behind what the event's last region began with. */
const region = ((depth: number): Code => {
  /** A number of 1 to `most` digits into a vector, right-aligned. */
  const number = (to: 'first' | 'second', most: number, width = take('k')): Code =>
    seq(
      put('v', fromDigits(seq(take('pos'), AT.vector()))),
      put('k', countOf(isDigit(take('v')))),
      stopIf(seq(take('k'), constant(1), SUB, constant(most - 1), GREATER_U), depth),
      put(to, atEnd(take('v'), take('k'))),
      moved('pos', width),
    );
  const char = (expected: string): Code => seq(stopIf(missing('pos', expected), depth), moved('pos', constant(1)));
  return seq(
    put('left', take('event'), AT.word(ENTRY.start)),
    put('length', lengthOf('left')),
    stopIf(seq(take('length'), EQZ), depth),
    compare('pos', 'left'),
    stopIf(seq(take('x'), ANY), depth),
    moved('pos', take('length')),
    // a double holds fifteen digits
    number('first', 15, asBefore('width')),
    char('-'),
    number('second', 15, asBefore('nextWidth')),
    char(':'),
    char(' '),
    put('pair', eights(FRAME, 'x', take('first'), take('second'))),
    put('address', numberOf(take('pair'), 0)),
    put('wide', numberOf(take('pair'), 1)),
    stopIf(seq(take('address'), take('wide'), LONG.OR, long(4095), LONG.AND, LONG.EQZ, EQZ), depth),
    stopIf(seq(take('wide'), take('address'), LONG.AT_MOST), depth),
    number('first', 8),
    char(' '),
    number('second', 8),
    put('feed', take('pos')),
    lineEnd(depth),
    put('pair', eights(FRAME, 'x', take('first'), take('second'))),
  );
})(DEPTH.region);

const row = (bytesLog2: number): Code => seq(take('n'), constant(bytesLog2), SHL);
const page = (address: Code): Code => seq(address, long(12), LONG.SHR_U, LONG.TO_DOUBLE);

const putAccess = seq(
  seq(row(3), page(take('address')), PUT.double(PLACE.rowPage)),
  // the kernel half of the address space: see AccessBatches
  seq(take('n'), take('address'), long(62), LONG.SHR_U, LONG.TO_WORD, constant(2), AND, take('k'), OR, PUT.byte(PLACE.rowCls)),
  seq(row(2), take('task'), AT.word(ENTRY.tid), PUT.word(PLACE.rowPid)),
  seq(row(2), take('task'), AT.word(ENTRY.cpu), PUT.word(PLACE.rowCpu)),
);
const putRegion = seq(
  seq(row(3), page(take('address')), PUT.double(PLACE.rowPage)),
  seq(row(3), page(take('wide')), PUT.double(PLACE.rowEndPage)),
  seq(row(3), take('pair'), laneOf(1), WORD.TO_DOUBLE, PUT.double(PLACE.rowAccesses)),
  seq(row(3), take('pair'), laneOf(3), WORD.TO_DOUBLE, PUT.double(PLACE.rowAge)),
);

const is = (body: number): Code => seq(take('i'), constant(body), WORD.EQUAL);

/** Reads the body at `pos` as the event in `event` wants it, stores its row, and leaves in `feed` where the line ends. */
export const bodies = seq(
  put('i', take('event'), AT.word(ENTRY.body)),
  when(
    is(BODY.column),
    seq(column, putAccess),
    when(is(BODY.fault), seq(fault, putAccess), when(is(BODY.region), seq(region, putRegion), stopIf(constant(1), DEPTH.region))),
  ),
);
