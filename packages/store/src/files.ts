/** Durable files: whole writes and reads, hashes, and directories that appear all at once. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  writevSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
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

/** Writes all pieces, one after the other, from `position` on. */
export function writeAllAt(fd: number, pieces: readonly Uint8Array[], position: number): void {
  const all = pieces.reduce((sum, { length }) => sum + length, 0);
  if (all === 0 || writevSync(fd, pieces, position) === all) return;
  // The system took a part: the rest as it comes, and so what stands in its way is said.
  for (const piece of pieces) {
    writeFullyAt(fd, piece, position);
    position += piece.length;
  }
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

/** The same of several files at once: the disk is waited for once, not once for each. */
export async function syncPaths(paths: readonly string[]): Promise<void> {
  await Promise.all(
    paths.map(async (path) => {
      const file = await open(path, 'r');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    }),
  );
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
