/** Opens a file, stdin or a perf directory as decompressed bytes; size and sha256 of the raw bytes on the way. */
import { createHash, type Hash } from 'node:crypto';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { TraceFormatError, UnreadableInputError, WorksetError, type ByteSource } from '@workset/model';
import { CodecError, compressionOf, decompress, type Compression } from './codecs/index.ts';

/** Bytes shown to the sniffers. */
export const HEAD_BYTES = 65536;
/** Stays in the cache from reading to hashing to decoding. */
const CHUNK_BYTES = 1 << 18;
const STDIN = '-';

export type { Compression };

/** A ByteSource whose head can be looked at first, and which knows the raw file it came from. */
export interface OpenSource extends ByteSource {
  readonly compression: Compression;
  /** First decompressed bytes, up to HEAD_BYTES; chunks() still starts at byte 0. */
  readonly head: Uint8Array;
  /** Raw bytes read so far, for progress. */
  readonly rawBytesRead: number;
  /** Size of the raw file, null for a pipe. */
  readonly rawBytesTotal: number | null;
  /** Reads what is left and returns facts about the raw bytes. Throws TraceFormatError when the rest is damaged. */
  finish(): Promise<{ readonly sha256: string; readonly sizeBytes: number }>;
  /** Saves hashing the raw bytes again. */
  knowHash?(sha256: string): void;
  /** Frees the file; safe to call twice and half-way. */
  close(): void;
}

/**
 * @param path a file, a pipe, "-" for stdin, or a directory of perf record --threads
 * @throws UnreadableInputError for a missing, empty or unreadable file, or any other directory
 * @throws TraceFormatError when the compressed head is damaged
 */
export async function openSource(path: string): Promise<OpenSource> {
  if (path !== STDIN && (await isDirectory(path))) return openDirectory(path);
  const sizeBytes = path === STDIN ? null : await checkReadable(path);
  const source = new Source(path, path === STDIN ? process.stdin : new FileChunks(path), sizeBytes);
  try {
    await source.start();
    return source;
  } catch (error) {
    source.close();
    throw error;
  }
}

/** A source over bytes already in memory, cut into chunks of `chunkBytes`; each chunk is overwritten after use, as a reader might. */
export function sourceOfBytes(path: string, bytes: Uint8Array, chunkBytes: number = CHUNK_BYTES): ByteSource {
  return {
    path,
    async *chunks() {
      for (let i = 0; i < bytes.length; i += chunkBytes) {
        const chunk = bytes.slice(i, i + chunkBytes);
        yield chunk;
        chunk.fill(0xaa);
      }
    },
  };
}

/** Where raw bytes come from: stdin or a file. */
interface RawStream extends AsyncIterable<Uint8Array> {
  destroy(): void;
}

/** A file in chunks. */
class FileChunks implements RawStream {
  readonly #path: string;
  #file: FileHandle | undefined;
  #isDestroyed = false;
  /** Chunks take turns in two buffers: one per chunk keeps the garbage collector busy. Only for readers that are done with the last chunk when they ask for the next. */
  reusesBuffers = false;

  constructor(path: string) {
    this.#path = path;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const file = await open(this.#path, 'r');
    this.#file = file;
    try {
      // What is opened to be recognised is not read further.
      let next = Buffer.allocUnsafeSlow(HEAD_BYTES);
      let last: Buffer<ArrayBuffer> | undefined;
      while (!this.#isDestroyed) {
        const { bytesRead } = await file.read(next, 0, next.length, null);
        if (bytesRead === 0) return;
        yield next.subarray(0, bytesRead);
        const free = this.reusesBuffers && last?.length === CHUNK_BYTES ? last : Buffer.allocUnsafeSlow(CHUNK_BYTES);
        last = next;
        next = free;
      }
    } finally {
      this.#close();
    }
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#close();
  }

  #close(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close().catch(() => {});
  }
}

class Source implements OpenSource {
  readonly path: string;
  readonly rawBytesTotal: number | null;
  compression: Compression = 'none';
  head: Uint8Array = new Uint8Array(0);
  rawBytesRead = 0;
  readonly #stream: RawStream;
  #hash: Hash | undefined = createHash('sha256');
  #sha256: string | undefined;
  #rest: AsyncIterator<Uint8Array> | undefined;
  #pending: Uint8Array[] = [];
  #iterated = false;

  constructor(path: string, stream: RawStream, rawBytesTotal: number | null) {
    this.path = path;
    this.#stream = stream;
    this.rawBytesTotal = rawBytesTotal;
  }

