/** Exact LRU and FIFO at a memory limit, by demand paging: what a tracker that saw every access in order could do. */
import type { PageString } from './page-string.ts';

export interface ReferenceCount {
  /** Faults, first touches included. */
  readonly misses: number;
  /** Faults on pages that had been evicted: misses less the first touch of each page. */
  readonly refaults: number;
}

/** Misses of exact least-recently-used replacement with `frames` page frames. Throws RangeError unless frames is at least 1. */
export function lruMisses(string: PageString, frames: number): ReferenceCount {
  return counted(string, replaceOldest(string, frames, true));
}

/** Misses of first-in-first-out replacement (oldest fault-in first) with `frames` page frames. Throws RangeError unless frames is at least 1. */
export function fifoMisses(string: PageString, frames: number): ReferenceCount {
  return counted(string, replaceOldest(string, frames, false));
}

export function counted({ nDistinct }: PageString, misses: number): ReferenceCount {
  return { misses, refaults: misses - nDistinct };
}

export function checkFrames(frames: number): void {
  if (!(frames >= 1)) throw new RangeError(`at least one page frame is needed, got ${frames}`);
}

/** A ring through slot nPages: newer[x] leads towards the newest, older[x] towards the oldest; older = -1 means not resident. */
function replaceOldest({ pages, nPages }: PageString, frames: number, moveOnHit: boolean): number {
  checkFrames(frames);
  const head = nPages;
  const newer = new Int32Array(nPages + 1).fill(-1);
  const older = new Int32Array(nPages + 1).fill(-1);
  newer[head] = older[head] = head;
  let free = Math.min(frames, nPages) | 0;
  let misses = 0;
  for (let i = 0, n = pages.length | 0; i < n; i = (i + 1) | 0) {
    const page = pages[i]!;
    const before = older[page]!;
    if (before >= 0) {
      if (!moveOnHit || head === newer[page]) continue;
      older[newer[page]!] = before;
      newer[before] = newer[page]!;
    } else {
      misses = (misses + 1) | 0;
      if (free > 0) free = (free - 1) | 0;
      else {
        const victim = newer[head]!;
        newer[head] = newer[victim]!;
        older[newer[victim]!] = head;
        older[victim] = -1;
      }
    }
    const newest = older[head]!;
    newer[newest] = page;
    older[page] = newest;
    newer[page] = head;
    older[head] = page;
  }
  return misses;
}
