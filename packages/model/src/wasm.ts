/** A small assembler for WebAssembly with 128-bit vectors: as much of it as the loops over pages and records need. */

/** Bytes, in nested pieces: a piece that is used several times is kept once. */
export type Code = readonly (number | Code)[];
type Bytes = readonly number[];

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
export const V128 = 0x7b;

export interface Func {
  readonly name: string;
  /** Number of i32 parameters. */
  readonly params: number;
  /** True when it returns an i32. */
  readonly result: boolean;
  /** Types of further locals. */
  readonly locals: readonly number[];
  readonly body: Code;
}

export const seq = (...parts: readonly Code[]): Code => parts;
const leb = (value: number): Bytes => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
const signedLeb = (value: number): Bytes => (value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signedLeb(value >> 7)]);
export const constant = (value: number): Code => [0x41, ...signedLeb(value)];
export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const tee = (local: number): Code => [0x22, local];
/** Ways to use locals by name. */
export interface Frame<Name extends string> {
  readonly take: (name: Name) => Code;
  readonly put: (name: Name, ...value: readonly Code[]) => Code;
}
/** @param names of all locals, parameters first */
export function frame<Name extends string>(names: readonly Name[]): Frame<Name> {
  const places = new Map(names.map((name, i) => [name, i]));
  return { take: (name) => get(places.get(name)!), put: (name, ...value) => seq(...value, set(places.get(name)!)) };
}
const simd = (op: number, ...rest: readonly number[]): Code => [0xfd, ...leb(op), ...rest];

export const EQZ: Code = [0x45];
export const GREATER_U: Code = [0x4b];
export const ADD: Code = [0x6a];
export const SUB: Code = [0x6b];
export const AND: Code = [0x71];
export const OR: Code = [0x72];
export const XOR: Code = [0x73];
export const SHL: Code = [0x74];
export const SHR: Code = [0x76];
export const POPCOUNT: Code = [0x69];
/** Further operators on i32. */
export const WORD = {
  EQUAL: [0x46],
  NOT_EQUAL: [0x47],
  LESS_U: [0x49],
  AT_LEAST_U: [0x4f],
  LEADING_ZEROS: [0x67],
  TRAILING_ZEROS: [0x68],
  MUL: [0x6c],
  DIV_U: [0x6e],
  TO_LONG: [0xad],
  TO_DOUBLE: [0xb7],
} as const satisfies Readonly<Record<string, Code>>;
export const LONG = {
  AT_MOST: [0x57],
  ADD: [0x7c],
  SUB: [0x7d],
  MUL: [0x7e],
  AND: [0x83],
  OR: [0x84],
  XOR: [0x85],
  SHL: [0x86],
  SHR_U: [0x88],
  POPCOUNT: [0x7b],
  EQZ: [0x50],
  TO_WORD: [0xa7],
  /** Signed. */
  TO_DOUBLE: [0xb9],
} as const satisfies Readonly<Record<string, Code>>;
export const DOUBLE = { LESS: [0x63], ADD: [0xa0], MUL: [0xa2] } as const satisfies Readonly<Record<string, Code>>;
/** A constant i64 of at most 32 bits with sign. */
export const long = (value: number): Code => [0x42, ...signedLeb(value)];
export const double = (value: number): Code => [0x44, ...new Uint8Array(Float64Array.of(value).buffer)];
/** a, b, condition: a when the condition is not 0. */
export const CHOOSE: Code = [0x1b];
/** Out of the innermost `block`, when the value on the stack is not 0. */
export const LEAVE_IF: Code = [0x0d, 0];

