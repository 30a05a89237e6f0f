/**
 * The slow oracle of the eviction replay under the policy "cold for n reports": plain objects, lists of writes instead of counts, and
 * for each primitive the interval in which it lets accesses in, written down from kernel-semantics 11, not from its steps.
 */
import { meaningOf, type PlainTrace } from './trace.ts';

/** Milestones of an eviction, as numbers of completed steps of one batch. */
export interface OraclePrimitive {
  /** Steps after which writes (reads) through the entry wait; Infinity = never; 0 = from the start. */
  readonly writesWaitFrom: number;
  readonly readsWaitFrom: number;
  /** Steps after which the contents are copied, the page is gone, and waiting accesses are answered. */
  readonly copiedAt: number;
  readonly goneAt: number;
  readonly steps: number;
  /** False when the page cannot be given back once an access waits for it. */
  readonly canGiveBack?: false;
}

/** The windows of the primitives whose accesses either pass, or wait for a message. */
export const ORACLE_PRIMITIVES: Readonly<Record<string, OraclePrimitive>> = {
  'uffd-wp': { writesWaitFrom: 1, readsWaitFrom: Infinity, copiedAt: 3, goneAt: 5, steps: 7 },
  'rwp-sync': { writesWaitFrom: 0, readsWaitFrom: 0, copiedAt: 1, goneAt: 3, steps: 5 },
  'punch-hole': { writesWaitFrom: Infinity, readsWaitFrom: Infinity, copiedAt: 1, goneAt: 3, steps: 4 },
  'readv-dontneed:protect=none': { writesWaitFrom: Infinity, readsWaitFrom: Infinity, copiedAt: 1, goneAt: 3, steps: 4 },
  'maccess:protect=none': { writesWaitFrom: Infinity, readsWaitFrom: Infinity, copiedAt: 1, goneAt: 3, steps: 4 },
  'readv-dontneed:protect=rwp': { writesWaitFrom: 0, readsWaitFrom: 0, copiedAt: 1, goneAt: 3, steps: 5 },
  'maccess:protect=rwp': { writesWaitFrom: 0, readsWaitFrom: 0, copiedAt: 1, goneAt: 3, steps: 5 },
  'uffd-evict': { writesWaitFrom: 1, readsWaitFrom: 1, copiedAt: 3, goneAt: 4, steps: 5, canGiveBack: false },
  'uffd-move': { writesWaitFrom: 1, readsWaitFrom: 1, copiedAt: 3, goneAt: 5, steps: 7 },
};

/** Times at which the steps of one page's eviction complete, first to last. */
export interface OraclePlan {
  readonly page: number;
  readonly startNs: number;
  readonly stepsNs: readonly number[];
}

export interface OracleEviction {
  readonly page: number;
  readonly outcome: 'done' | 'lost-write' | 'aborted-cancelled' | 'unfinished';
  readonly reads: number;
  readonly writes: number;
  readonly lost: number;
}

/**
 * What becomes of one eviction while the trace runs. `rescue`: the first access that waits takes the page back; else it waits for
 * the end. Call only for a page that is resident at startNs.
 */
export function oracleEviction(trace: PlainTrace, plan: OraclePlan, primitive: string, rescue: boolean, endNs: number): OracleEviction {
  const window = ORACLE_PRIMITIVES[primitive]!;
  const inFrame: string[] = [];
  let copy: readonly string[] | undefined;
  let reads = 0;
  let translated = false;
  let waiting = false;
  const completedBefore = (ns: number): number => plan.stepsNs.filter((stepNs) => stepNs < ns).length;
  for (const { t1Ns, touches } of trace.frames) {
    if (t1Ns <= plan.startNs) continue;
    const done = completedBefore(t1Ns);
    if (done >= window.copiedAt) copy ??= [...inFrame];
    if (done >= window.goneAt || t1Ns > endNs) break;
    for (const touch of touches) {
      if (touch.page !== plan.page || waiting) continue;
      const { writes, mapped } = meaningOf(trace, touch);
      const waitsFrom = writes ? window.writesWaitFrom : window.readsWaitFrom;
      // A translation cached before the protection lasts until its flush, the step after it.
      const isStale = translated && mapped && waitsFrom > 0 && done === waitsFrom;
      if (done >= waitsFrom && !isStale) {
        if (rescue && window.canGiveBack !== false)
          return { page: plan.page, outcome: 'aborted-cancelled', reads, writes: inFrame.length, lost: 0 };
        waiting = true;
        continue;
      }
      if (writes) inFrame.push(`${t1Ns} ${inFrame.length}`);
      else reads++;
      if (mapped && done < Math.min(window.writesWaitFrom, window.readsWaitFrom)) translated = true;
    }
  }
  const finished = plan.stepsNs[window.goneAt - 1]! <= endNs;
  if (!finished) return { page: plan.page, outcome: 'unfinished', reads, writes: inFrame.length, lost: 0 };
  copy ??= [...inFrame];
  const lost = inFrame.filter((write) => !copy.includes(write)).length;
  return { page: plan.page, outcome: lost > 0 ? 'lost-write' : 'done', reads, writes: inFrame.length, lost };
}
