/** The bytes of a VMGT file at hand, and numbers out of them. */
import { TraceFormatError } from '@workset/model';

/** Bytes of zero kept behind the data, so that a record cut by the end of a chunk is read without bounds checks and refused afterwards. */
const PAD = 64;
/** Room at first: a chunk of a file and the rest of the one before it. */
const FIRST_BYTES = 1 << 19;

/** Thrown when a frame goes on behind the bytes at hand. */
export const MORE = Symbol('more bytes needed');
export const DAMAGED = 'the file is damaged from here on';

/** Data is bytes[start, end), then PAD zeros. `at` is the read position inside the frame that begins at `start`. */
export class VmgtCursor {
  readonly path: string;
  bytes = new Uint8Array(FIRST_BYTES + PAD);
  start = 0;
  end = 0;
  at = 0;
  /** File offset of bytes[0]. */
  offset = 0;

  constructor(path: string) {
    this.path = path;
  }

  push(chunk: Uint8Array): void {
    const kept = this.end - this.start;
    if (kept + chunk.length + PAD > this.bytes.length) {
      const bytes = new Uint8Array(2 * (kept + chunk.length) + PAD);
      bytes.set(this.bytes.subarray(this.start, this.end));
      this.bytes = bytes;
    } else {
      this.bytes.copyWithin(0, this.start, this.end);
    }
    this.offset += this.start;
    this.start = 0;
    this.bytes.set(chunk, kept);
    this.end = kept + chunk.length;
    this.bytes.fill(0, this.end, this.end + PAD);
  }

  error(message: string, hint: string | undefined, at: number): TraceFormatError {
    return new TraceFormatError(message, { file: this.path, byteOffset: this.offset + at }, hint);
  }

  byte(): number {
    if (this.at >= this.end) throw MORE;
    return this.bytes[this.at++]!;
  }

  /** LEB128, exact below 2^53. @param lossy marker values may be any 64-bit number; larger ones are rounded */
  varint(lossy = false): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.at >= this.end) throw MORE;
      const byte = this.bytes[this.at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER && !lossy) throw this.error(`a number of ${value} is out of range`, DAMAGED, this.at);
        return value;
      }
      scale *= 128;
    }
    throw this.error('a number is longer than 10 bytes', DAMAGED, this.at);
  }
}
