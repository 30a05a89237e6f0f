/** How the runs of a replay are shared out: passes that fit into memory one at a time, and within a pass a share for each thread. */
import { formatBytes, UsageError, type SpaceId, type SpaceInfo } from '@workset/model';
import type { TraceReader } from '@workset/store';
import { ALONE, crewsFor, shareOut, type Crew, type Worlds } from './crews.ts';
import { isWhole } from './memory/page-sets.ts';
import { intervalTables } from './memory/alike-intervals.ts';
import { isWorthBuffering } from './memory/stamp-column.ts';
import { MAX_NEWS } from './memory/stamps.ts';
import { worldKey, type RunPlan } from './plan.ts';
import { protectsEntries } from './scheme.ts';
import { spansOf } from './spans.ts';
import { PAGE_SLOTS } from './team/control.ts';
import { bitWordsFor, tablesFor } from './team/piece-queue.ts';

/** One pass over one space: either all runs in one thread that others help, or in several threads that each go through all touches. */
export interface PassPlan {
  readonly space: SpaceInfo;
  /** The runs of each thread. */
  readonly shares: readonly (readonly RunPlan[])[];
  /** Threads that help with the only share. */
  readonly helpers: number;
  /** About the most that the process will hold meanwhile. */
  readonly memoryBytes: number;
  /** Results of a run that may wait before they go to disk. */
  readonly flushBytes: number;
}

export interface PassLimits {
  readonly jobs?: number | undefined;
  /** Default: four fifths of what the machine has to spare, without insisting. */
  readonly memoryLimitBytes?: number | undefined;
  /** Time that threads take to start, for each scheme, which only much work is worth; default 0: they are there. */
  readonly startMs?: number | undefined;
}

/** Below this a worker is not worth the words that it takes to tell it. */
const MIN_TOUCHES_FOR_THREADS = 1 << 21;
const MAX_BUFFER_BYTES = 256 << 20;

/** Measured on Node 24: an idle process with the packages loaded, a further thread with them, and garbage between collections. */
const PROCESS_BYTES = 130 << 20;
const THREAD_BYTES = 60 << 20;
const GARBAGE_BYTES = 64 << 20;

/**
 * Passes over each space, in the order of the runs; each has as many runs as fit. Results are the same for any limits.
 * Throws UsageError when one run alone needs more than a limit that was asked for.
 */
export function planPasses(trace: TraceReader, runs: readonly RunPlan[], { jobs = 1, memoryLimitBytes, startMs }: PassLimits): PassPlan[] {
  const limit = memoryLimitBytes ?? 0.8 * process.availableMemory();
  const bufferBytes = Math.min(MAX_BUFFER_BYTES, Math.floor(limit / 8));
  const spaces = [...new Set(runs.map(({ space }) => space))];
  return spaces.flatMap((id) => {
    const { info } = trace.space(id);
    const extent = { info, seconds: secondsOf(trace, id) };
    const most = info.nTouches < MIN_TOUCHES_FOR_THREADS ? 1 : jobs;
    const hasHuge = trace.manifest.hugeBlocks?.some(({ space, blocks }) => space === id && blocks.length > 0) ?? false;
    const need = (worlds: Worlds, crew: Crew): number => bufferBytes + needOf(info, hasHuge, worlds.flat(), crew);
    const planned = (worlds: Worlds, crew: Crew): PassPlan => ({
      space: info,
      shares: shareOut(extent, worlds, crew.threads),
      helpers: crew.helpers,
      memoryBytes: need(worlds, crew),
      flushBytes: bufferBytes / worlds.flat().length,
    });
    const plan = (worlds: Worlds): PassPlan | undefined =>
      crewsFor(extent, worlds, most, startMs)
        .map((crew) => planned(worlds, crew))
        .find(({ memoryBytes }) => memoryBytes <= limit);
    const passes: PassPlan[] = [];
    let chosen: Worlds = [];
    for (const world of worldsOf(runs.filter((run) => run.space === id))) {
      const wider = plan([...chosen, world]);
      if (wider !== undefined && chosen.length > 0) passes.pop();
      chosen = wider === undefined ? [world] : [...chosen, world];
      const alone = wider ?? plan(chosen);
      if (alone === undefined && memoryLimitBytes !== undefined) throw tooLarge(world, need([world], ALONE), memoryLimitBytes);
      passes.push(alone ?? planned([world], ALONE));
    }
    return passes;
  });
}

/** Recorded time, whatever part of it is wanted. */
function secondsOf(trace: TraceReader, space: SpaceId): number {
  return spansOf(trace, trace.space(space), undefined).reduce((sum, { t0Ns, t1Ns }) => sum + (t1Ns - t0Ns) / 1e9, 0);
}

function tooLarge(world: readonly RunPlan[], bytes: number, limit: number): UsageError {
  return new UsageError(
    `replaying ${world.map(({ scheme }) => scheme).join('+')} needs up to ${formatBytes(bytes)} of memory, more than the limit of ${formatBytes(limit)}`,
    `raise --memory-limit to ${Math.ceil(bytes / 2 ** 20)}M, or track a part of the memory with --addr`,
  );
}

