/** Miss-ratio curves: what an LRU of every size would miss, exact (one pass) or from a sample of the pages (SHARDS). */
import { PageBitmap, throwIfAborted } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import { StackDistances } from './stack-distances.ts';

export interface CurveOptions {
  readonly signal?: AbortSignal | undefined;
}
export interface SampleOptions extends CurveOptions {
  /** Share of the pages looked at. Default 0.01. */
  readonly rate?: number | undefined;
  /** Which pages; default 1. */
  readonly seed?: number | undefined;
}

/** Misses are counted over stored touches: a page touched again within its quantum is in memory anyway. */
export interface MissRatioCurve {
  /** Touches it is about. */
  readonly touches: number;
  /** Pages that occur; estimated when sampled. */
  readonly pages: number;
  /** Share of touches that miss with so many page frames under LRU; 1 at none, the share of first touches from `pages` on. */
  missRatio(frames: number): number;
  /** Two standard errors of it: 0 for the exact curve. */
  error(frames: number): number;
}

/** Exact, by stack distances. Memory: 22 bytes per page of the space. Throws TraceFormatError, InterruptedError. */
export function missRatioCurve(space: SpaceReader, options: CurveOptions = {}): MissRatioCurve {
  const stack = new StackDistances(space.info.nPages);
  eachBatch(space, options.signal, (batch, rows) => stack.push(batch, 0, rows, space.info.classBits));
  return exactCurve(stack);
}

export function exactCurve({ counts, cold, touches }: StackDistances): MissRatioCurve {
  const misses = missesBySize(counts, cold);
  return {
    touches,
    pages: cold,
    missRatio: (frames) => (touches === 0 ? 0 : misses[Math.max(0, Math.min(misses.length - 1, Math.floor(frames)))]! / touches),
    error: () => 0,
  };
}

/** Groups of sampled pages whose spread tells the error. */
const GROUPS = 16;
/** Touches are told apart by how often their page was touched before: 1st, 2nd-3rd, 4th-7th, … */
const CLASSES = 32;
const BINS_MAX = 4096;

/**
 * Spatial sampling as in SHARDS at a fixed rate (Waldspurger et al., FAST 2015): pages whose hash is below the rate are followed, their
 * distances scaled up. Where SHARDS books the touches that the sample has too few of as hits, here each class of touches (by how often
 * the page was touched before) is weighted by its true number, which is counted for all pages. `error` adds
 * the spread between 16 groups of sampled pages and the binomial deviation of the distances.
 */
export function sampledMissRatioCurve(space: SpaceReader, options: SampleOptions = {}): MissRatioCurve {
  const { rate = 0.01, seed = 1, signal } = options;
  if (!(rate > 0 && rate <= 1)) throw new RangeError(`a sampling rate is above 0 and at most 1, not ${rate}`);
  const sample = new PageSample(space.info.nPages, rate, seed);
  eachBatch(space, signal, (batch, rows) => sample.push(batch, rows, space.info.classBits));
  return sample.curve();
}

class PageSample {
  readonly #rate: number;
  /** Touches of every page: those that a byte cannot hold, and the byte. Scattered counting in a quarter of the memory is twice as fast. */
  readonly #carried: Int32Array;
  readonly #seen: Uint8Array;
  readonly #sampled: PageBitmap;
  readonly #place: Int32Array;
  readonly #group: Uint8Array;
  readonly #stack: StackDistances;
  readonly #binWidth: number;
  readonly #bins: number;
  /** Sampled touches by group, class and distance, first touches last. */
  readonly #counts: Float64Array;
  /** Touches of each sampled page so far. */
  readonly #nth: Int32Array;
  readonly #picked = new Int32Array(1 << 14);

  constructor(nPages: number, rate: number, seed: number) {
    this.#rate = rate;
    this.#carried = new Int32Array(nPages);
    this.#seen = new Uint8Array(nPages);
    this.#sampled = new PageBitmap(nPages);
    this.#place = new Int32Array(nPages);
    const limit = rate * 4294967296;
    const groups: number[] = [];
    for (let id = 0; id < nPages; id++) {
      const hash = mix(id, seed);
      if (hash >= limit) continue;
      this.#sampled.add(id);
      this.#place[id] = groups.push(hash % GROUPS) - 1;
    }
    this.#group = Uint8Array.from(groups);
    this.#nth = new Int32Array(groups.length);
    this.#stack = new StackDistances(groups.length);
    this.#binWidth = Math.ceil((groups.length + 1) / BINS_MAX);
    this.#bins = Math.ceil((groups.length + 1) / this.#binWidth) + 1;
    this.#counts = new Float64Array(GROUPS * CLASSES * this.#bins);
  }

