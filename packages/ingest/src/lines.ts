/** Lines out of byte chunks without a string per line: LF, CRLF, BOM, lines across chunks, absurd lengths, a torn last line. */
import { throwIfAborted, UnreadableInputError } from '@workset/model';
import type { ByteSource, IngestContext } from '@workset/model';

/** A line longer than this is counted (`line-too-long`) and skipped. */
export const MAX_LINE_BYTES = 1 << 20;
const LF = 10;
const CR = 13;

/**
 * Walks the whole lines of one block: after `next()` the line is bytes[from, to), without its line end.
 * bytes[to] is always CR or LF, so a scan that stops at control characters needs no bounds check.
 */
export class LineCursor {
  bytes: Buffer = Buffer.alloc(0);
  pos = 0;
  end = 0;
  from = 0;
  to = 0;
  /** Number of the current line, from 1. */
  line = 0;
  readonly #ctx: IngestContext;

  constructor(ctx: IngestContext) {
    this.#ctx = ctx;
  }

  /** Points the cursor at a block whose last byte is a line feed. */
  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  next(): boolean {
    const { bytes, end } = this;
    const from = this.pos;
    if (from >= end) return false;
    const feed = bytes.indexOf(LF, from);
    this.pos = feed + 1;
    this.line++;
    if (feed - from > MAX_LINE_BYTES) {
      this.rejectLong(this.line);
      return this.next();
    }
    this.from = from;
    this.to = feed > from && bytes[feed - 1] === CR ? feed - 1 : feed;
    return true;
  }

  /** Counts lines as read, for callers that found them themselves. */
  skip(bytes: number, lines: number): void {
    this.pos += bytes;
    this.line += lines;
  }

  rejectLong(line: number): void {
    this.#ctx.reject('line-too-long', `a line is longer than ${MAX_LINE_BYTES} bytes`, { line, severity: 'warning' });
  }
}

/**
 * Yields the same cursor again and again, each time over a block of whole lines. Strips a UTF-8 BOM.
 * A last line without line feed is given like any other and counted as `possibly-truncated`.
 * @throws UnreadableInputError for UTF-16 text
 */
export async function* lineBlocks(source: ByteSource, ctx: IngestContext): AsyncGenerator<LineCursor> {
  const cursor = new LineCursor(ctx);
  const carry = new Carry();
  let opening = true;
  for await (const chunk of source.chunks()) {
    throwIfAborted(ctx.signal);
    if (chunk.length === 0) continue;
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (opening) {
      carry.append(bytes, 0, bytes.length);
      if (carry.length < 3) continue;
      opening = false;
      bytes = Buffer.from(carry.view());
      carry.clear();
      bytes = bytes.subarray(startOfText(bytes, source.path));
    }
    yield* blocksOf(bytes, cursor, carry);
  }
  if (opening && carry.length > 0) yield* blocksOf(Buffer.from(carry.view(startOfText(carry.view(), source.path))), cursor, carry.clear());
  if (carry.skipping) cursor.line++;
  if (carry.length > 0) {
    ctx.reject('possibly-truncated', 'the last line has no line end: it may be cut', { line: cursor.line + 1, severity: 'info' });
    carry.appendLineFeed();
    cursor.reset(carry.bytes, 0, carry.length);
    yield cursor;
  }
}

/** The head of a line, kept until its line feed arrives in a later chunk. */
class Carry {
  bytes: Buffer = Buffer.allocUnsafe(4096);
  length = 0;
  /** True while the rest of an over-long line is thrown away. */
  skipping = false;

  append(bytes: Buffer, from: number, to: number): void {
    const need = this.length + (to - from) + 1;
    if (need > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(need, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    bytes.copy(this.bytes, this.length, from, to);
    this.length += to - from;
  }
  appendLineFeed(): void {
    this.bytes[this.length++] = LF;
  }
  view(from = 0): Buffer {
    return this.bytes.subarray(from, this.length);
  }
  clear(): this {
    this.length = 0;
    return this;
  }
}

function* blocksOf(bytes: Buffer, cursor: LineCursor, carry: Carry): Generator<LineCursor> {
  let start = 0;
  if (carry.length > 0 || carry.skipping) {
    const feed = bytes.indexOf(LF);
    if (feed < 0) return keep(bytes, 0, cursor, carry);
    start = feed + 1;
    if (carry.skipping) {
      carry.skipping = false;
      cursor.line++;
    } else {
      carry.append(bytes, 0, start);
      cursor.reset(carry.bytes, 0, carry.length);
      yield cursor;
      carry.clear();
    }
  }
  const end = bytes.lastIndexOf(LF) + 1;
  if (end > start) {
    cursor.reset(bytes, start, end);
    yield cursor;
    start = end;
  }
  if (start < bytes.length) keep(bytes, start, cursor, carry);
}

function keep(bytes: Buffer, from: number, cursor: LineCursor, carry: Carry): void {
  if (carry.skipping) return;
  if (carry.length + bytes.length - from <= MAX_LINE_BYTES) {
    carry.append(bytes, from, bytes.length);
    return;
  }
  cursor.rejectLong(cursor.line + 1);
  carry.clear();
  carry.skipping = true;
}

/** Offset behind a UTF-8 BOM. */
function startOfText(bytes: Uint8Array, path: string): number {
  if (looksUtf16(bytes)) {
    throw new UnreadableInputError('the text is UTF-16', { file: path, byteOffset: 0 }, 'convert it first: iconv -f UTF-16 -t UTF-8');
  }
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** True for a UTF-16 byte order mark. */
export function looksUtf16(bytes: Uint8Array): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

/** The bytes as text for messages: one char per byte, control characters as '.', at most `max` chars. */
export function quoteBytes(bytes: Uint8Array, from: number, to: number, max = 120): string {
  let text = '';
  for (let i = from; i < Math.min(to, from + max); i++) {
    const byte = bytes[i]!;
    text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : byte === 9 ? ' ' : '.';
  }
  return to - from > max ? `${text}...` : text;
}
