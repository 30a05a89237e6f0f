/**
 * Fields of text as WebAssembly: sixteen bytes at a time. How wide a field is comes from a mask of the bytes that belong to it; the digits are
 * then moved to one end of the vector by a table, so that nothing branches on the width.
 */
import assert from 'node:assert/strict';
import {
  ANY,
  AT,
  BITMASK,
  BYTES,
  constant,
  DOT,
  HALVES,
  LONG,
  long,
  longLaneOf,
  NARROW_16_U,
  NARROW_32_U,
  laneOf,
  seq,
  SUB,
  V_AND,
  V_OR,
  V_XOR,
  WORD,
  XOR,
} from '@workset/model/wasm';
import type { Code, Frame } from '@workset/model/wasm';

/** Byte address of the tables, which `fillFieldTables` fills. */
const TABLES = 64;
/** Sixteen ones, sixteen zeros: loaded 16 - n bytes in, the first n bytes are ones. */
const FIRST = TABLES;
/** Sixteen zeros, sixteen ones: loaded n bytes in, the last n bytes are ones. */
const LAST = TABLES + 32;
/** Places that move the first n bytes to the end, in order. */
const TO_END = TABLES + 64;
/** Places that reverse the first n bytes. */
const REVERSED = TABLES + 96;
/** Constants of sixteen bytes. */
const CONSTANTS = TABLES + 128;
const CONSTANTS_MAX = 32;
/** First address behind the tables. */
export const FIELDS_END = CONSTANTS + 16 * CONSTANTS_MAX;

export function fillFieldTables(memory: ArrayBuffer): void {
  const tables = new Uint8Array(memory, TABLES, FIELDS_END - TABLES);
  constants.forEach((bytes, i) => tables.set(bytes, CONSTANTS - TABLES + 16 * i));
  for (let i = 0; i < 16; i++) {
    tables[i] = tables[48 + i] = 255;
    tables[64 + i] = 240 + i;
    tables[80 + i] = i;
    tables[96 + i] = 15 - i;
    tables[112 + i] = 255 - i;
  }
}

const constants: (readonly number[])[] = [];
/** Loaded: V8 would put it together from two numbers every time. */
const bytesOf = (bytes: readonly number[]): Code => {
  let i = constants.findIndex((known) => known.every((byte, lane) => byte === bytes[lane]));
  if (i < 0) i = constants.push(bytes) - 1;
  assert(i < CONSTANTS_MAX);
  return seq(constant(CONSTANTS + 16 * i), AT.vector());
};
const all = (byte: number): Code => bytesOf(Array.from({ length: 16 }, () => byte));
const code = (char: string): number => char.charCodeAt(0);
/** Two values of 16 bits, again and again. */
const halves = (first: number, second: number): Code =>
  bytesOf(Array.from({ length: 4 }, () => [first & 255, first >> 8, second & 255, second >> 8]).flat());

/** Bytes equal to a character, as ones. */
export const isChar = (bytes: Code, char: string): Code => seq(bytes, all(code(char)), BYTES.EQUAL);
/** Digits as 0 to 9; other bytes as more. */
export const fromDigits = (bytes: Code): Code => seq(bytes, all(48), BYTES.SUB);
/** What `fromDigits` made of digits, as ones. */
export const isDigit = (digits: Code): Code => seq(digits, all(9), BYTES.AT_MOST_U);
/** Letters that are hex digits, as ones. */
export const isLetter = (bytes: Code): Code => seq(bytes, all(code('a')), BYTES.SUB, all(5), BYTES.AT_MOST_U);
/** Hex digits in lower case, as ones. */
export const isHex = (bytes: Code): Code => seq(isDigit(fromDigits(bytes)), isLetter(bytes), V_OR);
/** Hex digits as 0 to 15, blanks as 0. */
export const fromHex = (bytes: Code): Code => seq(bytes, all(15), V_AND, isLetter(bytes), all(0xf7), V_AND, BYTES.SUB);

/** How many bytes at the start are ones: 0 to 16. */
export const countOf = (ones: Code): Code => seq(ones, BITMASK, constant(-1), XOR, WORD.TRAILING_ZEROS);
/** The first n bytes; n is 0 to 16. */
export const firstBytes = (n: Code): Code => seq(constant(16), n, SUB, AT.vector(FIRST));
/** The last n bytes; n is 0 to 16. */
export const lastBytes = (n: Code): Code => seq(n, AT.vector(LAST));
/** Not 0 when sixteen bytes differ from text of at most as many; behind it they may be any. */
export const differs = (bytes: Code, text: string): Code => {
  const of = (value: (char: string) => number): Code =>
    bytesOf(Array.from({ length: 16 }, (_, i) => (i < text.length ? value(text[i]!) : 0)));
  return seq(
    bytes,
    of(code),
    V_XOR,
    of(() => 255),
    V_AND,
    ANY,
  );
};

/** i64 of hex digits of 0 to 15, the lowest first. Uses the vector `x`. */
export const hexValue = <Name extends string>({ take, put }: Frame<Name>, x: Name, digits: Code): Code =>
  seq(
    put(x, digits),
    put(x, take(x), take(x), constant(4), HALVES.SHR_U, V_OR, halves(255, 255), V_AND),
    seq(take(x), take(x), NARROW_16_U, longLaneOf(0)),
  );
/** Hex digits of 0 to 15 in their order to the lowest first: all sixteen, or the first n. */
export const reversed = (digits: Code, n?: Code): Code =>
  n === undefined
    ? seq(digits, bytesOf(Array.from({ length: 16 }, (_, i) => 15 - i)), BYTES.PICK)
    : seq(digits, constant(16), n, SUB, AT.vector(REVERSED), BYTES.PICK);
/** The first n of sixteen digits at the end, zeros before them. */
export const atEnd = (digits: Code, n: Code): Code => seq(digits, n, AT.vector(TO_END), BYTES.PICK);

/** Four decimal digits each, as lanes. Uses the vector `x`. */
const fours = <Name extends string>({ take, put }: Frame<Name>, x: Name, digits: Code): Code =>
  seq(
    put(x, digits),
    seq(take(x), halves(255, 255), V_AND, halves(10, 10), HALVES.MUL, take(x), constant(8), HALVES.SHR_U, HALVES.ADD),
    seq(halves(100, 1), DOT),
  );
/** Two numbers of sixteen decimal digits as four lanes of eight digits. Uses the vector `x`. */
export const eights = <Name extends string>(f: Frame<Name>, x: Name, first: Code, second: Code): Code =>
  seq(fours(f, x, first), fours(f, x, second), NARROW_32_U, halves(10_000, 1), DOT);
/** The first or second number of `eights` as i64. */
export const numberOf = (pair: Code, place: 0 | 1): Code =>
  seq(seq(pair, laneOf(2 * place), WORD.TO_LONG, long(100_000_000), LONG.MUL), seq(pair, laneOf(2 * place + 1), WORD.TO_LONG, LONG.ADD));