  push(touches: Int32Array, rows: number, shift: number): void {
    for (let i = 0; i < rows;) {
      const end = Math.min(rows, i + this.#picked.length);
      countTouches(this.#seen, this.#carried, touches, i, end, shift);
      this.#book(pickSampled(this.#sampled.words, touches, i, end, shift, this.#picked));
      i = end;
    }
  }

  #book(n: number): void {
    const stack = this.#stack;
    for (let i = 0; i < n; i = (i + 1) | 0) {
      const place = this.#place[this.#picked[i]!]!;
      const nth = ++this.#nth[place]!;
      const distance = stack.next(place);
      const bin = distance === 0 ? this.#bins - 1 : Math.floor(distance / this.#binWidth);
      this.#counts[(this.#group[place]! * CLASSES + (31 - Math.clz32(nth))) * this.#bins + bin]! += 1;
    }
  }

  curve(): MissRatioCurve {
    const seen = this.#carried.map((carried, page) => carried + this.#seen[page]!);
    const truth = classTotals(seen);
    const touches = truth.reduce((sum, n) => sum + n, 0);
    const pages = seen.reduce((n, count) => n + (count > 0 ? 1 : 0), 0);
    const misses = Array.from({ length: GROUPS * CLASSES }, (_, k) =>
      missesByBin(this.#counts.subarray(k * this.#bins, (k + 1) * this.#bins)),
    );
    // The share of touched pages that are in the sample is known, so the footprint comes out exact.
    const rate = pages === 0 ? this.#rate : this.#stack.cold / pages;
    const at = (frames: number): number =>
      Math.min(this.#bins - 1, Math.max(1, Math.floor((Math.floor((frames - 1) * rate) + 1) / this.#binWidth) + 1));
    const ratioAt = (frames: number): number => weighted(misses, truth, at(Math.max(1, frames)), touches, rate).missRatio;
    const estimate = (frames: number): { missRatio: number; error: number } => {
      if (touches === 0) return { missRatio: 0, error: 0 };
      if (frames < 1) return { missRatio: 1, error: 0 };
      const { missRatio, error } = weighted(misses, truth, at(frames), touches, rate);
      // Of `frames` pages about frames * rate are in the sample, give or take a binomial deviation: the curve may be shifted by that.
      const shift = 2 * Math.sqrt((frames * Math.max(0, 1 - rate)) / rate);
      return { missRatio, error: Math.hypot(error, (ratioAt(frames - shift) - ratioAt(frames + shift)) / 2) };
    };
    return { touches, pages, missRatio: (frames) => estimate(frames).missRatio, error: (frames) => estimate(frames).error };
  }
}

/*
 * Two loops and functions of their own: in one loop the counters' loads wait for the stores to the list.
 */

function countTouches(seen: Uint8Array, carried: Int32Array, touches: Int32Array, from: number, to: number, shift: number): void {
  for (let i = from | 0; i < to; i = (i + 1) | 0) {
    const page = touches[i]! >>> shift;
    const count = (seen[page]! + 1) & 255;
    seen[page] = count;
    if (count === 0) carried[page]! += 256;
  }
}

/** Writes the sampled pages of touches [from, to) to `picked`; returns their number. */
function pickSampled(sampled: Int32Array, touches: Int32Array, from: number, to: number, shift: number, picked: Int32Array): number {
  let n = 0;
  for (let i = from | 0; i < to; i = (i + 1) | 0) {
    const page = touches[i]! >>> shift;
    if (((sampled[page >>> 5]! >>> (page & 31)) & 1) === 1) picked[n++] = page;
  }
  return n;
}

/** Ratio estimate within each class, summed; two standard errors from the groups' residuals. */
function weighted(
  misses: readonly Float64Array[],
  truth: Float64Array,
  bin: number,
  touches: number,
  rate: number,
): { missRatio: number; error: number } {
  const residuals = new Float64Array(GROUPS);
  let total = 0;
  for (let c = 0; c < CLASSES; c++) {
    const groups = Array.from({ length: GROUPS }, (_, g) => misses[g * CLASSES + c]!);
    const sampled = groups.reduce((sum, group) => sum + group[0]!, 0);
    // Nobody sampled: touches this frequent are hits in any memory worth asking about.
    if (sampled === 0) continue;
    const share = groups.reduce((sum, group) => sum + group[bin]!, 0) / sampled;
    total += share * truth[c]!;
    groups.forEach((group, g) => (residuals[g]! += (truth[c]! / sampled) * (group[bin]! - share * group[0]!)));
  }
  const variance = (GROUPS / (GROUPS - 1)) * residuals.reduce((sum, r) => sum + r * r, 0);
  return { missRatio: total / touches, error: (2 * Math.sqrt(variance * Math.max(0, 1 - rate))) / touches };
}

/** Touches of all pages by class: the n touches of a page fall into the classes 1, 2-3, 4-7, … */
function classTotals(seen: Int32Array): Float64Array {
  const totals = new Float64Array(CLASSES);
  for (const value of seen) {
    for (let c = 0, first = 1, n = value; first <= n; c++, first *= 2) totals[c]! += Math.min(n + 1, 2 * first) - first;
  }
  return totals;
}

/** misses[b]: touches in bin b or above; the last bin holds first touches. */
function missesByBin(counts: Float64Array): Float64Array {
  const misses = counts.slice();
  for (let b = misses.length - 2; b >= 0; b--) misses[b]! += misses[b + 1]!;
  return misses;
}

/** misses[c]: touches with a distance above c, first touches included. */
function missesBySize(counts: Float64Array, cold: number): Float64Array {
  const misses = new Float64Array(counts.length);
  let above = cold;
  for (let c = counts.length - 1; c >= 0; c--) {
    misses[c] = above;
    above += counts[c]!;
  }
  return misses;
}

/** A 32-bit hash of a page id (the finaliser of MurmurHash3). */
function mix(id: number, seed: number): number {
  let h = (id ^ Math.imul(seed, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export function eachBatch(
  space: SpaceReader,
  signal: AbortSignal | undefined,
  visit: (batch: Int32Array, rows: number, base: number) => void,
): void {
  const buffer = new Int32Array(Math.min(space.batchRows, Math.max(1, space.info.nTouches)));
  for (let b = 0; b < space.nBatches; b++) {
    throwIfAborted(signal);
    visit(buffer, space.readBatch(b, buffer), b * space.batchRows);
  }
}
