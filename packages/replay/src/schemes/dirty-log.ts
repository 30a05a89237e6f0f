/** The cycle of KVM's dirty trackers: fetch the log, which marks again what it returns. */
import type { Tracker, TrackingKernel } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';

/** @param charge called with the pages that were logged since the last fetch */
export function dirtyLogTracker(kernel: TrackingKernel, intervalNs: number, charge: (logged: number) => void): Tracker {
  return cycleTracker(kernel, intervalNs, {
    readSets: true,
    set() {
      // INITIALLY_SET starts all ones; the first fetch, thrown away, protects everything.
      kernel.getDirtyLog(kernel.range, kernel.emptySet());
      return undefined;
    },
    read: (reported) => charge(kernel.getDirtyLog(kernel.range, reported)),
  });
}
