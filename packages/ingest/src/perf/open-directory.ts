/** A perf recording in a directory as one input: its size and hash are those of all its files. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openSource, type OpenSource } from '../byte-source.ts';
import { openPerfDirectory, type PerfDirectorySource } from './directory.ts';

/** Throws UnreadableInputError when `data` is missing or cannot be read. */
export async function openPerfRecording(path: string): Promise<OpenSource & PerfDirectorySource> {
  const { parts } = await openPerfDirectory(path);
  const data = await openSource(join(path, 'data'));
  const files = [data.path, ...parts.map((part) => part.path)];
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
  let partBytes = 0;
  const counted = parts.map((part) => ({
    path: part.path,
    async *chunks() {
      for await (const chunk of part.chunks()) {
        partBytes += chunk.length;
        yield chunk;
      }
    },
  }));
  return {
    path,
    parts: counted,
    head: data.head,
    compression: data.compression,
    rawBytesTotal: sizeBytes,
    get rawBytesRead() {
      return data.rawBytesRead + partBytes;
    },
    chunks: () => data.chunks(),
    finish: async () => ({ sha256: await sha256OfFiles(files), sizeBytes }),
    close: () => data.close(),
  };
}

/** sha256 of the files' bytes one after the other, hex. */
export async function sha256OfFiles(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** The files that the hash of a perf directory is over, in its order. */
export async function filesOfPerfDirectory(path: string): Promise<string[]> {
  const { parts } = await openPerfDirectory(path);
  return [join(path, 'data'), ...parts.map((part) => part.path)];
}
