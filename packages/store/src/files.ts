/** Durable files: whole writes and reads, hashes, and directories that appear all at once. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  open,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  writev,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { RunError, UsageError } from '@workset/model';

const COPY_BYTES = 4 << 20;

/**
 * Makes a directory and its missing parents. Throws UsageError. Not mkdirSync's own `recursive`, which never returns on a file
 * system that answers ENOENT to every mkdir, such as /proc.
 */
export function makeDirectory(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent);
  try {
    mkdirSync(path);
  } catch (cause) {
    // Another worker may have made it meanwhile.
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST' && statSync(path).isDirectory()) return;
    throw new UsageError(`cannot create ${path}: ${(cause as Error).message}`, 'choose another --out');
  }
}

/** Writes all bytes of a view at the file's position. Throws RunError when the disk is full. */
export function writeFully(fd: number, bytes: NodeJS.ArrayBufferView): void {
  for (let done = 0; done < bytes.byteLength;) done += writeSome(fd, bytes, done, null);
}

/** Overwrites bytes from `position` on. */
export function writeFullyAt(fd: number, bytes: NodeJS.ArrayBufferView, position: number): void {
  for (let done = 0; done < bytes.byteLength;) done += writeSome(fd, bytes, done, position + done);
}

function writeSome(fd: number, bytes: NodeJS.ArrayBufferView, from: number, position: number | null): number {
  try {
    return writeSync(fd, bytes, from, bytes.byteLength - from, position);
  } catch (cause) {
    throw new RunError(`cannot write the trace: ${(cause as Error).message}`, 'free some disk space, or choose another --out', cause);
  }
}

const writevSome = promisify(writev);
const openFile = promisify(open);
/** What is written is on the disk: one request of a thread, and of the event loop, rather than two. */
const WRITE_DURABLY = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_DSYNC;

/** Makes a durable file of the pieces, one after the other, while this thread goes on; several side by side. Throws RunError. */
export async function writeFile(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  let fd: number | undefined;
  try {
    fd = await openFile(path, WRITE_DURABLY);
    await writePieces(fd, pieces, 0);
  } catch (cause) {
    throw writingFailed(path, cause);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

async function writePieces(fd: number, pieces: readonly Uint8Array[], position: number): Promise<void> {
  // The system may take a part of them.
  for (let rest = pieces, at = position; rest.length > 0;) {
    const { bytesWritten } = await writevSome(fd, rest, at);
    rest = behind(rest, bytesWritten);
    at += bytesWritten;
  }
}

/** A file that other threads write, from its start, while this one makes more of it. */
export class FileStream {
  readonly #path: string;
  #fd: number | undefined;
  #end = 0;
  /** All that was begun; never rejects. */
  #written: Promise<unknown> = Promise.resolve();
  #waitingBytes = 0;
  #failure: unknown;

  constructor(path: string) {
    this.#path = path;
  }

  /** The pieces may not change any more. They are on their way at once, beside what was appended before: a busy thread seldom hears that it was written. */
  append(pieces: readonly Uint8Array[]): void {
    const bytes = lengthOf(pieces);
    const position = this.#end;
    this.#end += bytes;
    this.#waitingBytes += bytes;
    const write = this.#write(pieces, position)
      .catch((cause: unknown) => void (this.#failure ??= cause))
      .then(() => void (this.#waitingBytes -= bytes));
    this.#written = Promise.all([this.#written, write]);
  }

  /** What to wait for, if anything, when no more than `bytes` are to wait to be written. Rejects with RunError. */
  room(bytes: number): Promise<void> | undefined {
    return this.#waitingBytes > bytes || this.#failure !== undefined ? this.#written.then(() => this.#check()) : undefined;
  }
  /** All is written. Rejects with RunError; the file is closed in any case. */
  async end(): Promise<void> {
    await this.stop();
    this.#check();
  }
  /** Nothing is written any more; what was, is left. */
  async stop(): Promise<void> {
    await this.#written;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  async #write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    if (this.#failure !== undefined) return;
    // At once, so that the first pieces are on their way before this thread looks at anything else.
    this.#fd ??= openSync(this.#path, WRITE_DURABLY);
    await writePieces(this.#fd, pieces, position);
  }
  #check(): void {
    if (this.#failure !== undefined) throw writingFailed(this.#path, this.#failure);
  }
}

function writingFailed(path: string, cause: unknown): RunError {
  return new RunError(`cannot write ${path}: ${(cause as Error).message}`, 'free some disk space, or choose another --out', cause);
}
function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** The pieces without their first `bytes` bytes. */
function behind(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let from = 0;
  for (; from < pieces.length && bytes >= pieces[from]!.length; from++) bytes -= pieces[from]!.length;
  return bytes === 0 ? pieces.slice(from) : [pieces[from]!.subarray(bytes), ...pieces.slice(from + 1)];
}

/** Waits for all of them, then throws what the first one failed of, if one did. */
export async function allDone(works: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(works);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** Reads `length` bytes from `position` into the start of `into`; returns how many there were. */
export function readFully(fd: number, into: NodeJS.ArrayBufferView, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const got = readSync(fd, into, done, length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** The bytes of a whole file; unlike `readFileSync` it has no 2 GiB limit. */
export function readWhole(path: string): Uint8Array<ArrayBuffer> {
  const fd = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(fstatSync(fd).size);
    return bytes.subarray(0, readFully(fd, bytes, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

/** Lower-case hex SHA-256 of bytes in memory. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Lower-case hex SHA-256 of a file, read piece by piece. */
export function sha256File(path: string): string {
  const hash = createHash('sha256');
  const piece = new Uint8Array(COPY_BYTES);
  const fd = openSync(path, 'r');
  try {
    for (let position = 0; ;) {
      const got = readFully(fd, piece, piece.length, position);
      if (got === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, got));
      position += got;
    }
  } finally {
    closeSync(fd);
  }
}

/** Forces a file's or directory's contents to the disk. */
export function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Renames directory `from` to `to`, moving what was at `to` out of the way first: at every instant one of them is whole. */
export function replaceDirectory(from: string, to: string, toExists: boolean): void {
  const old = `${to}.old`;
  rmSync(old, { recursive: true, force: true });
  if (toExists) renameSync(to, old);
  renameSync(from, to);
  syncPath(dirname(to));
  rmSync(old, { recursive: true, force: true });
}
