/** How the runs of a replay are shared out: passes that fit into memory one at a time, and within a pass a share for each thread. */
import { formatBytes, UsageError, type SpaceInfo } from '@workset/model';
import type { TraceReader } from '@workset/store';
import { isWorthBuffering } from './memory/stamp-column.ts';
import { worldKey, type RunPlan } from './plan.ts';

/** One pass over one space: the runs of each thread. */
export interface PassPlan {
  readonly space: SpaceInfo;
  readonly shares: readonly (readonly RunPlan[])[];
  /** About the most that the process will hold meanwhile. */
  readonly memoryBytes: number;
  /** Of it, results that may wait before they go to disk. */
  readonly bufferBytes: number;
}

export interface PassLimits {
  readonly jobs?: number | undefined;
  /** Default: four fifths of what the machine has to spare, without insisting. */
  readonly memoryLimitBytes?: number | undefined;
}

/** Below this a worker would take longer to start than to help. */
const MIN_TOUCHES_PER_CREW = 1 << 21;
const MAX_BUFFER_BYTES = 256 << 20;

/** Measured on Node 24: an idle process with the packages loaded, a further thread with them, and garbage between collections. */
const PROCESS_BYTES = 130 << 20;
const THREAD_BYTES = 60 << 20;
const GARBAGE_BYTES = 64 << 20;

/**
 * Passes over each space, in the order of the runs; each has as many runs as fit. Results are the same for any limits.
 * Throws UsageError when one run alone needs more than a limit that was asked for.
 */
export function planPasses(trace: TraceReader, runs: readonly RunPlan[], { jobs = 1, memoryLimitBytes }: PassLimits): PassPlan[] {
  const limit = memoryLimitBytes ?? 0.8 * process.availableMemory();
  const bufferBytes = Math.min(MAX_BUFFER_BYTES, Math.floor(limit / 8));
  const spaces = [...new Set(runs.map(({ space }) => space))];
  return spaces.flatMap((id) => {
    const { info } = trace.space(id);
    const most = info.nTouches < MIN_TOUCHES_PER_CREW ? 1 : jobs;
    const hasHuge = trace.manifest.hugeBlocks?.some(({ space, blocks }) => space === id && blocks.length > 0) ?? false;
    const need = (worlds: readonly (readonly RunPlan[])[], threads: number): number =>
      bufferBytes + needOf(info, hasHuge, worlds.flat(), threads);
    const plan = (worlds: readonly (readonly RunPlan[])[]): PassPlan | undefined => {
      for (let threads = Math.max(1, Math.min(most, worlds.length)); threads > 0; threads--) {
        const memoryBytes = need(worlds, threads);
        if (memoryBytes <= limit) return { space: info, shares: shareOut(worlds, threads), memoryBytes, bufferBytes };
      }
      return undefined;
    };
    const passes: PassPlan[] = [];
    let chosen: (readonly RunPlan[])[] = [];
    for (const world of worldsOf(runs.filter((run) => run.space === id))) {
      const wider = plan([...chosen, world]);
      if (wider !== undefined && chosen.length > 0) passes.pop();
      chosen = wider === undefined ? [world] : [...chosen, world];
      const alone = wider ?? plan(chosen);
      if (alone === undefined && memoryLimitBytes !== undefined) throw tooLarge(world, need([world], 1), memoryLimitBytes);
      passes.push(alone ?? { space: info, shares: [world], memoryBytes: need([world], 1), bufferBytes });
    }
    return passes;
  });
}

function tooLarge(world: readonly RunPlan[], bytes: number, limit: number): UsageError {
  return new UsageError(
    `replaying ${world.map(({ scheme }) => scheme).join('+')} needs up to ${formatBytes(bytes)} of memory, more than the limit of ${formatBytes(limit)}`,
    `raise --memory-limit to ${Math.ceil(bytes / 2 ** 20)}M, or track a part of the memory with --addr`,
  );
}

/** About the most that a pass holds, without results that wait. */
export function needOf(space: SpaceInfo, hasHuge: boolean, runs: readonly RunPlan[], threads: number): number {
  const { nPages, nFrames, nTouches, classBits } = space;
  const slots = nPages * 2 ** classBits;
  const setBytes = nPages / 8;
  const tlbs = new Set(runs.filter(({ world }) => world.tlb !== null).map(({ world }) => JSON.stringify([world.tlb, world.thp]))).size;
  const evicting = runs.filter(({ evict }) => evict !== undefined).length;
  return (
    PROCESS_BYTES +
    GARBAGE_BYTES +
    THREAD_BYTES * (threads - 1) +
    threads *
      (slots * (4 * (1 + tlbs) + Number(isWorthBuffering(space, slots))) +
        4 * nPages * cachesOf(space, runs) +
        FRAME_BYTES * nFrames +
        TRUTH_SETS * setBytes +
        BATCH_BYTES) +
    runs.reduce(
      (sum, run) => sum + 4 * nPages * columnsOf(run, hasHuge) + (RUN_SETS + (settles(run.world, hasHuge) ? SETTLED_SETS : 0)) * setBytes,
      0,
    ) +
    (evicting === 0 ? 0 : evicting * EVICTED_PAGE_BYTES * nPages + REFERENCE_BYTES * nTouches)
  );
}

