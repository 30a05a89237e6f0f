/**
 * Consecutive plain lines of a trace text (see head.ts) as WebAssembly. A line is plain when the bytes before its time are those of an earlier
 * line, so that thread and CPU are the same, its event is known, and its body is one of those of body-code.ts. It stops before the first line
 * that is anything else.
 *
 *          toucher  3332 [001]   751.584279:          1  exceptions:page_fault_user: address=0x7f12..
 *   [-------- task -------------]digits    ^colon       [------- event -------------]^ pos
 */
import {
  ADD,
  AND,
  ANY,
  assemble,
  AT,
  BITMASK,
  block,
  BYTES,
  CHOOSE,
  constant,
  DOUBLE,
  double,
  EQZ,
  forever,
  GREATER_U,
  lanesOf,
  leaveIf,
  LONG,
  long,
  longLaneOf,
  OR,
  PUT,
  repeat,
  repeatIf,
  seq,
  SHL,
  SHR,
  store,
  SUB,
  V_AND,
  V_OR,
  V_XOR,
  when,
  WORD,
  WORDS,
  XOR,
} from '@workset/model/wasm';
import type { Code } from '@workset/model/wasm';
import { bodies } from './body-code.ts';
import { countOf, eights, fromDigits, isChar, isDigit, lastBytes, numberOf } from './field-code.ts';
import { compare, FRAME, lengthOf, LOCAL_TYPES, missing, moved, PARAMS, pieces, stopIf } from './trace-frame.ts';
import { ENTRY, MEMORY_PAGES, PLACE, ROWS_MAX, STOP, TASK_SETS_LOG2 } from './trace-places.ts';

const { take, put } = FRAME;

/** Digits of seconds, so many that they times 1e9 are exact as a double. */
const SECONDS_MAX = 9;
/** Bytes from `colon` back to the dot, by decimals. */
const back = { micros: 7, nanos: 10 } as const;
const isDotBefore = (bytes: number): Code => seq(take('colon'), constant(bytes), SUB, AT.byte(), constant(46), WORD.EQUAL);
const COLON_BLANK = 0x203a;

const mayEndTime = seq(
  seq(take('colon'), AT.half(), constant(COLON_BLANK), WORD.EQUAL),
  seq(isDotBefore(back.micros), isDotBefore(back.nanos), OR, AND),
);
/** The vector so many bytes from ten before `colon`. */
const around = (offset: number): Code => seq(take('colon'), constant(back.nanos), SUB, AT.vector(offset));
/** Finds the first colon that may end a time, sixteen at once. */
const search = seq(
  put('colon', take('at')),
  block(
    forever(
      seq(
        put('v', around(back.nanos)),
        put(
          'k',
          seq(isChar(take('v'), ':'), isChar(around(back.nanos + 1), ' '), V_AND),
          seq(isChar(around(back.nanos - back.micros), '.'), isChar(around(0), '.'), V_OR, V_AND),
          seq(isChar(take('v'), '\n'), V_OR, BITMASK),
        ),
        leaveIf(take('k'), 1),
        moved('colon', constant(16)),
        repeat(0),
      ),
    ),
  ),
  moved('colon', seq(take('k'), WORD.TRAILING_ZEROS)),
  stopIf(missing('colon', ':'), 1),
);

const findColon = seq(put('colon', take('at'), take('hint'), ADD), when(seq(mayEndTime, EQZ), search));

const readTime = seq(
  put('decimals', constant(6), constant(9), isDotBefore(back.micros), CHOOSE),
  put('point', take('colon'), constant(1), SUB, take('decimals'), SUB),
  put('second', fromDigits(seq(take('colon'), constant(16), SUB, AT.vector())), lastBytes(take('decimals')), V_AND),
  stopIf(seq(isDigit(take('second')), BYTES.ALL, EQZ)),
  put('first', fromDigits(seq(take('point'), constant(16), SUB, AT.vector()))),
  put('k', isDigit(take('first')), BITMASK, constant(16), SHL, constant(-1), XOR, WORD.LEADING_ZEROS),
  stopIf(seq(take('k'), constant(1), SUB, constant(SECONDS_MAX - 1), GREATER_U)),
  put('first', take('first'), lastBytes(take('k')), V_AND),
  put('length', take('point'), take('k'), SUB, take('at'), SUB),
  stopIf(seq(take('length'), constant(ENTRY.textMax), GREATER_U)),
  put('pair', eights(FRAME, 'x', take('first'), take('second'))),
  put(
    'time',
    seq(numberOf(take('pair'), 0), long(1e9), LONG.MUL),
    seq(numberOf(take('pair'), 1), long(1000), long(1), isDotBefore(back.micros), CHOOSE, LONG.MUL, LONG.ADD),
    LONG.TO_DOUBLE,
  ),
);

/** Address of the two entries that a task of `length` bytes at a pointer may be in. */
const placeOf = (pointer: 'at'): Code =>
  seq(
    put('x', lanesOf([0, 0, 0, 0])),
    pieces(pointer, put('x', take('x'), constant(7), WORDS.SHL, take('x'), constant(25), WORDS.SHR_U, V_OR, take('v'), V_XOR)),
    put('x', take('x'), lanesOf([0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f]), WORDS.MUL),
    put('wide', take('x'), longLaneOf(0), take('x'), longLaneOf(1), LONG.XOR),
    seq(take('wide'), take('wide'), long(32), LONG.SHR_U, LONG.XOR, LONG.TO_WORD, constant(0x9e3779b1 | 0), WORD.MUL),
    seq(constant(32 - TASK_SETS_LOG2), SHR, constant(2 * ENTRY.bytes), WORD.MUL, constant(PLACE.tasks), ADD),
  );

