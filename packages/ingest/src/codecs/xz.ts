/** xz, streaming, by the WebAssembly build of xz-embedded in xz-decompress. */
import { ReadableStream } from 'node:stream/web';
import xz from 'xz-decompress';
import { CodecError } from './index.ts';

/** XZ_BUF_ERROR of xz-embedded: input ended, or output makes no progress. */
const XZ_BUF_ERROR = 8;

export async function* decodeXz(raw: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sourceError: unknown;
  const input = ReadableStream.from(noting(raw, (error) => (sourceError = error)));
  // the library's types name the browser's ReadableStream, which Node's is
  const output = new xz.XzReadableStream(input as unknown as ConstructorParameters<typeof xz.XzReadableStream>[0]);
  try {
    yield* output as unknown as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    const code = Number(/error code (\d+)/.exec(String(error))?.[1] ?? -1);
    throw new CodecError(code === XZ_BUF_ERROR ? 'it ends early' : `xz-embedded error ${code}`, code === XZ_BUF_ERROR, error);
  }
}

async function* noting(raw: AsyncGenerator<Uint8Array>, note: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* raw;
  } catch (error) {
    note(error);
    throw error;
  }
}
