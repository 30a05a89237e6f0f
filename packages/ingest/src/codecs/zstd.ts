/** zstd by Node's zlib, frame after frame: Node ends its stream with the first frame that other bytes follow, so each rest gets a new decoder. */
import { createZstdDecompress, type ZstdDecompress } from 'node:zlib';

export async function* decodeZstd(raw: AsyncGenerator<Uint8Array>, chunkBytes: number): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array | undefined = new Uint8Array(0);
  while (rest !== undefined) {
    const decoder = createZstdDecompress({ chunkSize: chunkBytes });
    const fed: Promise<Uint8Array | undefined> = feed(raw, rest, decoder).catch((error: Error) => {
      decoder.destroy(error);
      return undefined;
    });
    try {
      yield* decoder as AsyncIterable<Uint8Array>;
      rest = await fed;
    } finally {
      decoder.destroy();
    }
  }
}

/** Writes `first` and then `raw` until the decoder has enough. The bytes it did not want; undefined at the end of the input. */
async function feed(raw: AsyncGenerator<Uint8Array>, first: Uint8Array, decoder: ZstdDecompress): Promise<Uint8Array | undefined> {
  for (let chunk = first; ;) {
    if (chunk.length > 0) {
      const before = decoder.bytesWritten;
      await written(decoder, chunk);
      const used = decoder.bytesWritten - before;
      if (used < chunk.length) return used > 0 ? chunk.subarray(used) : undefined;
    }
    const next = await raw.next();
    if (next.done === true) break;
    chunk = next.value;
  }
  decoder.end();
  return undefined;
}

/** Resolves when the bytes are worked up, or the decoder ended before that. */
function written(decoder: ZstdDecompress, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      decoder.off('close', done);
      decoder.off('end', done);
      resolve();
    };
    decoder.once('close', done);
    decoder.once('end', done);
    decoder.write(bytes, done);
  });
}
