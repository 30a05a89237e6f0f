/** Runs the WebAssembly of sample-code.ts over a window: where it lies if that is the memory of the code, else a piece at a time. */
import assert from 'node:assert/strict';
import { Instance, Memory, Module } from '@workset/model/wasm';
import type { ByteWindow } from '../binary.ts';
import type { SampleLayout } from './layout.ts';
import type { AccessOrder } from './order.ts';
import { rowsOf, RowRing } from './row-ring.ts';
import type { Columns } from './row-ring.ts';
import { INPUT_BYTES, MEMORY_PAGES, PLACE, RING_ROWS, SAMPLE_BYTES_MIN, SAMPLE_CODE, SCRATCH_BYTES, SCRATCH_ROWS } from './sample-code.ts';

interface Code {
  readonly samples: (...args: readonly number[]) => void;
}

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

/** What one reader at a time may use of the loop's memory, so that records and rows are not copied. */
export interface SampleMemory {
  readonly input: Uint8Array<ArrayBuffer>;
  readonly ring: RowRing;
}

/** One for all readers. */
class SampleLoop {
  readonly #samples: (...args: readonly number[]) => void;
  readonly #scratch: Uint8Array;
  readonly #state: Int32Array;
  readonly #last: Float64Array;
  readonly #base: Float64Array;
  readonly #offset: Float64Array;
  readonly #columns: Columns;
  readonly #buffer: ArrayBuffer;
  #lent: WeakRef<SampleMemory> | undefined;

  constructor() {
    const memory = new Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    const { buffer } = memory;
    this.#samples = new Instance<Code>(new Module(SAMPLE_CODE), { env: { memory } }).exports.samples;
    this.#buffer = buffer;
    this.#scratch = new Uint8Array(buffer, PLACE.scratch, SCRATCH_BYTES);
    this.#state = new Int32Array(buffer, PLACE.state, 6);
    this.#last = new Float64Array(buffer, PLACE.last, 1);
    this.#base = new Float64Array(buffer, PLACE.base, 1);
    new Float64Array(buffer, PLACE.constants, 4).set([2 ** 84, 2 ** 84, 2 ** 52, 2 ** 52]);
    new Uint32Array(buffer, PLACE.constants + 32, 4).set([-1, 0, -1, 0]);
    this.#offset = new Float64Array(buffer, PLACE.constants + 48, 2);
    const rows = RING_ROWS + SCRATCH_ROWS;
    this.#columns = {
      timeNs: new Float64Array(buffer, PLACE.timeNs, rows),
      page: new Float64Array(buffer, PLACE.page, rows),
      cls: new Uint8Array(buffer, PLACE.cls, rows),
      pid: new Int32Array(buffer, PLACE.pid, rows),
      cpu: new Int32Array(buffer, PLACE.cpu, rows),
    };
  }

  borrow(): SampleMemory | undefined {
    if (this.#lent?.deref() !== undefined) return undefined;
    const memory = {
      input: new Uint8Array(this.#buffer, PLACE.input, INPUT_BYTES),
      ring: new RowRing(rowsOf(this.#columns, 0, RING_ROWS)),
    };
    this.#lent = new WeakRef(memory);
    return memory;
  }

  giveBack(memory: SampleMemory): void {
    assert(this.#lent?.deref() === memory);
    this.#lent = undefined;
  }

  /** Moves the window behind the plain samples at its start, which go to `order`, until that is full. */
  run(win: ByteWindow, order: AccessOrder, wishes: SampleWishes): SampleCounts {
    assert(4 * wishes.layout.minWords >= SAMPLE_BYTES_MIN && wishes.layout.addr === wishes.layout.tid + 4);
    const counts: SampleCounts = { samples: 0, empty: 0, isMixed: false };
    this.#base[0] = wishes.timeBaseHigh;
    this.#offset.fill(2 ** 84 + 2 ** 52 + wishes.timeBaseHigh * 2 ** 32);
    const inPlace = win.bytes.buffer === this.#buffer;
    for (;;) {
      const bytes = inPlace ? win.available : Math.min(win.available, SCRATCH_BYTES);
      if (!inPlace) this.#scratch.set(win.bytes.subarray(win.start, win.start + bytes));
      const done = this.#piece(inPlace ? win.bytes.byteOffset + win.start : PLACE.scratch, bytes, order, wishes, counts);
      win.start += done;
      // the largest record fits a piece
      if (done === 0) return counts;
    }
  }

  /** Bytes of the samples that were taken. */
  #piece(at: number, bytes: number, order: AccessOrder, { layout, pid, zeroIsNone, firstPid }: SampleWishes, counts: SampleCounts): number {
    const { ring } = order;
    const from = ring?.tail ?? RING_ROWS;
    const bytesOf = (place: number) => (place < 0 ? -1 : 4 * place);
    this.#last[0] = order.sorted ? order.latest() : Number.NEGATIVE_INFINITY;
    this.#samples(
      at,
      at + bytes,
      4 * layout.minWords,
      bytesOf(layout.tid),
      bytesOf(layout.cpu),
      bytesOf(layout.dataSrc),
      pid,
      zeroIsNone ? 1 : 0,
      firstPid,
      from,
      ring?.tailEnd ?? RING_ROWS + SCRATCH_ROWS,
    );
    const [next, end, samples, empty, unsorted, mixed] = this.#state as unknown as [number, number, number, number, number, number];
    if (ring === undefined) order.take(rowsOf(this.#columns, from, end), unsorted === 0);
    else order.ringTake(end - from, unsorted === 0);
    counts.samples += samples;
    counts.empty += empty;
    if (mixed !== 0) counts.isMixed = true;
    return next - at;
  }
}

let loop: SampleLoop | undefined;
const theLoop = (): SampleLoop => (loop ??= new SampleLoop());

export function fastSamples(win: ByteWindow, order: AccessOrder, wishes: SampleWishes): SampleCounts {
  return theLoop().run(win, order, wishes);
}

/** For one reader's window and rows, until it gives it back; undefined when another reader has it. */
export function borrowSampleMemory(): SampleMemory | undefined {
  return theLoop().borrow();
}

export function giveBackSampleMemory(memory: SampleMemory): void {
  theLoop().giveBack(memory);
}
