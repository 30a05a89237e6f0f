/** The locals of trace-code.ts and body-code.ts, and what both do with them. */
import {
  ADD,
  AT,
  CHOOSE,
  constant,
  F64,
  forever,
  frame,
  GREATER_U,
  I32,
  I64,
  leaveIf,
  repeatIf,
  seq,
  SUB,
  V128,
  V_AND,
  V_OR,
  V_XOR,
  when,
  WORD,
} from '@workset/model/wasm';
import type { Code } from '@workset/model/wasm';
import { firstBytes } from './field-code.ts';
import { ENTRY } from './trace-places.ts';

const POINTERS = ['colon', 'point', 'task', 'event', 'pos', 'body', 'feed', 'hint'] as const;
const COUNTS = ['n', 'columns', 'unsorted', 'group', 'stop', 'decimals', 'length', 'i', 'k', 'left', 'width', 'nextWidth'] as const;
const LONGS = ['address', 'wide'] as const;
const DOUBLES = ['time', 'last'] as const;
const VECTORS = ['v', 'x', 'first', 'second', 'pair'] as const;

/** Where it reads and up to where, behind a line feed; how many events are known; whether lines name none. */
export const PARAMS = ['at', 'end', 'events', 'isNameless'] as const;
const WORD_LOCALS = [...POINTERS, ...COUNTS];
export const LOCAL_TYPES: readonly number[] = [
  ...WORD_LOCALS.map(() => I32),
  ...LONGS.map(() => I64),
  ...DOUBLES.map(() => F64),
  ...VECTORS.map(() => V128),
];
export const FRAME = frame([...PARAMS, ...WORD_LOCALS, ...LONGS, ...DOUBLES, ...VECTORS]);
const { take, put } = FRAME;
type Local = Parameters<typeof take>[0];

export const moved = (pointer: Local, by: Code): Code => put(pointer, take(pointer), by, ADD);
/** Whether the byte at a pointer is a character. */
export const stands = (pointer: Local, char: string): Code => seq(take(pointer), AT.byte(), constant(char.charCodeAt(0)), WORD.EQUAL);
export const missing = (pointer: Local, char: string): Code => seq(take(pointer), AT.byte(), constant(char.charCodeAt(0)), WORD.NOT_EQUAL);

/** The next of the text from a pointer on, as much as there is of `length` behind `i`. */
const piece = (vector: Code): Code => {
  const rest = seq(take('length'), take('i'), SUB);
  return seq(vector, firstBytes(seq(rest, constant(16), rest, constant(16), WORD.LESS_U, CHOOSE)), V_AND);
};
const eachPiece = (body: Code): Code =>
  seq(put('i', constant(0)), forever(seq(body, moved('i', constant(16)), repeatIf(seq(take('i'), take('length'), WORD.LESS_U)))));

/** Puts every piece of the text of `length` at a pointer into `v`. */
export const pieces = (pointer: Local, use: Code): Code =>
  eachPiece(seq(put('v', piece(seq(take(pointer), take('i'), ADD, AT.vector()))), use));
/** Leaves in `x` where `length` bytes at a pointer differ from those of an entry. The last sixteen may be compared twice. */
export const compare = (pointer: Local, entry: Local): Code => {
  const difference = (place: Code, offset = 0): Code =>
    seq(take(pointer), place, ADD, AT.vector(offset), take(entry), place, ADD, AT.vector(offset + ENTRY.text), V_XOR);
  const more = (offset: number): Code => put('x', take('x'), difference(constant(0), offset), V_OR);
  const longer = (than: number): Code => seq(take('length'), constant(than), GREATER_U);
  return when(
    longer(15),
    seq(
      put('x', difference(seq(take('length'), constant(16), SUB)), difference(constant(0)), V_OR),
      when(
        longer(32),
        seq(
          more(16),
          when(
            longer(48),
            seq(
              put('i', constant(32)),
              forever(
                seq(
                  put('x', take('x'), difference(take('i')), V_OR),
                  moved('i', constant(16)),
                  repeatIf(seq(take('i'), constant(16), ADD, take('length'), WORD.LESS_U)),
                ),
              ),
            ),
          ),
        ),
      ),
    ),
    put('x', difference(constant(0)), firstBytes(take('length')), V_AND),
  );
};
export const lengthOf = (entry: Local): Code => seq(take(entry), AT.word(ENTRY.length));
/** Ends the call, from `depth` conditions, blocks and loops deep inside the loop over lines. */
export const stopIf = (condition: Code, depth = 0): Code => leaveIf(condition, depth + 1);
/** A line ends at `feed`, perhaps with a carriage return. */
export const lineEnd = (depth: number): Code => seq(moved('feed', stands('feed', '\r')), stopIf(missing('feed', '\n'), depth));
