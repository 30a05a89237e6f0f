/** The loop that mark-and-look trackers share: set marks, sleep, read marks, report; on its own interval or at a capture's recorded times. */
import { NS_PER_MS, PageBitmap, type Nanos } from '@workset/model';
import type { PageRange, RecordedCycle, Tracker, TrackingKernel } from '../scheme.ts';

export interface CycleSteps {
  /** Sets marks on all tracked pages. Returns the pages it could mark, undefined when all are eligible. */
  set(): PageBitmap | undefined;
  /** Adds to `reported`, which is empty, the pages found accessed since `set`. A tracker that looks for cold pages instead returns them. */
  read(reported: PageBitmap): PageBitmap | void;
  /** True when reading sets the next marks itself (WP_MATCHING): `set` is then called once, at the start. */
  readonly readSets?: boolean;
  /** For trackers whose passes take long: the same work part by part, so that a recorded pass can be spread over its time. */
  readonly parts?: CycleParts;
}

export interface CycleParts {
  /** Starts a cycle; returns the pages it will be able to mark, which also say how the time of a pass divides. */
  begin(cycle: RecordedCycle): PageBitmap;
  set(range: PageRange): void;
  read(range: PageRange, reported: PageBitmap): void;
}

export function cycleTracker(kernel: TrackingKernel, intervalNs: Nanos, steps: CycleSteps): Tracker {
  const start = kernel.now;
  if (kernel.recorded === null) return periodic(kernel, intervalNs, steps);
  // A cycle whose marks were being set before the log began cannot be repeated.
  if (steps.parts !== undefined)
    return spread(
      kernel,
      kernel.recorded.filter(({ setBeginNs }) => setBeginNs >= start),
      steps.parts,
    );
  return following(
    kernel,
    kernel.recorded.filter(({ setEndNs }) => setEndNs >= start),
    steps,
  );
}

function periodic(kernel: TrackingKernel, intervalNs: Nanos, steps: CycleSteps): Tracker {
  let setAt = kernel.now;
  let eligible = steps.set();
  const reported = kernel.keptSet();
  return {
    firstWakeNs: setAt + intervalNs,
    wake(now) {
      reported.clear();
      const cold = steps.read(reported);
      report(kernel, { outerT0Ns: setAt, claimT0Ns: setAt, claimT1Ns: now, outerT1Ns: now }, reported, eligible, cold);
      setAt = now;
      if (!steps.readSets) eligible = steps.set();
      return now + intervalNs;
    },
  };
}

/** Repeats real cycles: marks at the end of each set phase, reads at the start of each read phase. */
function following(kernel: TrackingKernel, recorded: readonly RecordedCycle[], steps: CycleSteps): Tracker {
  let eligible: PageBitmap | undefined;
  const actions = recorded.flatMap((cycle, i): Action[] => {
    const read: Action = {
      atNs: cycle.readBeginNs,
      run() {
        const reported = kernel.emptySet();
        const cold = steps.read(reported);
        report(kernel, windowOf(cycle), reported, eligible, cold);
      },
    };
    if (steps.readSets === true && i > 0) return [read];
    return [{ atNs: cycle.setEndNs, run: () => void (eligible = steps.set()) }, read];
  });
  return agenda(actions);
}

/** Repeats real cycles whose passes took time: each part of the range is marked and read when the real pass came by. */
function spread(kernel: TrackingKernel, recorded: readonly RecordedCycle[], parts: CycleParts): Tracker {
  const actions = recorded.flatMap((cycle): Action[] => {
    let eligible = kernel.emptySet();
    const reported = kernel.emptySet();
    const setPass = passTimes(cycle.setBeginNs, cycle.setEndNs);
    const readPass = passTimes(cycle.readBeginNs, cycle.readEndNs);
    let setRanges: PageRange[] = [];
    let readRanges: PageRange[] = [];
    const begin: Action = {
      atNs: cycle.setBeginNs,
      run() {
        eligible = parts.begin(cycle);
        setRanges = divide(kernel.range, eligible, setPass.length);
        readRanges = divide(kernel.range, eligible, readPass.length);
      },
    };
    const set = setPass.map((atNs, k): Action => ({ atNs, run: () => parts.set(setRanges[k]!) }));
    const claim: Action = { atNs: cycle.readBeginNs, run: () => kernel.claim(windowOf(cycle)) };
    const read = readPass.map((atNs, k): Action => ({ atNs, run: () => parts.read(readRanges[k]!, reported) }));
    const done: Action = { atNs: cycle.readEndNs, run: () => report(kernel, windowOf(cycle), reported, eligible) };
    return [begin, ...set, claim, ...read, done];
  });
  return agenda(actions);
}

interface Action {
  readonly atNs: Nanos;
  run(): void;
}

/** Runs actions in order, each at its time. */
function agenda(due: readonly Action[]): Tracker {
  let next = 0;
  return {
    firstWakeNs: due[0]?.atNs ?? Infinity,
    wake(now) {
      while (next < due.length && due[next]!.atNs <= now) due[next++]!.run();
      return due[next]?.atNs ?? Infinity;
    },
  };
}

/** Middles of the parts of a pass, one part per millisecond. */
function passTimes(begin: Nanos, end: Nanos): Nanos[] {
  const n = Math.max(1, Math.round((end - begin) / NS_PER_MS));
  return Array.from({ length: n }, (_, k) => begin + ((k + 0.5) / n) * (end - begin));
}

/** Work per page that is not marked, relative to one that is (measured on the 6.1 captures: set time grows with LRU pages alone). */
const UNMARKED_WORK = 0.02;

/** Cuts the range into n parts of equal work, in address order. */
function divide(range: PageRange, marked: PageBitmap, n: number): PageRange[] {
  const pages = range.to - range.from;
  const total = UNMARKED_WORK * pages + (1 - UNMARKED_WORK) * marked.count();
  const parts: PageRange[] = [];
  let work = 0;
  let from = range.from;
  for (let id = range.from; id < range.to && parts.length < n - 1; id++) {
    work += marked.has(id) ? 1 : UNMARKED_WORK;
    if (work >= ((parts.length + 1) * total) / n) {
      parts.push({ from, to: id + 1 });
      from = id + 1;
    }
  }
  parts.push({ from, to: range.to });
  while (parts.length < n) parts.push({ from: range.to, to: range.to });
  return parts;
}

interface Claim {
  readonly outerT0Ns: Nanos;
  readonly claimT0Ns: Nanos;
  readonly claimT1Ns: Nanos;
  readonly outerT1Ns: Nanos;
}

function windowOf(cycle: RecordedCycle): Claim {
  return { outerT0Ns: cycle.setBeginNs, claimT0Ns: cycle.setEndNs, claimT1Ns: cycle.readBeginNs, outerT1Ns: cycle.readEndNs };
}

function report(
  kernel: TrackingKernel,
  claim: Claim,
  reported: PageBitmap,
  eligible: PageBitmap | undefined,
  cold?: PageBitmap | void,
): void {
  kernel.report({ ...claim, reported, ...(eligible === undefined ? {} : { eligible }), ...(cold instanceof PageBitmap ? { cold } : {}) });
}
