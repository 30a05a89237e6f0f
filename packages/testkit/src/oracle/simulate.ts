/**
 * The oracle: what a tracker would report on a plain trace, and what was true, by the most obvious code that could be right.
 *
 * The contract of time it shares with the engine: a touch counts at the end of its frame, so at time t exactly the frames with
 * t1 <= t have happened; a tracker starts at the first frame start of each recorded span, with fresh marks on the pages that are
 * there; a periodic tick within 1 percent of a quantum of a frame edge happens at that edge; a claim across a gap is not scored.
 */
import { pagesOf, type PlainTrace } from '../trace.ts';
import { damonPaddr, type DrawRandom, type OracleDamonConfig } from './damon.ts';
import { OracleMemory, type OracleCounts } from './memory.ts';
import {
  idle,
  periodic,
  recorded,
  recordedIdle,
  rwp,
  wp,
  type Coroutine,
  type OracleCycle,
  type OracleReport,
  type OracleWorld,
} from './schemes.ts';
import { truthOf, type OracleTruth, type OracleWindowTimes } from './truth.ts';

const MARK_AND_LOOK = { 'uffd-rwp': rwp, 'uffd-wp': wp, 'idle-page': idle } as const;

export type OracleTracker =
  | { readonly scheme: keyof typeof MARK_AND_LOOK; readonly interval: number }
  | { readonly scheme: keyof typeof MARK_AND_LOOK; readonly cycles: readonly OracleCycle[] }
  | {
      readonly scheme: 'damon-paddr';
      readonly config: OracleDamonConfig;
      /** Monitored page numbers. */
      readonly monitored: { readonly startPage: number; readonly nPages: number };
      /** The random stream of the n-th span. */
      readonly random: (span: number) => DrawRandom;
    };

export interface OracleWindow extends OracleReport {
  /** Index of the span that holds the whole claim, -1 when none does; such a window is not scored. */
  readonly span: number;
  /** Work since the report before it; zero for reports of a real tracker. */
  readonly counts: OracleCounts;
  /** Every scope and target; empty when not scored. */
  readonly truths: readonly OracleTruth[];
}

/** Runs one tracker over the tracked pages (default: all) and scores its reports. */
export function simulate(trace: PlainTrace, tracker: OracleTracker, tracked: readonly number[] = pagesOf(trace)): OracleWindow[] {
  const windows: OracleWindow[] = [];
  const memory = new OracleMemory(trace, pagesOf(trace));
  trace.spans.forEach((span, s) => {
    const startNs = trace.frames.find(({ t0Ns }) => t0Ns >= span.t0Ns && t0Ns < span.t1Ns)?.t0Ns ?? span.t0Ns;
    memory.runUntil(startNs);
    memory.forgetMarks();
    const world: OracleWorld = {
      memory,
      tracked,
      startNs,
      report: (report) => windows.push(score(trace, tracked, report, memory.takeCounts())),
    };
    const snap = 'cycles' in tracker ? (ns: number): number => ns : (ns: number): number => snapToEdge(trace, ns);
    run(start(tracker, world, s), memory, span.t1Ns, startNs, snap);
  });
  return windows;
}

/** Scores reports that a real tracker made. */
export function observe(trace: PlainTrace, reports: readonly OracleReport[], tracked: readonly number[] = pagesOf(trace)): OracleWindow[] {
  return reports.map((report) => score(trace, tracked, report, { rwpArm: 0, rwpFault: 0 }));
}

function start(tracker: OracleTracker, world: OracleWorld, span: number): Coroutine {
  if (tracker.scheme === 'damon-paddr') return damonPaddr(world, tracker.config, tracker.monitored, tracker.random(span));
  const steps = MARK_AND_LOOK[tracker.scheme](world);
  if ('cycles' in tracker && tracker.scheme === 'idle-page') return recordedIdle(world, tracker.cycles);
  return 'cycles' in tracker ? recorded(world, steps, tracker.cycles) : periodic(world, steps, tracker.interval);
}

function run(coroutine: Coroutine, memory: OracleMemory, endNs: number, startNs: number, snap: (ns: number) => number): void {
  let now = startNs;
  for (let step = coroutine.next(); !step.done; step = coroutine.next(now)) {
    const snapped = snap(step.value);
    const wake = snapped > now ? snapped : step.value;
    if (wake > endNs) return;
    memory.runUntil(wake);
    now = wake;
  }
}

export function snapToEdge({ frames, quantumNs }: PlainTrace, ns: number): number {
  const isNear = (edge: number): boolean => Math.abs(edge - ns) <= quantumNs / 100;
  const end = frames.map(({ t1Ns }) => t1Ns).find(isNear);
  const begin = frames.map(({ t0Ns }) => t0Ns).find(isNear);
  return end ?? begin ?? ns;
}

/** A report with its span and its truths. */
export function score<Counts>(
  trace: PlainTrace,
  tracked: readonly number[],
  report: OracleReport,
  counts: Counts,
): Omit<OracleWindow, 'counts'> & { counts: Counts } {
  const span = spanOf(trace, report);
  return { ...report, counts, span, truths: span < 0 ? [] : truthOf(trace, new Set(tracked), report) };
}

function spanOf({ spans }: PlainTrace, { claimT0Ns, claimT1Ns }: OracleWindowTimes): number {
  return spans.findIndex(({ t0Ns, t1Ns }) => claimT0Ns >= t0Ns && claimT1Ns <= t1Ns);
}
