/** zlib streams (damo's json_compressed): inflated on the way, what comes before damage is kept. */
import { Readable } from 'node:stream';
import { constants, createInflate, inflateSync } from 'node:zlib';
import type { ByteSource } from '@workset/model';

/** Small pieces at first, so that little of a short damaged file is lost; large ones later, for speed. */
const SMALL_BYTES = 512;
const LARGE_BYTES = 65536;
const SMALL_UNTIL = 65536;

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

/**
 * Copies in pieces of one size: the decoder keeps chunks while the source may reuse them, and at damage it loses what the
 * failing piece had already given, so pieces are small and the same however the bytes arrive.
 */
async function* copies(source: ByteSource): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(SMALL_BYTES);
  let n = 0;
  let given = 0;
  for await (const chunk of source.chunks()) {
    for (let at = 0; at < chunk.length;) {
      const step = Math.min(chunk.length - at, piece.length - n);
      piece.set(chunk.subarray(at, at + step), n);
      n += step;
      at += step;
      if (n < piece.length) continue;
      given += n;
      yield piece;
      piece = new Uint8Array(given < SMALL_UNTIL ? SMALL_BYTES : LARGE_BYTES);
      n = 0;
    }
  }
  if (n > 0) yield piece.subarray(0, n);
}
