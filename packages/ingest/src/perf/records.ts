/** Record headers, and records as words whatever the byte order and alignment of the file. */
import type { ByteWindow } from '../binary.ts';

/** PERF_RECORD_* types that carry something for us. */
export const RECORD = {
  mmap: 1,
  lost: 2,
  sample: 9,
  mmap2: 10,
  lostSamples: 13,
  headerAttr: 64,
  tracingData: 66,
  finishedRound: 68,
  auxtrace: 71,
  eventUpdate: 78,
  headerFeature: 80,
  compressed: 81,
  compressed2: 83,
} as const;

export interface RecordHeader {
  type: number;
  misc: number;
  /** Bytes, with the header. */
  size: number;
}

const MAX_RECORD_BYTES = 1 << 16;

export class RecordWords {
  /** Index of the low word of a u64. */
  readonly lo: 0 | 1;
  words: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  readonly #little: boolean;
  readonly #header: RecordHeader = { type: 0, misc: 0, size: 0 };
  readonly #scratch = new Uint32Array(MAX_RECORD_BYTES / 4);
  readonly #scratchBytes = new Uint8Array(this.#scratch.buffer);

  constructor(little: boolean) {
    this.#little = little;
    this.lo = little ? 0 : 1;
  }

  /** Header at the window's start; 8 bytes must be there. The object is reused. */
  header(win: ByteWindow): RecordHeader {
    const header = this.#header;
    header.type = win.view.getUint32(win.start, this.#little);
    header.misc = win.view.getUint16(win.start + 4, this.#little);
    header.size = win.view.getUint16(win.start + 6, this.#little);
    return header;
  }

  /** Makes `words` hold the record of `size` bytes at the window's start; returns the index of its first word. */
  load(win: ByteWindow, size: number): number {
    if (this.#little && (win.start & 3) === 0) {
      this.words = win.words;
      return win.start >> 2;
    }
    this.words = this.#scratch;
    if (this.#little) {
      this.#scratchBytes.set(win.bytes.subarray(win.start, win.start + size));
    } else {
      for (let i = 0; i < size >> 2; i++) this.#scratch[i] = win.view.getUint32(win.start + i * 4, false);
    }
    return 0;
  }
}
