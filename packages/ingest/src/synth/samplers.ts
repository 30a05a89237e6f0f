/** Where accesses of made-up workloads go. A sampler fills a column of page numbers; it draws all chance from one generator. */
import type { Prng } from '@workset/model';

export interface Sampler {
  /** Writes n page numbers, 0 .. nPages-1, into `page`. */
  fill(n: number, page: Int32Array): void;
}

/** Every page of [from, from + nPages) equally likely. */
export function uniform(random: Prng, from: number, nPages: number): Sampler {
  return {
    fill(n, page) {
      for (let i = 0; i < n; i++) page[i] = from + ((random.u32() / 4294967296) * nPages | 0);
    },
  };
}

/** One page after the other, again and again. */
export function sequential(from: number, nPages: number): Sampler {
  let next = 0;
  return {
    fill(n, page) {
      for (let i = 0; i < n; i++) {
        page[i] = from + next;
        if (++next === nPages) next = 0;
      }
    },
  };
}

/** One page in each aligned run of `stride` pages, all equally likely: what makes a huge page look hot as a whole. */
export function strided(random: Prng, from: number, nPages: number, stride: number): Sampler {
  const runs = Math.max(1, Math.floor(nPages / stride));
  return {
    fill(n, page) {
      for (let i = 0; i < n; i++) {
        const run = (random.u32() / 4294967296) * runs | 0;
        // The page inside a run is fixed by the run, so that its 511 neighbours stay cold.
        page[i] = Math.min(from + nPages - 1, from + run * stride + (Math.imul(run, 0x9e3779b1) >>> 0) % stride);
      }
    },
  };
}

/** Pages that are neighbours in the popularity order lie together in runs of this many; the runs are scattered. */
const RUN_PAGES = 8;

/**
 * Zipf over [from, from + nPages): the page of rank r has weight 1 / r^theta. Which page has which rank is fixed by nPages alone.
 * Walker's alias method, laid out by page number: two table reads per access.
 */
export function zipf(random: Prng, from: number, nPages: number, theta: number): Sampler {
  const { threshold, alias } = aliasTable(zipfWeights(nPages, theta));
  return {
    fill(n, page) {
      for (let i = 0; i < n; i++) {
        const column = (random.u32() / 4294967296) * nPages | 0;
        page[i] = from + (random.u32() < threshold[column]! ? column : alias[column]!);
      }
    },
  };
}

/** Weight of each page, ranks dealt out to scattered runs. */
function zipfWeights(nPages: number, theta: number): Float64Array {
  const weights = new Float64Array(nPages);
  const runs = Math.ceil(nPages / RUN_PAGES);
  let rank = 1;
  for (let i = 0, run = 0, step = coprimeNear(runs * 0.6180339887, runs); i < runs; i++, run = (run + step) % runs) {
    const end = Math.min(nPages, (run + 1) * RUN_PAGES);
    for (let page = run * RUN_PAGES; page < end; page++) weights[page] = 1 / (rank++) ** theta;
  }
  return weights;
}

/** The number at or above `near` that shares no factor with n, so that its multiples visit every residue. */
function coprimeNear(near: number, n: number): number {
  let step = Math.max(1, Math.floor(near));
  while (gcd(step, n) !== 1) step++;
  return step;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** A draw takes column i when a uniform u32 is below threshold[i], else alias[i]. */
function aliasTable(weights: Float64Array): { threshold: Uint32Array; alias: Int32Array } {
  const n = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const share = weights.map((weight) => (weight * n) / total);
  const threshold = new Uint32Array(n).fill(0xffffffff);
  const alias = Int32Array.from({ length: n }, (_, i) => i);
  const stack = new Int32Array(n);
  let small = 0;
  let large = n;
  // Columns below average from the bottom of the stack, the others from its top.
  for (let i = 0; i < n; i++) stack[share[i]! < 1 ? small++ : --large] = i;
  while (small > 0 && large < n) {
    const low = stack[--small]!;
    const high = stack[large]!;
    threshold[low] = share[low]! * 4294967296;
    alias[low] = high;
    share[high]! -= 1 - share[low]!;
    if (share[high]! < 1) {
      large++;
      stack[small++] = high;
    }
  }
  return { threshold, alias };
}
