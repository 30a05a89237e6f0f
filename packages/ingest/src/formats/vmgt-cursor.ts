/** The bytes of a VMGT file at hand, and numbers out of them. */
import { TraceFormatError } from '@workset/model';
import type { VmgtMemory } from './vmgt-memory.ts';

/** Bytes of zero kept behind the data, so that a record cut by the end of a chunk is read without bounds checks and refused afterwards. */
const PAD = 64;

/** Thrown when a frame goes on behind the bytes at hand. */
export const MORE = Symbol('more bytes needed');
export const DAMAGED = 'the file is damaged from here on';

/** Data is bytes[start, end), then PAD zeros. `at` is the read position inside the frame that begins at `start`. */
export class VmgtCursor {
  readonly path: string;
  start = 0;
  end = 0;
  at = 0;
  /** File offset of bytes[0]. */
  offset = 0;
  readonly #memory: VmgtMemory;
  /** Where the data is once it did not fit the memory's window. */
  #large: Uint8Array<ArrayBuffer> | undefined;

  constructor(path: string, memory: VmgtMemory) {
    this.path = path;
    this.#memory = memory;
  }

  /** Another array after the memory has grown. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#large ?? this.#memory.window;
  }
  /** Whether the data is in the memory's window. */
  get isInMemory(): boolean {
    return this.#large === undefined;
  }

  push(chunk: Uint8Array): void {
    const old = this.bytes;
    const kept = this.end - this.start;
    const end = kept + chunk.length;
    if (end + PAD > old.length) {
      this.#large = new Uint8Array(2 * end + PAD);
      this.#large.set(old.subarray(this.start, this.end));
    } else {
      old.copyWithin(0, this.start, this.end);
    }
    const { bytes } = this;
    this.offset += this.start;
    this.start = 0;
    bytes.set(chunk, kept);
    this.end = end;
    bytes.fill(0, end, end + PAD);
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
