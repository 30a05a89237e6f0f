/** zlib streams (damo's json_compressed): inflated on the way, what comes before damage is kept. */
import { Readable } from 'node:stream';
import { constants, createInflate, inflateSync } from 'node:zlib';
import type { ByteSource } from '@workset/model';

/** `78 01`, `78 5e`, `78 9c`, `78 da` */
export function isZlib(head: Uint8Array): boolean {
  return head.length >= 2 && head[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(head[1]!);
}

/** The first bytes of a zlib stream, inflated as far as they go; empty when they are damaged. */
export function inflateHead(head: Uint8Array): Uint8Array {
  try {
    return inflateSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 1 << 26 });
  } catch {
    return new Uint8Array(0);
  }
}

/** The inflated bytes of `source`. Ends early at damage and says so through `onDamage`. */
export function inflated(source: ByteSource, onDamage: (message: string) => void): ByteSource {
  return {
    path: source.path,
    async *chunks() {
      const inflate = createInflate({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 1 << 18 });
      const input = Readable.from(copies(source));
      // an error of the source itself must reach the reader
      input.on('error', (error) => inflate.destroy(error));
      input.pipe(inflate);
      let sourceError: Error | null = null;
      input.on('error', (error) => (sourceError = error));
      try {
        yield* inflate as AsyncIterable<Uint8Array>;
      } catch (error) {
        if (sourceError !== null) throw sourceError;
        onDamage((error as Error).message);
      } finally {
        input.destroy();
        inflate.destroy();
      }
    },
  };
}

/** The decoder keeps chunks while the source may reuse them. */
async function* copies(source: ByteSource): AsyncGenerator<Uint8Array> {
  for await (const chunk of source.chunks()) yield chunk.slice();
}
