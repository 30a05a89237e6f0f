/** bzip2, one block in memory at a time, by unbzip2-stream. */
import { Readable } from 'node:stream';
import unbzip2 from 'unbzip2-stream';
import { CodecError } from './index.ts';

export async function* decodeBzip2(raw: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sourceError: unknown;
  const input = Readable.from(buffers(raw), { objectMode: false });
  const unpack = unbzip2();
  input.once('error', (error) => {
    sourceError = error;
    unpack.emit('error', error);
  });
  const output = new Readable().wrap(input.pipe(unpack));
  try {
    yield* output as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    const message = (error as Error).message;
    throw new CodecError(message, /premature|unexpected end|undefined/i.test(message), error);
  } finally {
    input.destroy();
  }
}

async function* buffers(raw: AsyncGenerator<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of raw) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
}