  async start(): Promise<void> {
    const raw = this.#rawChunks();
    const { chunks, bytes: magic } = await this.#typed(() => gather(raw, 16));
    if (magic.length === 0) {
      throw new UnreadableInputError(
        'the file is empty',
        { file: this.path },
        'the capture tool wrote nothing: check that it ran to its end',
      );
    }
    this.compression = compressionOf(magic);
    // decompressors read ahead
    if (this.compression === 'none' && this.#stream instanceof FileChunks) this.#stream.reusesBuffers = true;
    this.#rest = await decompress(replay(chunks, raw), this.compression);
    const head = await this.#typed(() => gather(this.#rest!, HEAD_BYTES));
    this.#pending = head.chunks;
    this.head = head.bytes;
    if (head.bytes.length === 0) {
      throw new UnreadableInputError(
        `the ${this.compression} file holds nothing`,
        { file: this.path },
        'the capture tool wrote nothing: check that it ran to its end',
      );
    }
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    if (this.#iterated) throw new Error('a ByteSource is read once');
    this.#iterated = true;
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) yield chunk;
  }

  async finish(): Promise<{ sha256: string; sizeBytes: number }> {
    while ((await this.#next()) !== undefined) continue;
    this.#sha256 ??= this.#hash!.digest('hex');
    return { sha256: this.#sha256, sizeBytes: this.rawBytesRead };
  }

  knowHash(sha256: string): void {
    this.#sha256 = sha256;
    this.#hash = undefined;
  }

  close(): void {
    this.#stream.destroy();
    // xz-decompress has one decoder at a time: the next would wait for the end of a stream of which only the head was looked at
    this.#rest?.return?.()?.catch(() => {});
  }

  async #next(): Promise<Uint8Array | undefined> {
    const first = this.#pending.shift();
    if (first !== undefined) return first;
    const next = await this.#typed(() => this.#rest!.next());
    return next.done === true ? undefined : next.value;
  }

  async *#rawChunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#stream) {
      const bytes = chunk as Uint8Array;
      this.rawBytesRead += bytes.length;
      this.#hash?.update(bytes);
      yield bytes;
    }
  }

  /** Runs a read and turns what the file system and zlib throw into typed errors. */
  async #typed<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw error instanceof WorksetError ? error : this.#damaged(error);
    }
  }

  #damaged(error: unknown): Error {
    if (error instanceof CodecError) return this.#codecDamage(error);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^(Z_|ZSTD_|ERR_Z)/.test(code)) return unreadable(this.path, error);
    const truncated = code === 'Z_BUF_ERROR' || /unexpected end|src size|truncated/i.test(message);
    return this.#codecDamage(new CodecError(message, truncated, error));
  }

  #codecDamage(error: CodecError): TraceFormatError {
    const place = { file: this.path, byteOffset: this.rawBytesRead };
    const check = `check it with: ${this.compression} -t ${this.path}`;
    return error.truncated
      ? new TraceFormatError(
          `the file is truncated: its ${this.compression} stream has no end`,
          place,
          `copy it again from the machine that recorded it; ${check}`,
          error,
        )
      : new TraceFormatError(`the ${this.compression} stream is damaged (${error.message})`, place, check, error);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function openDirectory(path: string): Promise<OpenSource> {
  const { isPerfDirectory } = await import('./perf/directory.ts');
  if (await isPerfDirectory(path)) return (await import('./perf/open-directory.ts')).openPerfRecording(path);
  throw new UnreadableInputError(
    'this is a directory, not a capture file',
    { file: path },
    'name one of its files, or ingest all of it as one capture set: workset ingest DIR -o out.trace',
  );
}

async function checkReadable(path: string): Promise<number | null> {
  try {
    const info = await stat(path);
    if (info.isFile()) await (await open(path, 'r')).close();
    return info.isFile() ? info.size : null;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): UnreadableInputError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT')
    return new UnreadableInputError('no such file', { file: path }, 'check the path; relative paths start at the current directory', error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new UnreadableInputError(
      'permission denied',
      { file: path },
      'captures of perf and sysfs often belong to root: change the owner, or read it as that user',
      error,
    );
  }
  return new UnreadableInputError(`the file cannot be read (${code ?? String(error)})`, { file: path }, undefined, error);
}

/** Takes chunks until they hold `n` bytes or the stream ends; `bytes` is at most n long. */
async function gather(source: AsyncIterator<Uint8Array>, n: number): Promise<{ chunks: Uint8Array[]; bytes: Uint8Array }> {
  const chunks: Uint8Array[] = [];
  for (let have = 0; have < n;) {
    const next = await source.next();
    if (next.done === true) break;
    chunks.push(next.value);
    have += next.value.length;
  }
  return { chunks, bytes: new Uint8Array(Buffer.concat(chunks.length === 1 ? [chunks[0]!.subarray(0, n)] : chunks).subarray(0, n)) };
}

async function* replay(first: readonly Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* rest;
}

/** True when `bytes` begins with `magic`. */
export function startsWith(bytes: Uint8Array, magic: readonly number[] | string): boolean {
  if (bytes.length < magic.length) return false;
  for (let i = 0; i < magic.length; i++) {
    if (bytes[i] !== (typeof magic === 'string' ? magic.charCodeAt(i) : magic[i])) return false;
  }
  return true;
}
