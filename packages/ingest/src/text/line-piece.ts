/** The lines at hand in a WebAssembly memory: as many whole ones of a block as fit. */
import type { LineCursor } from '../lines.ts';

const LF = 10;
/** Bytes of a piece; they and their rows stay in the cache. */
export const PIECE_BYTES = 1 << 16;

export class LinePiece {
  readonly #memory: Uint8Array;
  readonly #place: number;
  /** Which part of the block it is. */
  #from = 0;
  #to = 0;

  /** @param place where the piece begins in the memory */
  constructor(memory: Uint8Array, place: number) {
    this.#memory = memory;
    this.#place = place;
  }

  /** Before a block: whatever is there is not of it. */
  forget(): void {
    this.#from = this.#to = 0;
  }

  /** Address behind the last line. */
  get end(): number {
    return this.#place + this.#to - this.#from;
  }

  /** Address of the line at the cursor, or -1 when it is longer than a piece. */
  addressOf({ bytes, pos, end }: LineCursor): number {
    if (pos < this.#from || pos >= this.#to) {
      const to = end - pos <= PIECE_BYTES ? end : bytes.lastIndexOf(LF, pos + PIECE_BYTES - 1) + 1;
      if (to <= pos) return -1;
      this.#memory.set(bytes.subarray(pos, to), this.#place);
      this.#from = pos;
      this.#to = to;
    }
    return this.#place + pos - this.#from;
  }
}
