/** LZ4 frames (also legacy, concatenated and skippable ones), block by block; blocks are decoded by lz4-napi. Layout: lz4_Frame_format.md. */
import lz4 from 'lz4-napi';
import { CodecError } from './index.ts';
import { Xxh32 } from './xxh32.ts';

const FRAME = 0x184d2204;
const LEGACY = 0x184c2102;
/** 16 magic numbers of frames to be skipped. */
const SKIPPABLE = 0x184d2a50;
const LEGACY_BLOCK_BYTES = 8 << 20;
/** A linked block may refer this far back into the ones before. */
const WINDOW_BYTES = 65536;
/** By bits 4-6 of the BD byte. */
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 64 << 10, 5: 256 << 10, 6: 1 << 20, 7: 4 << 20 };
const STORED = 0x80000000;

export async function* decodeLz4(raw: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = new Input(raw);
  let legacy = false;
  while (await input.has(4)) {
    const magic = input.u32();
    if (magic === FRAME) {
      legacy = false;
      yield* frame(input);
    } else if (magic === LEGACY) {
      legacy = true;
      yield* legacyFrame(input);
    } else if ((magic & ~15) >>> 0 === SKIPPABLE) {
      await input.take(4);
      await input.skip(input.peeked.readUInt32LE(0));
    } else {
      throw new CodecError(legacy ? 'a legacy block of impossible size' : 'no frame starts where one should', false);
    }
  }
  if (input.available > 0) throw new CodecError('it ends inside a frame header', true);
}

async function* frame(input: Input): AsyncGenerator<Uint8Array> {
  const descriptor = Buffer.from(await input.take(2));
  const [flags, sizes] = [descriptor[0]!, descriptor[1]!];
  if (flags >> 6 !== 1) throw new CodecError(`frame version ${flags >> 6} is not known`, false);
  const blockBytes = BLOCK_BYTES[(sizes >> 4) & 7];
  if (blockBytes === undefined) throw new CodecError('a frame with an unknown block size', false);
  if ((flags & 1) !== 0) throw new CodecError('it needs a dictionary', false);
  const isLinked = (flags & 0x20) === 0;
  const extra = Buffer.from(await input.take((flags & 8) === 0 ? 0 : 8));
  const headerSum = (await input.take(1))[0]!;
  if (((Xxh32.of(Buffer.concat([descriptor, extra])) >>> 8) & 255) !== headerSum)
    throw new CodecError('the frame header does not have its checksum', false);
  const sum = (flags & 4) === 0 ? undefined : new Xxh32();
  let window: Buffer | undefined;
  for (;;) {
    await input.take(4);
    const size = input.peeked.readUInt32LE(0);
    if (size === 0) break;
    const bytes = size & ~STORED;
    if (bytes > blockBytes) throw new CodecError(`a block of ${bytes} bytes in a frame of ${blockBytes}-byte blocks`, false);
    const body = await input.take(bytes);
    const block = size >>> 31 === 1 ? Buffer.from(body) : decodeBlock(body, blockBytes, window);
    if ((flags & 0x10) !== 0) {
      const expected = Xxh32.of(body);
      await input.take(4);
      if (input.peeked.readUInt32LE(0) !== expected) throw new CodecError('a block does not have its checksum', false);
    }
    sum?.update(block);
    if (isLinked)
      window =
        block.length >= WINDOW_BYTES || window === undefined
          ? block.subarray(-WINDOW_BYTES)
          : Buffer.concat([window, block]).subarray(-WINDOW_BYTES);
    yield block;
  }
  if (sum === undefined) return;
  await input.take(4);
  if (input.peeked.readUInt32LE(0) !== sum.digest()) throw new CodecError('the frame does not have its checksum', false);
}

/** Blocks up to the end or the next magic number, which no block size can be. */
async function* legacyFrame(input: Input): AsyncGenerator<Uint8Array> {
  while (await input.has(4)) {
    const size = input.look();
    if (size === FRAME || size === LEGACY || (size & ~15) >>> 0 === SKIPPABLE) return;
    if (size > LEGACY_BLOCK_BYTES + (LEGACY_BLOCK_BYTES >> 7) + 16) throw new CodecError(`a legacy block of ${size} bytes`, false);
    await input.take(4);
    yield decodeBlock(await input.take(size), LEGACY_BLOCK_BYTES, undefined);
  }
}

/** lz4-napi takes the room for the result as a 32-bit prefix. */
function decodeBlock(body: Uint8Array, maxBytes: number, window: Buffer | undefined): Buffer {
  const sized = Buffer.allocUnsafe(4 + body.length);
  sized.writeUInt32LE(maxBytes, 0);
  sized.set(body, 4);
  try {
    return lz4.uncompressSync(sized, window);
  } catch (error) {
    throw new CodecError((error as Error).message, false, error);
  }
}

/** Exact numbers of bytes out of chunks of any size. */
class Input {
  /** What take() gave last. */
  peeked: Buffer = Buffer.alloc(0);
  readonly #raw: AsyncGenerator<Uint8Array>;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(raw: AsyncGenerator<Uint8Array>) {
    this.#raw = raw;
  }

  get available(): number {
    return this.#bytes.length - this.#at;
  }

  async has(n: number): Promise<boolean> {
    if (this.available >= n) return true;
    const parts: Uint8Array[] = [this.#bytes.subarray(this.#at)];
    let have = this.available;
    while (have < n) {
      const next = await this.#raw.next();
      if (next.done === true) break;
      parts.push(next.value);
      have += next.value.length;
    }
    this.#bytes = Buffer.concat(parts);
    this.#at = 0;
    return have >= n;
  }

  /** The next n bytes, valid until the next call. Throws CodecError when they are not there. */
  async take(n: number): Promise<Buffer> {
    if (!(await this.has(n))) throw new CodecError('it ends inside a frame', true);
    this.peeked = this.#bytes.subarray(this.#at, this.#at + n);
    this.#at += n;
    return this.peeked;
  }

  async skip(n: number): Promise<void> {
    for (let left = n; left > 0;) {
      if (!(await this.has(1))) throw new CodecError('it ends inside a skipped frame', true);
      const step = Math.min(left, this.available);
      this.#at += step;
      left -= step;
    }
  }

  look(): number {
    return this.#bytes.readUInt32LE(this.#at);
  }

  u32(): number {
    const value = this.look();
    this.#at += 4;
    return value;
  }
}
