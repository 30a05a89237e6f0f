/** A file that is whole or absent: written beside its place, synced, renamed. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';

import { throwIfAborted } from '@workset/model';

/** Replaces `path`; on any failure nothing is left and what was there stays. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const part = `${path}.part`;
  try {
    const file = await open(part, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** The same for content that comes piece by piece. */
export async function writeAll(pieces: AsyncIterable<string | Uint8Array>, path: string, signal: AbortSignal): Promise<void> {
  const part = `${path}.part`;
  const file = createWriteStream(part, { flush: true });
  await once(file, 'open');
  try {
    for await (const piece of pieces) {
      throwIfAborted(signal);
      if (!file.write(piece)) await once(file, 'drain');
    }
    file.end();
    await once(file, 'close');
    await rename(part, path);
  } catch (error) {
    file.destroy();
    await rm(part, { force: true });
    throw error;
  }
}
