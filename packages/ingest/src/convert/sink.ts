/** A file written piece by piece under another name, and renamed when it is whole. */
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { RunError, UsageError } from '@workset/model';

const FLUSH_CHARS = 1 << 20;

export class FileSink {
  readonly path: string;
  readonly fd: number;
  bytes = 0;
  #text = '';
  #isOpen = true;

  /** Creates `path`, or empties it. Throws UsageError when that is not possible. */
  constructor(path: string) {
    this.path = path;
    try {
      this.fd = openSync(path, 'w+');
    } catch (cause) {
      throw new UsageError(`cannot create ${path}: ${(cause as Error).message}`, 'choose another --out');
    }
  }

  text(text: string): void {
    this.#text += text;
    if (this.#text.length > FLUSH_CHARS) this.flush();
  }

  /** Throws RunError when the disk is full. */
  write(bytes: Uint8Array, position: number | null = null): void {
    try {
      for (let done = 0; done < bytes.length;)
        done += writeSync(this.fd, bytes, done, bytes.length - done, position === null ? null : position + done);
    } catch (cause) {
      throw new RunError(`cannot write ${this.path}: ${(cause as Error).message}`, 'free some disk space, or choose another --out', cause);
    }
    if (position === null) this.bytes += bytes.length;
  }

  flush(): void {
    const text = this.#text;
    this.#text = '';
    if (text !== '') this.write(Buffer.from(text, 'latin1'));
  }

  read(into: Uint8Array, length: number, position: number): number {
    let done = 0;
    while (done < length) {
      const got = readSync(this.fd, into, done, length - done, position + done);
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  /** Everything on the disk. */
  close(): void {
    this.flush();
    fsyncSync(this.fd);
    this.#end();
  }

  /** Closes and deletes the file. Safe after close. */
  remove(): void {
    this.#text = '';
    this.#end();
    rmSync(this.path, { force: true });
  }

  #end(): void {
    if (this.#isOpen) closeSync(this.fd);
    this.#isOpen = false;
  }
}

/** Renames `part` to `out`; throws UsageError when `out` is a directory. */
export function publish(part: string, out: string): void {
  renameSync(part, out);
  const fd = openSync(dirname(out), 'r');
  fsyncSync(fd);
  closeSync(fd);
}

export function refuseDirectory(out: string): void {
  if (statSync(out, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new UsageError(`${out} is a directory`, 'name a file with --out');
}
