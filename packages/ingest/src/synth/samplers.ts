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
      for (let i = 0; i < n; i++) page[i] = from + (((random.u32() / 4294967296) * nPages) | 0);
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
        const run = ((random.u32() / 4294967296) * runs) | 0;
        // The page inside a run is fixed by the run, so that its 511 neighbours stay cold.
        page[i] = Math.min(from + nPages - 1, from + run * stride + ((Math.imul(run, 0x9e3779b1) >>> 0) % stride));
      }
    },
  };
}

/** Pages that are neighbours in the popularity order lie together in runs of this many; the runs are scattered. */
const RUN_PAGES = 8;
/** The most popular ranks are strata of their own; behind them a stratum is this fraction of its first rank wide. */
const SINGLE_RANKS = 1024;
const STRATUM_FRACTION = 1 / 128;

/** Accesses drawn at once, so that their random words stay in the cache. */
const DRAWN_AT_ONCE = 1024;
const TWO_32 = 4294967296;

/**
 * Zipf over [from, from + nPages): the page of rank r = 1, 2, … has weight 1 / r^theta. Which page has which rank is fixed by nPages alone.
 * Exact and small enough for the cache: a stratum of ranks by Walker's alias method, then a rank of it by rejection (one in 250 is redrawn).
 * The fraction left over from choosing the column accepts the rank: it has 20 bits or more.
 */
export function zipf(random: Prng, from: number, nPages: number, theta: number): Sampler {
  const runs = Math.ceil(nPages / RUN_PAGES);
  const scatter = scatterTable(runs);
  const strata = strataOf(runs * RUN_PAGES, theta);
  const { first, width, sureBelow } = strata;
  const { threshold, alias } = aliasTable(strata.weight);
  const words = new Uint32Array(3 * DRAWN_AT_ONCE);
  const n = first.length;
  return {
    fill(count, page) {
      for (let i = 0; i < count;) {
        const draws = Math.min(DRAWN_AT_ONCE, count - i);
        // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- Prng.fill, not Array.fill
        random.fill(words, 3 * draws);
        for (let at = 0; at < 3 * draws; at += 3) {
          const scaled = (words[at]! / TWO_32) * n;
          const column = scaled | 0;
          // The column, or its alias when the word is not below the threshold: by sign bit, as a branch would be mispredicted.
          const other = alias[column]!;
          const stratum = other ^ ((column ^ other) & (((words[at + 1]! >>> 1) - threshold[column]!) >> 31));
          const rank = first[stratum]! + (((words[at + 2]! / TWO_32) * width[stratum]!) | 0);
          // The weight falls by less than a hundredth over a stratum; the power is needed only in that hundredth.
          const accept = scaled - column;
          if (accept >= sureBelow[stratum]! && accept >= (first[stratum]! / rank) ** theta) continue;
          const place = (scatter[(rank - 1) >> 3]! << 3) | ((rank - 1) & 7);
          // The last run may be cut: ranks that fall behind its end do not exist.
          if (place < nPages) page[i++] = from + place;
        }
      }
    },
  };
}

interface Strata {
  readonly first: Int32Array;
  readonly width: Int32Array;
  readonly weight: Float64Array;
  /** A uniform number of [0, 1) below this accepts any rank of the stratum. */
  readonly sureBelow: Float64Array;
}

function strataOf(nRanks: number, theta: number): Strata {
  const first: number[] = [];
  for (let rank = 1; rank <= nRanks; rank += first.length <= SINGLE_RANKS ? 1 : Math.max(1, Math.floor(rank * STRATUM_FRACTION)))
    first.push(rank);
  const width = Int32Array.from(first, (rank, i) => (first[i + 1] ?? nRanks + 1) - rank);
  const weight = Float64Array.from(first, (start, i) => {
    let sum = 0;
    for (let rank = start; rank < start + width[i]!; rank++) sum += rank ** -theta;
    return sum;
  });
  const sureBelow = Float64Array.from(first, (start, i) => (start / (start + width[i]! - 1)) ** theta);
  return { first: Int32Array.from(first), width, weight, sureBelow };
}

/** A fixed permutation of [0, n): products with an odd number modulo a power of two, those below n. */
function scatterTable(n: number): Int32Array {
  const bits = Math.max(1, 32 - Math.clz32(n - 1));
  const mask = 2 ** bits - 1;
  const factor = (0x9e3779b1 >>> (32 - bits)) | 1;
  const table = new Int32Array(n);
  for (let i = 0, at = 0; i < n; i++) {
    at = i;
    do at = Math.imul(at, factor) & mask;
    while (at >= n);
    table[i] = at;
  }
  return table;
}

/** A draw takes column i when 31 uniform bits are below threshold[i], else alias[i]. */
function aliasTable(weights: Float64Array): { threshold: Int32Array; alias: Int32Array } {
  const n = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const share = weights.map((weight) => (weight * n) / total);
  const threshold = new Int32Array(n).fill(0x7fffffff);
  const alias = Int32Array.from({ length: n }, (_, i) => i);
  const stack = new Int32Array(n);
  let small = 0;
  let large = n;
  // Columns below average from the bottom of the stack, the others from its top.
  for (let i = 0; i < n; i++) stack[share[i]! < 1 ? small++ : --large] = i;
  while (small > 0 && large < n) {
    const low = stack[--small]!;
    const high = stack[large]!;
    threshold[low] = Math.round(share[low]! * 0x7fffffff);
    alias[low] = high;
    share[high]! -= 1 - share[low]!;
    if (share[high]! < 1) {
      large++;
      stack[small++] = high;
    }
  }
  return { threshold, alias };
}