export const SPLAT = simd(0x11);
export const SPLAT_8 = simd(0x0f);
export const EQUAL = simd(0x37);
export const GREATER_U8 = simd(0x28);
export const MAX_U8 = simd(0x79);
export const ADD_32 = simd(0xae);
export const GREATER = simd(0x3b);
export const MAX = simd(0xb8);
export const MAX_U = simd(0xb9);
export const laneOf = (lane: number): Code => simd(0x1b, lane);
export const V_AND = simd(0x4e);
export const V_AND_NOT = simd(0x4f);
export const V_OR = simd(0x50);
/** a, b, mask: bits of a where the mask is set, else of b. */
export const SELECT = simd(0x52);
export const ANY = simd(0x53);
export const NARROW_32 = simd(0x85);
export const NARROW_16 = simd(0x65);
export const BITMASK = simd(0x64);
/** A constant of four lanes. */
export const lanesOf = (values: readonly number[]): Code =>
  simd(0x0c, ...values.flatMap((value) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]));
export const ZERO = lanesOf([0, 0, 0, 0]);
export const replaceLane = (lane: number): Code => simd(0x1c, lane);
/** Picks 32-bit lanes: 0 to 3 of the first vector, 4 to 7 of the second. */
export const lanes = (...picks: readonly [number, number, number, number]): Code =>
  simd(0x0d, ...picks.flatMap((lane) => [lane * 4, lane * 4 + 1, lane * 4 + 2, lane * 4 + 3]));

/** Sixteen lanes of a byte. */
export const BYTES = {
  EQUAL: simd(0x23),
  AT_MOST_U: simd(0x2a),
  SUB: simd(0x71),
  ALL: simd(0x63),
  /** bytes, places: the byte at each place, 0 for a place above 15. */
  PICK: simd(0x0e),
} as const;
/** Eight lanes of 16 bits. */
export const HALVES = { SHR_U: simd(0x8d), ADD: simd(0x8e), MUL: simd(0x95) } as const;
/** Four lanes of 32 bits. */
export const WORDS = { SHR_U: simd(0xad), SHL: simd(0xab), MUL: simd(0xb5) } as const;
/** Sums of the products of neighbouring signed 16-bit lanes, as four lanes. */
export const DOT = simd(0xba);
/** Four lanes of two vectors each to eight of 16 bits, unsigned. */
export const NARROW_32_U = simd(0x86);
/** Eight lanes of two vectors each to sixteen bytes, unsigned. */
export const NARROW_16_U = simd(0x66);
export const V_XOR = simd(0x51);
export const longLaneOf = (lane: number): Code => simd(0x1d, lane);

/** Loads from the address on the stack plus an offset, which may be anywhere. */
export const AT = {
  vector: (offset = 0): Code => simd(0x00, 0, ...leb(offset)),
  word: (offset = 0): Code => [0x28, 0, ...leb(offset)],
  long: (offset = 0): Code => [0x29, 0, ...leb(offset)],
  double: (offset = 0): Code => [0x2b, 0, ...leb(offset)],
  byte: (offset = 0): Code => [0x2d, 0, ...leb(offset)],
  half: (offset = 0): Code => [0x2f, 0, ...leb(offset)],
};
/** Stores the value on the stack at the address below it plus an offset. */
export const PUT = {
  word: (offset = 0): Code => [0x36, 0, ...leb(offset)],
  long: (offset = 0): Code => [0x37, 0, ...leb(offset)],
  double: (offset = 0): Code => [0x39, 0, ...leb(offset)],
  byte: (offset = 0): Code => [0x3a, 0, ...leb(offset)],
};
/** Picks bytes: 0 to 15 of the first vector, 16 to 31 of the second. */
export const bytes = (pick: (lane: number) => number): Code => simd(0x0d, ...Array.from({ length: 16 }, (_, lane) => pick(lane)));

