/** Runs the WebAssembly of sample-code.ts over a window, a piece at a time. */
import assert from 'node:assert/strict';
import type { ByteWindow } from '../binary.ts';
import type { SampleLayout } from './layout.ts';
import type { AccessOrder } from './order.ts';
import { INPUT_BYTES, MEMORY_PAGES, PLACE, SAMPLE_BYTES_MIN, SAMPLE_CODE } from './sample-code.ts';

/** The part of the WebAssembly global used here; the type libraries of Node leave it out. */
interface Wasm {
  readonly Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: { env: { memory: object } },
  ) => { readonly exports: { readonly samples: (...args: readonly number[]) => void } };
}
const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;

export interface SampleWishes {
  readonly layout: SampleLayout;
  /** Only this process; negative = all. */
  readonly pid: number;
  readonly zeroIsNone: boolean;
  /** What is taken off the high half of times. */
  readonly timeBaseHigh: number;
  readonly firstPid: number;
}

export interface SampleCounts {
  /** Of the wanted process or not. */
  samples: number;
  /** Of the wanted process, left out for want of an address. */
  empty: number;
  /** Not all that were kept are of the first process. */
  isMixed: boolean;
}

/** One for all readers: nothing stays in it between two calls. */
class SampleLoop {
  readonly #samples: (...args: readonly number[]) => void;
  readonly #input: Uint8Array;
  readonly #state: Int32Array;
  readonly #last: Float64Array;
  readonly #base: Float64Array;
  readonly #buffer: ArrayBuffer;

  constructor() {
    const memory = new Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    const { buffer } = memory;
    this.#samples = new Instance(new Module(SAMPLE_CODE), { env: { memory } }).exports.samples;
    this.#buffer = buffer;
    this.#input = new Uint8Array(buffer, PLACE.input, INPUT_BYTES);
    this.#state = new Int32Array(buffer, PLACE.state, 6);
    this.#last = new Float64Array(buffer, PLACE.last, 1);
    this.#base = new Float64Array(buffer, PLACE.base, 1);
  }

  /** Moves the window behind the plain samples at its start, which go to `order`. */
  run(win: ByteWindow, order: AccessOrder, { layout, pid, zeroIsNone, timeBaseHigh, firstPid }: SampleWishes): SampleCounts {
    assert(4 * layout.minWords >= SAMPLE_BYTES_MIN);
    const counts: SampleCounts = { samples: 0, empty: 0, isMixed: false };
    const bytesOf = (place: number) => (place < 0 ? -1 : 4 * place);
    this.#base[0] = timeBaseHigh;
    for (;;) {
      const bytes = Math.min(win.available, INPUT_BYTES);
      this.#input.set(win.bytes.subarray(win.start, win.start + bytes));
      this.#last[0] = order.n > 0 ? order.rows.timeNs[order.n - 1]! : Number.NEGATIVE_INFINITY;
      this.#samples(
        PLACE.input,
        PLACE.input + bytes,
        4 * layout.minWords,
        bytesOf(layout.tid),
        bytesOf(layout.time),
        bytesOf(layout.addr),
        bytesOf(layout.cpu),
        bytesOf(layout.dataSrc),
        pid,
        zeroIsNone ? 1 : 0,
        firstPid,
      );
      const [next, n, samples, empty, unsorted, mixed] = this.#state as unknown as [number, number, number, number, number, number];
      order.take(this.#buffer, PLACE, n, unsorted === 0);
      counts.samples += samples;
      counts.empty += empty;
      if (mixed !== 0) counts.isMixed = true;
      const done = next - PLACE.input;
      win.start += done;
      // the largest record fits a piece
      if (done === 0 || bytes < INPUT_BYTES) return counts;
    }
  }
}

let loop: SampleLoop | undefined;

export function fastSamples(win: ByteWindow, order: AccessOrder, wishes: SampleWishes): SampleCounts {
  return (loop ??= new SampleLoop()).run(win, order, wishes);
}
