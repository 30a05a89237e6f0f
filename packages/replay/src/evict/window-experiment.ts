/**
 * "A 30 s window and 5 ms of eviction" (thread C13): how many refaults come from reads inside the eviction window, which pass unseen
 * under uffd-wp and are caught by RW-protection?
 *
 * Every window ends with perfect knowledge: the pages not touched in it are evicted, all at once, during the next `evictNs`. A page
 * read in that time is evicted all the same under uffd-wp, and is given back under RW-protection; a written page is given back by both.
 */
import { KERNEL, throwIfAborted, UsageError, WRITE, type TraceSpan } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import type { PageRange } from '../scheme.ts';

export interface WindowExperimentOptions {
  readonly space: SpaceReader;
  readonly spans: readonly TraceSpan[];
  readonly range?: PageRange | undefined;
  /** Length of a sampling window, and of the eviction after it, ns. */
  readonly windowNs: number;
  readonly evictNs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface WindowExperiment {
  readonly windowNs: number;
  readonly evictNs: number;
  readonly windows: number;
  /** Pages found cold, over all windows. */
  readonly cold: number;
  /** Cold pages only read, and cold pages written, while they were evicted. */
  readonly readInEviction: number;
  readonly writtenInEviction: number;
  /** Of the pages read in the eviction: through a kernel mapping only, where no entry's protection is in the way. */
  readonly kernelReadInEviction: number;
  /** Evicted pages touched again before the next window ended: under uffd-wp, and under RW-protection. */
  readonly refaultsWp: number;
  readonly refaultsRwp: number;
  /** Refaults of pages whose read in the eviction passed unseen: refaultsWp - refaultsRwp. */
  readonly refaultsUnseenRead: number;
}

/** Bits of what happened to a page since the window it was cold in. */
const COLD = 1;
const READ_EARLY = 2;
const WRITTEN_EARLY = 4;
const TOUCHED_LATE = 8;
const USER_EARLY = 16;

/** Runs the experiment for one window length. Throws UsageError unless the eviction is shorter than the window. */
export function windowExperiment(options: WindowExperimentOptions): WindowExperiment {
  const { spans, windowNs, evictNs } = options;
  if (!(evictNs >= 0 && evictNs < windowNs))
    throw new UsageError('the eviction must be shorter than the window', 'for example windowNs 30e9, evictNs 5e6');
  const total = { windows: 0, cold: 0, readInEviction: 0, writtenInEviction: 0, kernelReadInEviction: 0, refaultsWp: 0, refaultsRwp: 0 };
  const run = new Run(options);
  for (const span of spans) {
    run.skipTo(span.t0Ns);
    // A first window to learn from, then windows that evict and learn at once.
    let startNs = span.t0Ns;
    run.learn(startNs + windowNs);
    for (; startNs + 2 * windowNs <= span.t1Ns; startNs += windowNs) {
      throwIfAborted(options.signal);
      const from = startNs + windowNs;
      run.markCold();
      run.during(from + evictNs, from + windowNs);
      run.addTo(total);
      total.windows++;
    }
  }
  return { windowNs, evictNs, ...total, refaultsUnseenRead: total.refaultsWp - total.refaultsRwp };
}

class Run {
  readonly #space: SpaceReader;
  readonly #range: PageRange;
  readonly #buffer: Int32Array;
  /** Resident pages touched in the window that ends now; all pages ever touched. */
  readonly #touched: Uint8Array;
  readonly #known: Uint8Array;
  readonly #fate: Uint8Array;
  #frame = 0;
  #batch = -1;

  constructor({ space, range }: WindowExperimentOptions) {
    this.#space = space;
    this.#range = range ?? { from: 0, to: space.info.nPages };
    this.#buffer = new Int32Array(space.batchRows);
    this.#touched = new Uint8Array(space.info.nPages);
    this.#known = new Uint8Array(space.info.nPages);
    this.#fate = new Uint8Array(space.info.nPages);
  }

  skipTo(ns: number): void {
    const { frames } = this.#space;
    while (this.#frame < frames.n && frames.t1Ns[this.#frame]! <= ns) this.#frame++;
    this.#touched.fill(0);
    this.#known.fill(0);
  }

  learn(untilNs: number): void {
    this.#each(untilNs, (id) => (this.#touched[id] = this.#known[id] = 1));
  }

  /** Pages known and not touched in the window just over are cold; the next window starts. */
  markCold(): void {
    for (let id = this.#range.from; id < this.#range.to; id++) this.#fate[id] = this.#known[id] === 1 && this.#touched[id] === 0 ? COLD : 0;
    this.#touched.fill(0);
  }

  /** The eviction until `evictedNs`, then the rest of the window. */
  during(evictedNs: number, untilNs: number): void {
    const { classBits } = this.#space.info;
    this.#each(evictedNs, (id, cls) => {
      this.#touched[id] = this.#known[id] = 1;
      const writes = classBits === 0 || (cls & WRITE) !== 0;
      this.#fate[id]! |= (writes ? WRITTEN_EARLY : READ_EARLY) | ((cls & KERNEL) === 0 ? USER_EARLY : 0);
    });
    this.#each(untilNs, (id) => {
      this.#touched[id] = this.#known[id] = 1;
      this.#fate[id]! |= TOUCHED_LATE;
    });
  }

  addTo(total: {
    cold: number;
    readInEviction: number;
    writtenInEviction: number;
    kernelReadInEviction: number;
    refaultsWp: number;
    refaultsRwp: number;
  }): void {
    for (let id = this.#range.from; id < this.#range.to; id++) {
      const fate = this.#fate[id]!;
      if ((fate & COLD) === 0) continue;
      const written = (fate & WRITTEN_EARLY) !== 0;
      const onlyRead = !written && (fate & READ_EARLY) !== 0;
      total.cold++;
      if (written) total.writtenInEviction++;
      if (onlyRead) total.readInEviction++;
      if (onlyRead && (fate & USER_EARLY) === 0) total.kernelReadInEviction++;
      if ((fate & TOUCHED_LATE) === 0 || written) continue;
      total.refaultsWp++;
      if (!onlyRead) total.refaultsRwp++;
    }
  }

  /** Visits the touches of tracked pages in frames that end by `untilNs`. */
  #each(untilNs: number, visit: (id: number, cls: number) => void): void {
    const { frames, batchRows, info } = this.#space;
    const classMask = (1 << info.classBits) - 1;
    for (; this.#frame < frames.n && frames.t1Ns[this.#frame]! <= untilNs; this.#frame++) {
      const end = frames.rowStart[this.#frame + 1]!;
      for (let row = frames.rowStart[this.#frame]!; row < end; row++) {
        const batch = Math.floor(row / batchRows);
        if (batch !== this.#batch) {
          this.#space.readBatch(batch, this.#buffer);
          this.#batch = batch;
        }
        const touch = this.#buffer[row - batch * batchRows]!;
        const id = touch >>> info.classBits;
        if (id >= this.#range.from && id < this.#range.to) visit(id, touch & classMask);
      }
    }
  }
}