export const load32 = (address: Code): Code => seq(address, [0x28, 2, 0]);
/** Stores the value on the stack at the address below it. */
export const STORE_32: Code = [0x36, 2, 0];
/** The same at the address plus `offset` bytes. */
export const store32At = (offset: number): Code => seq([0x36, 2], leb(offset));
/** Its lowest byte. */
export const STORE_8: Code = [0x3a, 0, 0];
/** The value at `address + offset` bytes. */
export const load32At = (address: Code, offset: number): Code => seq(address, [0x28, 2], leb(offset));
export const load = (base: number, offset: number): Code => seq(get(base), simd(0x00, 2, ...leb(offset)));
/** Stores the vector on the stack at the address below it. */
export const store = (offset: number): Code => simd(0x0b, 2, ...leb(offset));
export const advance = (pointer: number, bytes: number): Code => seq(get(pointer), constant(bytes), ADD, set(pointer));
/** Two lanes of 64 bits, widened from the lower or the upper two of 32. */
export const LONGS = { ADD: simd(0xce), WIDEN_LOW_U: simd(0xc9), WIDEN_HIGH_U: simd(0xca) } as const satisfies Readonly<
  Record<string, Code>
>;
export const block = (body: Code): Code => seq([0x02, 0x40], body, [0x0b]);
/** Repeats `body` until it leaves; inside, `repeat(0)` begins again. */
export const forever = (body: Code): Code => seq([0x03, 0x40], body, [0x0b]);
export const repeat = (depth: number): Code => [0x0c, depth];
export const repeatIf = (condition: Code): Code => seq(condition, [0x0d, 0]);
/** Out of `depth` + 1 blocks, loops and branches, when the condition is not 0. */
export const leaveIf = (condition: Code, depth: number): Code => seq(condition, [0x0d, depth]);
export const when = (condition: Code, then: Code, otherwise: Code = []): Code =>
  seq(condition, [0x04, 0x40], then, otherwise.length > 0 ? seq([0x05], otherwise) : [], [0x0b]);
/** Repeats `body` while --count > 0; count is at least 1. */
export const loop = (count: number, body: Code): Code =>
  seq([0x03, 0x40], body, get(count), constant(1), SUB, tee(count), [0x0d, 0], [0x0b]);

function flatten(code: Code, out: number[] = []): number[] {
  for (const piece of code) {
    if (typeof piece === 'number') out.push(piece);
    else flatten(piece, out);
  }
  return out;
}
/** Behind its length. */
const sized = (code: Code): Code => {
  const flat = flatten(code);
  return [leb(flat.length), flat];
};
const section = (id: number, items: readonly Code[]): Code => [id, sized([leb(items.length), ...items])];
const name = (text: string): Code => seq(leb(text.length), [...Buffer.from(text)]);

/** The module: imports the memory `env.memory`, exports the functions above. @param shared whether the memory is */
export function assemble(functions: readonly Func[], maxWasmPages: number, shared = true): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ params, result }) =>
    seq(
      [0x60],
      leb(params),
      Array.from({ length: params }, () => I32),
      result ? [1, I32] : [0],
    ),
  );
  const bodies = functions.map(({ locals, body }) => sized([leb(locals.length), ...locals.map((type) => [1, type]), body, [0x0b]]));
  return Uint8Array.from(
    flatten(
      seq(
        [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
        section(1, types),
        section(2, [seq(name('env'), name('memory'), [0x02, shared ? 0x03 : 0x01], leb(1), leb(maxWasmPages))]),
        section(
          3,
          functions.map((_, i) => leb(i)),
        ),
        section(
          7,
          functions.map(({ name: text }, i) => seq(name(text), [0x00], leb(i))),
        ),
        section(10, bodies),
      ),
    ),
  );
}

export interface WasmMemory<Bytes extends ArrayBufferLike = ArrayBuffer> {
  readonly buffer: Bytes;
  grow(pages: number): number;
}
interface Limits {
  readonly initial: number;
  readonly maximum?: number;
}
/** The part of the WebAssembly global used here; the type libraries of Node 24 leave it out. */
interface Wasm {
  readonly Memory: {
    new (limits: Limits & { readonly shared: true }): WasmMemory<SharedArrayBuffer>;
    new (limits: Limits): WasmMemory;
  };
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  /** `exports` holds the functions by their names. */
  readonly Instance: new <Exports>(module: object, imports: { readonly env: { readonly memory: object } }) => { readonly exports: Exports };
}
export const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
