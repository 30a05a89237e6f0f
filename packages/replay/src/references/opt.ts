/** Belady's OPT: evict the page whose next use is farthest away. No demand-paging policy with the same memory misses less. */
import { checkFrames, counted, type ReferenceCount } from './lru.ts';
import type { PageString } from './page-string.ts';
import { TimeSet } from './time-set.ts';

/** Next use of each access: its position in the string, or NEVER. */
export type NextUse = Int32Array;
export const NEVER = 0x7fffffff;

/** Backward pass; 4 bytes per access. Shared by OPT at all limits. */
export function nextUses({ pages, nPages }: PageString): NextUse {
  const next = new Int32Array(pages.length);
  const last = new Int32Array(nPages).fill(NEVER);
  for (let i = (pages.length - 1) | 0; i >= 0; i = (i - 1) | 0) {
    const page = pages[i]!;
    next[i] = last[page]!;
    last[page] = i;
  }
  return next;
}

/**
 * Misses of Belady's OPT with `frames` page frames. Resident pages are known by the time of their next use (all different), so the
 * victim is the page used at the latest of these times; pages never used again go first. Throws RangeError unless frames is at least 1.
 */
export function optMisses(string: PageString, frames: number, next: NextUse = nextUses(string)): ReferenceCount {
  checkFrames(frames);
  const { pages, nPages } = string;
  const resident = new Uint8Array(nPages);
  const uses = new TimeSet(pages.length);
  const dead: number[] = [];
  let free = Math.min(frames, nPages) | 0;
  let misses = 0;
  for (let i = 0, n = pages.length | 0; i < n; i = (i + 1) | 0) {
    const page = pages[i]!;
    if (resident[page] === 1) uses.delete(i);
    else {
      misses = (misses + 1) | 0;
      resident[page] = 1;
      if (free > 0) free = (free - 1) | 0;
      else if (dead.length > 0) resident[dead.pop()!] = 0;
      else {
        const latest = uses.max();
        uses.delete(latest);
        resident[pages[latest]!] = 0;
      }
    }
    if (next[i] === NEVER) dead.push(page);
    else uses.add(next[i]!);
  }
  return counted(string, misses);
}