/** About the most that a pass holds, without results that wait. */
export function needOf(space: SpaceInfo, hasHuge: boolean, runs: readonly RunPlan[], { threads, helpers }: Crew): number {
  const { nPages, nFrames, nTouches, classBits } = space;
  const slots = nPages * 2 ** classBits;
  const setBytes = nPages / 8;
  const tableBytes = isWorthBuffering(space, slots) ? slots : 0;
  const tlbs = new Set(runs.filter(({ world }) => world.tlb !== null).map(({ world }) => JSON.stringify([world.tlb, world.thp]))).size;
  const evicting = runs.filter(({ evict }) => evict !== undefined).length;
  return (
    PROCESS_BYTES +
    GARBAGE_BYTES +
    THREAD_BYTES * (threads - 1 + helpers) +
    (helpers > 0 && tableBytes > 0 ? tablesFor(1 + helpers, slots) * tableBytes : 0) +
    (helpers > 0 ? PAGE_SLOTS * PAGE_ROOM_BYTES + 8 * nFrames + 4 * bitWordsFor(1 + helpers, slots) : 0) +
    threads *
      (slots * 4 * (1 + tlbs) +
        tableBytes +
        intervalTables(slots) * (slots / 8) +
        4 * nPages * cachesOf(space, runs) +
        FRAME_BYTES * nFrames +
        TRUTH_SETS * setBytes +
        BATCH_BYTES) +
    runs.reduce(
      (sum, run) =>
        sum + 4 * nPages * columnsOf(run, hasHuge, space) + (RUN_SETS + (settles(run.world, hasHuge) ? SETTLED_SETS : 0)) * setBytes,
      0,
    ) +
    (evicting === 0 ? 0 : evicting * EVICTED_PAGE_BYTES * nPages + REFERENCE_BYTES * nTouches)
  );
}

/** A page of results that waits to be compressed, at most. */
const PAGE_ROOM_BYTES = 1.1 * 2 ** 20;
const BATCH_BYTES = 4 << 20;
const FRAME_BYTES = 44;
/** Sets of the id space that a thread and a run hold at once, those not collected yet included: measured on 64 M pages. */
const TRUTH_SETS = 56 + MAX_NEWS;
const RUN_SETS = 6;
/** Further ones of a world under KVM or with large folios, whose bits are settled touch by touch. */
const SETTLED_SETS = 8;
/** A swapper's state of a page; a touch in the page string and in the next uses of the references. */
const EVICTED_PAGE_BYTES = 64;
const REFERENCE_BYTES = 8;

/** Columns of 4 bytes per page that a run's world may come to hold; passes.test.ts measures them. */
export function columnsOf(run: RunPlan, hasHuge: boolean, { nPages, nRemaps = 0 }: Pick<SpaceInfo, 'nPages' | 'nRemaps'>): number {
  const { kind, scheme, world, range } = run;
  if (kind === 'observed' || scheme === 'pebs') return 0;
  const isHuge = isHugeWorld(world, hasHuge);
  // They keep marks of what KVM and huge pages do to entries they protect.
  const protects = protectsEntries(scheme);
  const isPlain = !isHuge && world.tlb === null && !(world.mmu === 'host' && protects);
  const isUniform = isPlain && nRemaps === 0 && worksOnAllPages(run) && isWhole(range, nPages);
  const own = scheme === 'mglru' ? 2 : isUniform ? 0 : 1;
  return own + (world.mmu === 'host' && protects ? 2 : 0) + (isHuge ? (protects ? 4 : 1) : 0) + (world.tlb === null ? 0 : 1);
}

function isHugeWorld({ backing, thp }: RunPlan['world'], hasHuge: boolean): boolean {
  return backing === 'hugetlb' || thp === 'all' || (thp === 'trace' && hasHuge);
}

/** Schemes whose operations, on all pages, leave one time for all. A swapper may protect some of them. */
function worksOnAllPages({ scheme, params, evict }: RunPlan): boolean {
  if (scheme === 'uffd-rwp') return params['chunk'] === 0 && evict === undefined;
  return OF_ALL_PAGES.test(scheme);
}
const OF_ALL_PAGES = /^(uffd-wp|soft-dirty|clear-refs|idle-page|mm-young|ept-young|kvm-dirty-log|kvm-dirty-ring|pml)$/;

function settles(world: RunPlan['world'], hasHuge: boolean): boolean {
  return world.mmu === 'host' || hasHuge || isHugeWorld(world, hasHuge) || (world.folioOrder ?? 0) > 0;
}

/** Columns of last touches that the runs of a thread share: of reads and writes, of those who count. */
export function cachesOf({ classBits }: SpaceInfo, runs: readonly RunPlan[]): number {
  const targets = new Set(runs.map(({ target }) => target)).size;
  return targets * (classBits > 1 ? 3 : 1);
}

/** Runs that must stay in one thread: those of one shared world. */
function worldsOf(runs: readonly RunPlan[]): RunPlan[][] {
  return [...new Map(runs.map((run) => [worldKey(run), runs.filter((other) => worldKey(other) === worldKey(run))])).values()];
}
