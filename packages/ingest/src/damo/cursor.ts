/** A JSON reader over a byte window: values are read whole or not at all, so that a file of any size streams through. */
import type { ByteWindow } from '../binary.ts';

/** Thrown when the window ends inside a value: the caller reads more and tries again. Without a stack: it is common. */
export const NEED_MORE = { need: 'more bytes' } as const;

/** Thrown where the text is not JSON, or not of the expected shape. */
export class JsonDamage {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export type JsonValue = null | boolean | string | JsonNumber | JsonValue[] | Map<string, JsonValue>;
/** A number keeps its digits: ids exceed 2^53. */
export class JsonNumber {
  readonly digits: string;
  constructor(digits: string) {
    this.digits = digits;
  }
}

const QUOTE = 34;
const BACKSLASH = 92;
const MAX_DEPTH = 32;
/** One value outside the region lists; more is damage (a lost quote). */
const MAX_VALUE_BYTES = 16 << 20;

export class JsonCursor {
  bytes: Uint8Array;
  pos: number;
  end: number;

  constructor(win: ByteWindow) {
    this.bytes = win.bytes;
    this.pos = win.start;
    this.end = win.end;
  }

  /** Looks at the window again, from its start. */
  attach(win: ByteWindow): void {
    this.bytes = win.bytes;
    this.pos = win.start;
    this.end = win.end;
  }

  /** The next byte that is not white space, without taking it. */
  peek(): number {
    const { bytes, end } = this;
    let { pos } = this;
    while (pos < end) {
      const byte = bytes[pos]!;
      // every control character counts as white space: none has a meaning here
      if (byte > 32) {
        this.pos = pos;
        return byte;
      }
      pos++;
    }
    this.pos = pos;
    throw NEED_MORE;
  }

  expect(byte: number): void {
    const seen = this.peek();
    if (seen !== byte) throw new JsonDamage(`"${String.fromCharCode(byte)}" expected, found "${String.fromCharCode(seen)}"`);
    this.pos++;
  }

  /** Before an item of a list or object: false when `close` was taken. */
  next(first: boolean, close: number): boolean {
    const byte = this.peek();
    if (byte === close) {
      this.pos++;
      return false;
    }
    if (!first) this.expect(44);
    return true;
  }

  /** Takes a string without decoding; its bytes are [from, to) of the result. Escapes stay as they are. */
  skipString(): number {
    this.expect(QUOTE);
    const { bytes, end } = this;
    const from = this.pos;
    let at = from;
    while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
    if (at >= end) {
      if (at - from > MAX_VALUE_BYTES) throw new JsonDamage('a string without end');
      throw NEED_MORE;
    }
    this.pos = at + 1;
    return from;
  }

  string(): string {
    const from = this.skipString();
    const raw = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + from, this.pos - 1 - from).toString('utf8');
    return raw.includes('\\') ? unescape(raw) : raw;
  }

  key(): string {
    const key = this.string();
    this.expect(58);
    return key;
  }

  value(depth = 0): JsonValue {
    if (depth > MAX_DEPTH) throw new JsonDamage('values nested too deep');
    const byte = this.peek();
    if (byte === QUOTE) return this.string();
    if (byte === 91) {
      this.pos++;
      const list: JsonValue[] = [];
      while (this.next(list.length === 0, 93)) list.push(this.value(depth + 1));
      return list;
    }
    if (byte === 123) {
      this.pos++;
      const object = new Map<string, JsonValue>();
      for (let first = true; this.next(first, 125); first = false) object.set(this.key(), this.value(depth + 1));
      return object;
    }
    return this.#word();
  }

  /** Takes any value without keeping it. */
  skipValue(depth = 0): void {
    if (depth > MAX_DEPTH) throw new JsonDamage('values nested too deep');
    const byte = this.peek();
    if (byte === QUOTE) {
      this.skipString();
    } else if (byte === 91) {
      this.pos++;
      for (let first = true; this.next(first, 93); first = false) this.skipValue(depth + 1);
    } else if (byte === 123) {
      this.pos++;
      for (let first = true; this.next(first, 125); first = false) {
        this.skipString();
        this.expect(58);
        this.skipValue(depth + 1);
      }
    } else if (!this.skipNull()) {
      this.#word();
    }
  }

  /** Takes `null` if it is next. */
  skipNull(): boolean {
    const { bytes, pos, end } = this;
    if (bytes[pos] !== 110) return false;
    if (pos + 4 > end) throw NEED_MORE;
    if (bytes[pos + 1] !== 117 || bytes[pos + 2] !== 108 || bytes[pos + 3] !== 108) return false;
    this.pos = pos + 4;
    return true;
  }

  /** null, true, false or a number. */
  #word(): null | boolean | JsonNumber {
    const { bytes, end } = this;
    const from = this.pos;
    let at = from;
    // letters, digits, + - .
    while (at < end && isWordByte(bytes[at]!)) at++;
    if (at >= end) throw NEED_MORE;
    const word = String.fromCharCode(...bytes.subarray(from, Math.min(at, from + 64)));
    this.pos = at;
    if (word === 'null' || word === 'NaN') return null;
    if (word === 'true' || word === 'false') return word === 'true';
    if (!/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(word))
      throw new JsonDamage(`a value expected, found ${JSON.stringify(word === '' ? String.fromCharCode(bytes[from]!) : word)}`);
    return new JsonNumber(word);
  }
}

function isWordByte(byte: number): boolean {
  const lower = byte | 32;
  return (byte >= 48 && byte <= 57) || (lower >= 97 && lower <= 122) || byte === 43 || byte === 45 || byte === 46;
}

function unescape(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    throw new JsonDamage('a string with a bad escape');
  }
}
