/** How threads divide a pass: by an estimate of what its runs cost. Only proportions count, and results do not depend on it. */
import type { SpaceInfo } from '@workset/model';
import type { RunPlan } from './plan.ts';
import { MAX_MEMBERS } from './team/control.ts';

export interface Crew {
  /** Threads with runs of their own, each of which goes through all touches. */
  readonly threads: number;
  /** Further threads that help the only one with runs. */
  readonly helpers: number;
}
export const ALONE: Crew = { threads: 1, helpers: 0 };

/** Runs that must stay in one thread, together: those of one shared world. */
export type Worlds = readonly (readonly RunPlan[])[];

/** A space, and how much of its time is replayed, s. */
export interface Extent {
  readonly info: SpaceInfo;
  readonly seconds: number;
}

/**
 * Ways to divide the work among up to `jobs` threads: the quickest by estimate first, then others, one thread alone last. Threads
 * that take `startMs` to start for each scheme are no use for less work than that.
 */
export function crewsFor(extent: Extent, worlds: Worlds, jobs: number, startMs = 0): Crew[] {
  if (jobs < 2) return [ALONE];
  const helpers = Math.min(MAX_MEMBERS, jobs) - 1;
  const alone = workOf(extent, worlds.flat());
  const helped = alone.all - (alone.divisible * helpers) / (helpers + 1);
  const shares = Array.from({ length: Math.min(jobs, worlds.length) - 1 }, (_, i) => ({ threads: i + 2, helpers: 0 })).reverse();
  const shared = (crew: Crew): number =>
    Math.max(
      ...shareOut(extent, worlds, crew.threads)
        .map((runs) => workOf(extent, runs))
        .map(({ all, divisible }) => all + divisible * APART),
    );
  const apart = shares.length > 0 ? shared(shares[0]!) : Infinity;
  const nSchemes = new Set(worlds.flat().map(({ scheme }) => scheme)).size;
  if (alone.all < Math.min(apart, helped) + startMs * nSchemes) return [ALONE];
  const isShared = apart < helped;
  const help = [{ threads: 1, helpers }];
  return [...(isShared ? shares : help), ...(isShared ? help : shares), ALONE];
}

/** The most work first, each to the thread that has least. */
export function shareOut(extent: Extent, worlds: Worlds, threads: number): RunPlan[][] {
  const shares = Array.from({ length: threads }, () => ({ work: 0, runs: [] as RunPlan[] }));
  const own = (runs: readonly RunPlan[]): number => runs.reduce((sum, run) => sum + runWork(extent, run).all, 0);
  const byWork = worlds.map((runs) => ({ runs, work: own(runs) })).sort((a, b) => b.work - a.work);
  for (const { runs, work } of byWork) {
    const least = shares.reduce((best, share) => (share.work < best.work ? share : best));
    least.work += work;
    least.runs.push(...runs);
  }
  return shares.map(({ runs }) => runs);
}

/** By how much work on pages grows when two threads do it for runs of their own: they have no sets in common, and share the memory. Measured on 16 M pages. */
const APART = 1;

/** CPU time, ms: in all, and as much of it as a team divides. */
interface Work {
  readonly all: number;
  readonly divisible: number;
}

/** ns per touch: to read and stamp it, to look it up in a TLB, to show it to a swapper, to a sampler. Measured on Zen 5, as all that follows. */
const TOUCH_NS = 0.7;
const TLB_NS = 5;
const EVICT_NS = 45;
const SAMPLE_NS = 2;

/** One thread that goes through all touches for some runs. */
function workOf(extent: Extent, runs: readonly RunPlan[]): Work {
  const { nTouches } = extent.info;
  const tlbs = new Set(runs.flatMap(({ world }) => (world.tlb === null ? [] : [JSON.stringify([world.tlb, world.thp])]))).size;
  const watches = tlbs > 0 || runs.some(({ evict, scheme }) => evict !== undefined || scheme === 'pebs');
  const works = runs.map((run) => runWork(extent, run));
  // Runs that wake together share their truth.
  const truths = new Set(runs.map(every));
  const truth = [...truths].reduce((sum, ns) => sum + TRUTH_MS * windowsOf(extent, ns), 0);
  const touches = (nTouches * TOUCH_NS) / 1e6;
  return {
    all: touches + truth + (nTouches * TLB_NS * tlbs) / 1e6 + works.reduce((sum, { all }) => sum + all, 0),
    // Who looks at single touches has them applied in their order.
    divisible: (watches ? 0 : touches) + truth * DIVISIBLE_SHARE + works.reduce((sum, { divisible }) => sum + divisible, 0),
  };
}

/** CPU ms of a window over 1 M pages, beyond its truth: measured with windows of 100 ms. */
const WINDOW_MS: Readonly<Record<string, number>> = {
  'uffd-rwp': 0.3,
  'uffd-rwp-sync': 0.65,
  'idle-page': 0.55,
  'ept-young': 0.25,
  mglru: 0.8,
  'numa-hint': 1.5,
};
const OTHER_WINDOW_MS = 0.05;
/** The truth of a window: worked out, compressed. */
const TRUTH_MS = 1.4;
const NS_PER_S = 1e9;
/** Of the truth, and of schemes that go page by page, the share of the work that is loops over pages and compression. */
const DIVISIBLE_SHARE = 0.6;
const NOT_BY_PAGE = /^(damon|mglru|numa|pebs)/;

/** What a run costs beyond the touches. */
function runWork(extent: Extent, run: RunPlan): Work {
  const { info } = extent;
  const { kind, scheme, evict } = run;
  const own = kind === 'observed' ? OTHER_WINDOW_MS : (WINDOW_MS[scheme] ?? OTHER_WINDOW_MS);
  const windows = own * windowsOf(extent, every(run));
  const perTouch = (evict === undefined ? 0 : EVICT_NS) + (scheme === 'pebs' ? SAMPLE_NS : 0);
  return {
    all: windows + (info.nTouches * perTouch) / 1e6,
    divisible: kind === 'observed' || NOT_BY_PAGE.test(scheme) ? 0 : windows * DIVISIBLE_SHARE,
  };
}

/** Between windows of a run, ns. */
function every({ params }: RunPlan): number {
  return Math.max(1e6, Number(params['interval'] ?? params['aggr'] ?? NS_PER_S));
}
/** As many of 1 M pages. */
function windowsOf({ info, seconds }: Extent, ns: number): number {
  return ((info.nPages / 2 ** 20) * seconds * NS_PER_S) / ns;
}