/** Whether the `length` bytes at `at` are not those of the entry `task`, whose own length may be -1. */
const isOtherTask = seq(compare('at', 'task'), take('x'), ANY, lengthOf('task'), take('length'), WORD.NOT_EQUAL, OR);
/** Mostly the same as in the line before. */
const findTask = seq(
  when(isOtherTask, seq(put('task', placeOf('at')), when(isOtherTask, seq(moved('task', constant(ENTRY.bytes)), stopIf(isOtherTask, 2))))),
  put('hint', take('colon'), take('at'), SUB),
);

const skipBlanks = forever(
  seq(
    put('k', countOf(isChar(seq(take('pos'), AT.vector()), ' '))),
    moved('pos', take('k')),
    repeatIf(seq(take('k'), constant(16), WORD.EQUAL)),
  ),
);
/** One of the known events at `pos`, the last one first. */
const findEvent = seq(
  put('left', take('events')),
  block(
    forever(
      seq(
        put('length', lengthOf('event')),
        compare('pos', 'event'),
        leaveIf(seq(take('x'), ANY, EQZ), 1),
        put('left', take('left'), constant(1), SUB),
        stopIf(seq(take('left'), EQZ), 4),
        moved('event', constant(ENTRY.bytes)),
        when(
          seq(take('event'), constant(PLACE.events), SUB, take('events'), constant(ENTRY.bytes), WORD.MUL, WORD.AT_LEAST_U),
          put('event', constant(PLACE.events)),
        ),
        repeat(0),
      ),
    ),
  ),
  moved('pos', take('length')),
);
const vectors = Array.from({ length: ENTRY.textMax / 16 }, (_, i) => 16 * i);
/** What is between time and body, `          1  exceptions:page_fault_user: `; mostly the same as in the line before. */
const readEvent = seq(
  put('pos', take('colon'), constant(1), ADD),
  put('left', constant(PLACE.between)),
  put('length', lengthOf('left')),
  compare('pos', 'left'),
  when(
    seq(take('x'), ANY),
    seq(
      skipBlanks,
      // a period
      when(
        seq(take('pos'), AT.byte(), constant(48), SUB, constant(10), WORD.LESS_U),
        seq(moved('pos', countOf(isDigit(fromDigits(seq(take('pos'), AT.vector()))))), stopIf(missing('pos', ' '), 3), skipBlanks),
      ),
      findEvent,
      put('length', take('pos'), take('colon'), constant(1), ADD, SUB),
      when(
        seq(take('length'), constant(ENTRY.textMax), WORD.LESS_U),
        seq(
          seq(constant(PLACE.between), take('length'), PUT.word(ENTRY.length)),
          seq(constant(PLACE.between), take('event'), PUT.word(ENTRY.start)),
          ...vectors.map((i) => seq(constant(PLACE.between), take('colon'), AT.vector(i + 1), store(i + ENTRY.text))),
        ),
      ),
    ),
    seq(moved('pos', take('length')), put('event', take('left'), AT.word(ENTRY.start))),
  ),
);

const line = seq(
  put('stop', constant(STOP.end)),
  stopIf(seq(take('at'), take('end'), WORD.AT_LEAST_U)),
  put('stop', constant(STOP.rows)),
  stopIf(seq(take('n'), constant(ROWS_MAX), WORD.EQUAL)),
  put('stop', constant(STOP.line)),
  findColon,
  readTime,
  findTask,
  when(take('isNameless'), put('pos', take('colon'), constant(2), ADD), readEvent),
  when(
    seq(take('event'), AT.word(ENTRY.group), take('group'), WORD.NOT_EQUAL),
    seq(put('stop', constant(STOP.rows)), stopIf(take('n'), 1), put('group', take('event'), AT.word(ENTRY.group))),
  ),
  put('stop', constant(STOP.line), constant(STOP.body), take('isNameless'), CHOOSE),
  put('body', take('pos')),
  bodies,
  seq(take('n'), constant(3), SHL, take('time'), PUT.double(PLACE.rowTimeNs)),
  put('unsorted', take('unsorted'), take('time'), take('last'), DOUBLE.LESS, OR),
  put('last', take('time')),
  put('n', take('n'), constant(1), ADD),
  put('at', take('feed'), constant(1), ADD),
  repeat(0),
);

const lines = seq(
  put('event', constant(0), AT.word(PLACE.event)),
  put('hint', constant(0), AT.word(PLACE.hint)),
  put('task', constant(PLACE.tasks)),
  put('last', double(Number.NEGATIVE_INFINITY)),
  block(forever(line)),
  ...(['at', 'n', 'columns', 'unsorted', 'group', 'body', 'task'] as const).map((name, i) =>
    seq(constant(4 * i), take(name), PUT.word(PLACE.state)),
  ),
  seq(constant(0), take('event'), PUT.word(PLACE.event)),
  seq(constant(0), take('hint'), PUT.word(PLACE.hint)),
  seq(constant(0), take('time'), PUT.double(PLACE.timeNs)),
  take('stop'),
);

const shared = { params: PARAMS.length, result: true, locals: LOCAL_TYPES };
/** `lines(...PARAMS)`: why it stopped. `place(at, length)`: address of the two entries for a task. */
export const TRACE_CODE = assemble(
  [
    { ...shared, name: 'lines', body: lines },
    { ...shared, name: 'place', body: seq(put('length', take('end')), placeOf('at')) },
  ],
  MEMORY_PAGES,
  false,
);
