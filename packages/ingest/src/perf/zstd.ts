/** The zstd stream of a perf.data file: one stream for all COMPRESSED records, each record a flush point, never ended. */
import { createZstdDecompress } from 'node:zlib';
import type { ZstdDecompress } from 'node:zlib';

/** perf compresses at most one mmap buffer per record; far more from 64 KiB means a crafted file. */
const MAX_OUTPUT_PER_RECORD = 256 << 20;

export class ZstdStream {
  #decoder: ZstdDecompress | null = null;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** Output of one record's payload. Rejects with the decoder's error when the stream is damaged. */
  async decode(payload: Uint8Array): Promise<readonly Uint8Array[]> {
    const decoder = (this.#decoder ??= this.#open());
    await new Promise<void>((resolve, reject) => {
      decoder.once('error', reject);
      decoder.write(payload, (error) => {
        decoder.off('error', reject);
        // what was pushed but not yet emitted
        while (decoder.read() !== null);
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    return pieces;
  }

  close(): void {
    this.#decoder?.destroy();
  }

  #open(): ZstdDecompress {
    const decoder = createZstdDecompress();
    // a decoder that failed once emits again when it is destroyed
    decoder.on('error', () => {});
    decoder.on('data', (piece: Uint8Array) => {
      this.#bytes += piece.length;
      if (this.#bytes > MAX_OUTPUT_PER_RECORD)
        decoder.destroy(new Error(`a compressed record expands to more than ${MAX_OUTPUT_PER_RECORD} bytes`));
      else this.#pieces.push(piece);
    });
    return decoder;
  }
}
