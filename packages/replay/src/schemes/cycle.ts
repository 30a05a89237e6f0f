/** The loop that mark-and-look trackers share: set marks, sleep, read marks, report; on its own interval or at a capture's recorded times. */
import { PageBitmap, type Nanos } from '@workset/model';
import type { RecordedCycle, Tracker, TrackingKernel } from '../scheme.ts';

export interface CycleSteps {
  /** Sets marks. Returns the pages it could mark, undefined when all tracked pages are eligible. */
  set(): PageBitmap | undefined;
  /** Adds to `reported` the pages found accessed since `set`. */
  read(reported: PageBitmap): void;
  /** True when reading sets the next marks itself (WP_MATCHING): `set` is then called once, at the start. */
  readonly readSets?: boolean;
}

export function cycleTracker(kernel: TrackingKernel, intervalNs: Nanos, steps: CycleSteps): Tracker {
  return kernel.recorded === null ? periodic(kernel, intervalNs, steps) : following(kernel, kernel.recorded, steps);
}

function periodic(kernel: TrackingKernel, intervalNs: Nanos, steps: CycleSteps): Tracker {
  let setAt = kernel.now;
  let eligible = steps.set();
  return {
    firstWakeNs: setAt + intervalNs,
    wake(now) {
      readAndReport(kernel, steps, eligible, { outerT0Ns: setAt, claimT0Ns: setAt, claimT1Ns: now, outerT1Ns: now });
      setAt = now;
      if (!steps.readSets) eligible = steps.set();
      return now + intervalNs;
    },
  };
}

/** Repeats real cycles: marks at the end of each set phase, reads at the start of each read phase. */
function following(kernel: TrackingKernel, recorded: readonly RecordedCycle[], steps: CycleSteps): Tracker {
  const start = kernel.now;
  const cycles = recorded.filter((cycle) => cycle.setEndNs >= start);
  let i = 0;
  let marked = false;
  let eligible: PageBitmap | undefined;
  const nextOf = (cycle: RecordedCycle | undefined): Nanos =>
    cycle === undefined ? Infinity : marked || (steps.readSets === true && i > 0) ? cycle.readBeginNs : cycle.setEndNs;
  return {
    firstWakeNs: nextOf(cycles[0]),
    wake() {
      const cycle = cycles[i]!;
      if (!marked && !(steps.readSets === true && i > 0)) {
        eligible = steps.set();
        marked = true;
      } else {
        readAndReport(kernel, steps, eligible, {
          outerT0Ns: cycle.setBeginNs,
          claimT0Ns: cycle.setEndNs,
          claimT1Ns: cycle.readBeginNs,
          outerT1Ns: cycle.readEndNs,
        });
        marked = false;
        i++;
      }
      return nextOf(cycles[i]);
    },
  };
}

function readAndReport(
  kernel: TrackingKernel,
  steps: CycleSteps,
  eligible: PageBitmap | undefined,
  window: { outerT0Ns: Nanos; claimT0Ns: Nanos; claimT1Ns: Nanos; outerT1Ns: Nanos },
): void {
  const reported = new PageBitmap(kernel.nPages);
  steps.read(reported);
  kernel.report({ ...window, reported, ...(eligible === undefined ? {} : { eligible }) });
}
