/** Bytes of a capture in one aligned window, so that readers of binary records see them whole and as 32-bit words. */
import { TraceFormatError, throwIfAborted } from '@workset/model';
import type { ByteSource } from '@workset/model';

const FIRST_CAPACITY = 1 << 16;
/** A chunk goes through the window in pieces that stay in the processor's cache. */
const PIECE_BYTES = 1 << 17;

/** A sliding window: bytes [start, end) are unread; `push` adds behind, readers advance `start`. */
export class ByteWindow {
  bytes: Uint8Array<ArrayBuffer>;
  /** The same memory as little-endian words. Valid until the next push. */
  words: Uint32Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;
  start = 0;
  end = 0;
  /** Offset in the stream of bytes[0]. */
  #base: number;
  #fill = 0;
  #limit = Number.POSITIVE_INFINITY;

  /**
   * @param base stream offset of the first byte pushed
   * @param memory to lie in until more is needed, a multiple of four bytes
   */
  constructor(base = 0, memory = new Uint8Array(FIRST_CAPACITY)) {
    this.#base = base;
    this.bytes = memory;
    this.words = wordsOf(memory);
    this.view = viewOf(memory);
  }

  /** Stream offset of the next unread byte. */
  get offset(): number {
    return this.#base + this.start;
  }
  get available(): number {
    return this.end - this.start;
  }

  /** Hides what lies at and after stream offset `offset` (the end of a section); Infinity shows all again. */
  limit(offset: number): void {
    this.#limit = offset;
    this.#clip();
  }
  get limited(): boolean {
    return this.#limit !== Number.POSITIVE_INFINITY;
  }
  get atLimit(): boolean {
    return this.#base + this.end >= this.#limit;
  }

  push(chunk: Uint8Array): void {
    if (this.#fill + chunk.length > this.bytes.length) this.#makeRoom(chunk.length);
    this.bytes.set(chunk, this.#fill);
    this.#fill += chunk.length;
    this.#clip();
  }

  /** Skips `n` bytes of those that are here; returns how many are still to be skipped. */
  skipHere(n: number): number {
    const here = Math.min(n, this.available);
    this.start += here;
    return n - here;
  }

  #clip(): void {
    this.end = Math.max(this.start, Math.min(this.#fill, this.#limit - this.#base));
  }

  #makeRoom(extra: number): void {
    const kept = this.#fill - this.start;
    const old = this.bytes;
    if (kept + extra > old.length) {
      let capacity = old.length;
      while (capacity < kept + extra) capacity *= 2;
      this.bytes = new Uint8Array(capacity);
      this.words = wordsOf(this.bytes);
      this.view = viewOf(this.bytes);
      this.bytes.set(old.subarray(this.start, this.#fill));
    } else {
      old.copyWithin(0, this.start, this.#fill);
    }
    this.#base += this.start;
    this.#fill = kept;
    this.start = 0;
  }
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  return new Uint32Array(buffer, byteOffset, length >> 2);
}
function viewOf({ buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(buffer, byteOffset, length);
}

/** A window fed from a byte source on demand. Memory grows with the bytes that arrive, never with a size a file claims. */
export class ByteReader extends ByteWindow {
  readonly path: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  #ended = false;
  #chunk: Uint8Array = new Uint8Array(0);
  /** Bytes of it that are in the window, or have been. */
  #pulled = 0;

  /** @param memory for the window, see ByteWindow */
  constructor(source: ByteSource, signal?: AbortSignal, base = 0, memory?: Uint8Array<ArrayBuffer>) {
    super(base, memory);
    this.path = source.path;
    this.#chunks = source.chunks()[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** Reads until `n` bytes are available; false at the end of the stream or section. */
  async need(n: number): Promise<boolean> {
    while (this.available < n) {
      if (this.atLimit || this.#ended) return false;
      throwIfAborted(this.#signal);
      if (this.pull()) continue;
      const next = await this.#chunks.next();
      if (next.done === true) {
        this.#ended = true;
        return this.available >= n;
      }
      this.#chunk = next.value;
      this.#pulled = 0;
    }
    return true;
  }

  /** Adds the next piece of the chunk read last; false when all of it is in the window, or what lies behind the end of the section. */
  pull(): boolean {
    const from = this.#pulled;
    if (this.atLimit || from === this.#chunk.length) return false;
    this.#pulled = Math.min(this.#chunk.length, from + PIECE_BYTES);
    this.push(this.#chunk.subarray(from, this.#pulled));
    return true;
  }

  /** True when the section was read to its limit, or to the end of a stream without one. */
  get atSectionEnd(): boolean {
    return this.limited ? this.atLimit : this.#ended;
  }

  /** Skips `n` bytes; returns how many were missing at the end. */
  async skip(n: number): Promise<number> {
    let left = this.skipHere(n);
    while (left > 0 && (await this.need(1))) left = this.skipHere(left);
    return left;
  }

  /** A copy of the next `n` bytes. Throws TraceFormatError when the stream is shorter. */
  async take(n: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
    if (!(await this.need(n))) {
      throw new TraceFormatError(`${what} needs ${n} bytes, ${this.available} are left`, { file: this.path, byteOffset: this.offset });
    }
    const taken = this.bytes.slice(this.start, this.start + n);
    this.start += n;
    return taken;
  }

  /** Everything up to the end of the stream, at most `cap` bytes. */
  async rest(cap: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.available < cap && (await this.need(this.available + 1))) {
      // need() grows the window by whatever the source gives
    }
    const n = Math.min(cap, this.available);
    const taken = this.bytes.slice(this.start, this.start + n);
    this.start += n;
    return taken;
  }
}

/** Number of the u64 at `at`, rounded to a double. */
export function u64(view: DataView, at: number, little: boolean): number {
  const a = view.getUint32(at, little);
  const b = view.getUint32(at + 4, little);
  return little ? b * 0x1_0000_0000 + a : a * 0x1_0000_0000 + b;
}

/** Page number (address >> 12) of the u64 address at `at`, exact for all 64-bit addresses. */
export function pageAt(view: DataView, at: number, little: boolean): number {
  const a = view.getUint32(at, little);
  const b = view.getUint32(at + 4, little);
  return little ? b * 0x10_0000 + (a >>> 12) : a * 0x10_0000 + (b >>> 12);
}

/** NUL-terminated latin1 text in [from, to). */
export function cString(bytes: Uint8Array, from: number, to: number): string {
  let end = from;
  while (end < to && bytes[end] !== 0) end++;
  let text = '';
  for (let i = from; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** A source over bytes already in memory. */
export function memorySource(path: string, pieces: readonly Uint8Array[]): ByteSource {
  return {
    path,
    async *chunks() {
      yield* pieces;
    },
  };
}