const BATCH_BYTES = 4 << 20;
const FRAME_BYTES = 44;
/** Sets of the id space that a thread and a run hold at once, those not collected yet included: measured on 64 M pages. */
const TRUTH_SETS = 56;
const RUN_SETS = 4;
/** Further ones of a world under KVM or with large folios, whose bits are settled touch by touch. */
const SETTLED_SETS = 8;
/** A swapper's state of a page; a touch in the page string and in the next uses of the references. */
const EVICTED_PAGE_BYTES = 64;
const REFERENCE_BYTES = 8;

/** Columns of 4 bytes per page that a run's world may come to hold; passes.test.ts measures them. */
export function columnsOf({ kind, scheme, world }: RunPlan, hasHuge: boolean): number {
  if (kind === 'observed' || scheme === 'pebs') return 0;
  const isHuge = isHugeWorld(world, hasHuge);
  // Schemes that protect entries keep marks of what KVM and huge pages do to those.
  const protects = /^(uffd-|soft-dirty|numa-hint)/.test(scheme);
  const own = scheme === 'mglru' ? 2 : 1;
  return own + (world.mmu === 'host' && protects ? 2 : 0) + (isHuge ? (protects ? 4 : 1) : 0) + (world.tlb === null ? 0 : 1);
}

function isHugeWorld({ backing, thp }: RunPlan['world'], hasHuge: boolean): boolean {
  return backing === 'hugetlb' || thp === 'all' || (thp === 'trace' && hasHuge);
}

function settles(world: RunPlan['world'], hasHuge: boolean): boolean {
  return world.mmu === 'host' || hasHuge || isHugeWorld(world, hasHuge) || (world.folioOrder ?? 0) > 0;
}

/** Columns of last touches that the runs of a thread share: of reads and writes, of those who count. */
export function cachesOf({ classBits }: SpaceInfo, runs: readonly RunPlan[]): number {
  const targets = new Set(runs.map(({ target }) => target)).size;
  return targets * (classBits > 1 ? 3 : 1);
}

/** The most work first, each to the thread that has least. */
function shareOut(worlds: readonly (readonly RunPlan[])[], threads: number): RunPlan[][] {
  const shares = Array.from({ length: threads }, () => ({ work: 0, runs: [] as RunPlan[] }));
  const byWork = worlds.map((runs) => ({ runs, work: runs.reduce((sum, run) => sum + workOf(run), 0) })).sort((a, b) => b.work - a.work);
  for (const { runs, work } of byWork) {
    const least = shares.reduce((best, share) => (share.work < best.work ? share : best));
    least.work += work;
    least.runs.push(...runs);
  }
  return shares.map(({ runs }) => runs);
}

/** CPU ms of a window over 1 M pages, beyond what the cheapest scheme takes: measured with windows of 100 ms. */
const WINDOW_MS: Readonly<Record<string, number>> = {
  'uffd-rwp': 5.4,
  'uffd-rwp-sync': 5.9,
  'uffd-wp': 0.9,
  'uffd-wp-sync': 1.7,
  'soft-dirty': 2.9,
  'idle-page': 5.1,
  'ept-young': 4.2,
  mglru: 2.8,
  'numa-hint': 3.1,
};
const OTHER_WINDOW_MS = 2;
/** What a run of any scheme does in a window: its truth, its sets. */
const COMMON_WINDOW_MS = 2;
const NS_PER_S = 1e9;

/** About what a run costs, per second of the trace; only the proportions count. */
function workOf({ kind, scheme, params, evict }: RunPlan): number {
  const own = kind === 'observed' ? 0 : (WINDOW_MS[scheme] ?? OTHER_WINDOW_MS);
  const every = Number(params['interval'] ?? params['aggr'] ?? NS_PER_S);
  // A swapper looks at every touch.
  return ((own + COMMON_WINDOW_MS) * NS_PER_S) / Math.max(1e6, every) + (evict === undefined ? 0 : 1000);
}

/** Runs that must stay in one thread: those of one shared world. */
function worldsOf(runs: readonly RunPlan[]): RunPlan[][] {
  return [...new Map(runs.map((run) => [worldKey(run), runs.filter((other) => worldKey(other) === worldKey(run))])).values()];
}
