/** Decompression by magic bytes. The decoders of the rarer formats are loaded when a file needs them. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

export const CODECS = ['gzip', 'zstd', 'xz', 'lz4', 'bzip2'] as const;
export type Compression = 'none' | (typeof CODECS)[number];

const CHUNK_BYTES = 1 << 20;

const MAGIC: readonly { readonly magic: readonly number[]; readonly compression: Compression }[] = [
  { magic: [0x1f, 0x8b], compression: 'gzip' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], compression: 'zstd' },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], compression: 'xz' },
  { magic: [0x04, 0x22, 0x4d, 0x18], compression: 'lz4' },
  { magic: [0x02, 0x21, 0x4c, 0x18], compression: 'lz4' },
];
/** `BZh1` … `BZh9`, then the mark of a block or of the end. */
const BZIP2 = /^BZh[1-9](?:1AY&SY|\x17rE8P\x90)/;

/** Damage that a decoder of ours or of a library found in the compressed bytes. */
export class CodecError extends Error {
  /** The stream just ends; nothing before the end is wrong. */
  readonly truncated: boolean;
  constructor(message: string, truncated: boolean, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'CodecError';
    this.truncated = truncated;
  }
}

/** @param head the first 16 bytes or more */
export function compressionOf(head: Uint8Array): Compression {
  const known = MAGIC.find(({ magic }) => magic.every((byte, i) => head[i] === byte));
  if (known !== undefined) return known.compression;
  return BZIP2.test(Buffer.from(head.subarray(0, 10)).toString('latin1')) ? 'bzip2' : 'none';
}

/** The decompressed bytes of `raw`. Errors of `raw` itself pass unchanged. */
export async function decompress(raw: AsyncGenerator<Uint8Array>, compression: Compression): Promise<AsyncIterator<Uint8Array>> {
  switch (compression) {
    case 'none':
      return raw;
    case 'gzip':
      return piped(raw, createGunzip({ chunkSize: CHUNK_BYTES }));
    case 'zstd':
      return (await import('./zstd.ts')).decodeZstd(raw, CHUNK_BYTES);
    case 'xz':
      return (await import('./xz.ts')).decodeXz(raw);
    case 'lz4':
      return (await import('./lz4.ts')).decodeLz4(raw);
    case 'bzip2':
      return (await import('./bzip2.ts')).decodeBzip2(raw);
  }
}

function piped(
  raw: AsyncGenerator<Uint8Array>,
  unpack: NodeJS.ReadWriteStream & AsyncIterable<Uint8Array | string>,
): AsyncIterator<Uint8Array> {
  // pipeline() hands an error of either side to the iteration of `unpack`; its callback has nothing to add.
  pipeline(Readable.from(raw, { objectMode: false, highWaterMark: CHUNK_BYTES }), unpack, () => {});
  return unpack[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
}
