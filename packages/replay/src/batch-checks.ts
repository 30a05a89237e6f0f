/** Which batches of a touch file have been checked, where some are read in parts, each part once and in order. */
import type { SpaceReader } from '@workset/store';
import { BATCH_ROWS, TouchSums } from '@workset/store/touches';
import type { BatchPart } from './team/piece-queue.ts';

export class BatchChecks {
  readonly #space: SpaceReader;
  readonly #reread: (batch: number) => void;
  readonly #sums: readonly string[];
  readonly #isChecked: Uint8Array;
  /** The batch that is being read in parts, -1 when none is. */
  #batch = -1;
  #rows = 0;
  #read = new TouchSums();

  /** @param reread reads a whole batch, says that to `whole`, and throws TraceFormatError when it is damaged */
  constructor(space: SpaceReader, reread: (batch: number) => void) {
    this.#space = space;
    this.#reread = reread;
    this.#sums = space.touchPlaces()?.sums ?? [];
    this.#isChecked = new Uint8Array(this.#sums.length);
  }

  /** A batch was read as a whole. */
  whole(batch: number): void {
    this.#isChecked[batch] = 1;
  }

  /** A part was read. Throws TraceFormatError when it completes a batch that is damaged. */
  part({ batch, before, rows, a, b }: BatchPart): void {
    if (this.#batch !== batch) this.finish();
    if (this.#isChecked[batch] === 1) return;
    if (this.#batch !== batch) {
      this.#batch = batch;
      this.#rows = 0;
      this.#read = new TouchSums();
    }
    if (before !== this.#rows) return this.#readAgain(batch);
    this.#read.addSums(a, b, rows);
    this.#rows += rows;
    if (this.#rows < this.#rowsOf(batch)) return;
    if (this.#read.toString() !== this.#sums[batch]) this.#explain(batch);
    this.#isChecked[batch] = 1;
  }

  /** Reads the batch of which parts are missing, if there is one. */
  finish(): void {
    if (this.#batch >= 0 && this.#isChecked[this.#batch] === 0) this.#readAgain(this.#batch);
    this.#batch = -1;
  }

  #readAgain(batch: number): void {
    this.#reread(batch);
    this.#isChecked[batch] = 1;
  }
  #explain(batch: number): never {
    this.#reread(batch);
    throw new Error(`batch ${batch} has other sums in parts than as a whole`);
  }

  #rowsOf(batch: number): number {
    return Math.min(BATCH_ROWS, this.#space.info.nTouches - batch * BATCH_ROWS);
  }
}
