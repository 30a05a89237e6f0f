/** A file that is whole or absent: written beside its place, synced, renamed. */
import { open, rename, rm } from 'node:fs/promises';

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
