/** What a replay will do: which runs, over which pages, under which identity. Pure; no file is written. */
import { createHash } from 'node:crypto';
import {
  BLOCK_PAGES,
  PAGE_BYTES,
  parseParams,
  RunError,
  UsageError,
  type ObservationStream,
  type ParamValues,
  type SpaceId,
  type TraceSpan,
} from '@workset/model';
import type { SpaceReader, TraceReader } from '@workset/store';
import { intervalsOf, rangeOf } from './observed.ts';
import { parseEvict } from './evict/spec.ts';
import { DEFAULT_PROFILE } from './profiles.ts';
import { schemes } from './registry.ts';
import { spansOf, type TimeRange } from './spans.ts';
import type { TlbConfig } from './memory/tlb.ts';
import { BACKINGS, type Backing } from './primitive.ts';
import type { PageRange } from './scheme.ts';
import { idsOf } from './memory/page-ranges.ts';

/** A folio of 2 MiB. */
const MAX_FOLIO_ORDER = 9;

/** A scheme by name, or with parameters as text or typed values. */
export type SchemeSpec = string | ({ readonly id: string } & Readonly<Record<string, unknown>>);

export interface PlanOptions {
  /** Default: every scheme at its defaults. */
  readonly schemes?: readonly SchemeSpec[] | undefined;
  /** Interval of schemes whose user decides it, ns. Default 1 s. */
  readonly windowNs?: number | undefined;
  readonly seed?: number | undefined;
  /** Seeds per randomised scheme. Default 1. */
  readonly seeds?: number | undefined;
  readonly space?: SpaceId | undefined;
  /** Tracked addresses [start, end) in bytes. */
  readonly addr?: readonly [number, number] | undefined;
  /** Replayed time [t0, t1] on the trace clock, ns. */
  readonly time?: TimeRange | undefined;
  readonly profile?: string | undefined;
  /** Whose page tables are tracked: a guest's own (default), or a VMM's under KVM. */
  readonly mmu?: 'guest' | 'host' | undefined;
  /** Backing of the tracked memory. Default shmem. hugetlb: huge pages of 2 MiB, shared. */
  readonly backing?: Backing | undefined;
  /** Size of the folios of memory that no PMD maps, bytes: a power of two from 4 KiB (default) to 2 MiB. */
  readonly folioBytes?: number | undefined;
  /** `off` (default), or the TLB in front of the page tables. */
  readonly tlb?: TlbConfig | 'off' | undefined;
  /** 2 MiB mappings: what the capture says (default; none when it says nothing), none, or all tracked memory. */
  readonly thp?: 'off' | 'all' | 'trace' | undefined;
  /** Groups of schemes that share one kernel, e.g. [['idle-page', 'mglru']]. */
  readonly worlds?: readonly (readonly string[])[] | undefined;
  /** Eviction primitives with their policies (`uffd-wp:limit=60%,cold=3`): every run is made once for each. */
  readonly evict?: readonly string[] | undefined;
  /** Score the real trackers' reports in the trace, and repeat their cycles in the model. Default true. */
  readonly observed?: boolean | undefined;
}

/** The world of a run, as data. */
export interface WorldPlan {
  /** Schemes that share it, joined by "+"; null = a world of its own. */
  readonly shared: string | null;
  readonly mmu: 'guest' | 'host';
  readonly backing: Backing;
  readonly tlb: TlbConfig | null;
  readonly thp: 'off' | 'all' | 'trace';
  /** Folios of 2^order pages, each page mapped by a PTE; absent = 0, so that plain runs keep the names they had. */
  readonly folioOrder?: number;
}

export interface RunPlan {
  readonly runId: string;
  /**
   * Names the stream of random numbers: the run without its trace, its prices and its swapper. So what a tracker draws does not change
   * with the form in which a trace is stored, nor with what is done with the reports.
   */
  readonly randomName: string;
  /** Scheme id, or observed:<id>. */
  readonly scheme: string;
  readonly kind: 'simulated' | 'observed';
  readonly space: SpaceId;
  readonly range: PageRange;
  readonly params: ParamValues;
  readonly seed: number;
  readonly profile: string;
  /** Stream whose reports are scored (observed) or whose cycles are repeated (simulated). */
  readonly stream: string | null;
  readonly target: 'touched' | 'written';
  readonly world: WorldPlan;
  /** What a swapper does with the reports, as parseEvict reads it. */
  readonly evict?: string | undefined;
}

/** Throws UsageError for unknown names, RunError when the trace has nothing to replay. */
export function planRuns(trace: TraceReader, options: PlanOptions): RunPlan[] {
  const runs = onceEach(
    withEvictions(trace, options, [...simulatedRuns(trace, options), ...(options.observed === false ? [] : observedRuns(trace, options))]),
  );
  if (runs.length === 0) throw new RunError('nothing to replay: no scheme chosen and no tracker reports in the trace');
  return runs;
}

/** A scheme that was named twice (interval=1s and 1000ms) is one run: two would write the same files. */
function onceEach(runs: readonly RunPlan[]): RunPlan[] {
  return [...new Map(runs.map((run) => [run.runId, run])).values()];
}

function withEvictions(trace: TraceReader, options: PlanOptions, runs: readonly RunPlan[]): RunPlan[] {
  if (options.evict === undefined || options.evict.length === 0) return [...runs];
  if (trace.manifest.truth === 'observed')
    throw new RunError(`${trace.path} holds no accesses (truth grade observed), so no eviction can be replayed`);
  if (options.backing === 'hugetlb')
    throw new UsageError('hugetlb memory is evicted 2 MiB at a time, and swappers here work on pages of 4 KiB', 'leave evict out');
  const texts = [...new Set(options.evict.map((text) => parseEvict(text, options.backing).text))];
  return runs.flatMap((run) => texts.map((evict) => ({ ...identify(trace, options, { ...run, evict }), randomName: run.randomName })));
}

/** More windows than this take days, and tell nobody anything. */
const MAX_WINDOWS = 2e6;

/** Clocks that were mixed up, or a few events of many days, would keep a replay busy with windows in which nothing happened. */
function checkWindows(id: string, { interval, aggr }: ParamValues, spans: readonly TraceSpan[]): void {
  const windowNs = interval ?? aggr;
  const ns = spans.reduce((sum, { t0Ns, t1Ns }) => sum + t1Ns - t0Ns, 0);
  if (typeof windowNs !== 'number' || ns / windowNs <= MAX_WINDOWS) return;
  throw new UsageError(
    `${id} would report ${Math.round(ns / windowNs)} windows: the trace covers ${Math.round(ns / 3.6e12)} hours`,
    `take a part with --time, or longer windows (--window 1m, or ${id}:${interval === undefined ? 'aggr' : 'interval'}=1m)`,
  );
}

function simulatedRuns(trace: TraceReader, options: PlanOptions): RunPlan[] {
  const wanted = options.schemes ?? (trace.manifest.truth === 'observed' ? [] : schemes.ids);
  if (wanted.length === 0) return [];
  if (trace.manifest.truth === 'observed') {
    throw new RunError(
      `${trace.path} holds no accesses (truth grade observed), so no scheme can be replayed`,
      "ingest the trackers' files together with an exact log of the same run (gt.vmgt), or leave --scheme out to compare the trackers with each other",
    );
  }
  const space = trace.space(options.space ?? mainSpace(trace));
  const range = trackedRange(space, options.addr);
  checkHugetlb(range, options.backing ?? 'shmem');
  return wanted.flatMap((spec) => {
    const { scheme, params } = resolve(spec, options.windowNs, trace.manifest.notes['kernel']);
    checkWindows(scheme.descriptor.id, params, spansOf(trace, space, options.time));
    return seedsOf(scheme.descriptor.id, options).map((seed) =>
      identify(trace, options, {
        scheme: scheme.descriptor.id,
        kind: 'simulated',
        space: space.info.id,
        range,
        params,
        seed,
        profile: options.profile ?? DEFAULT_PROFILE,
        stream: null,
        target: scheme.descriptor.target,
        world: {
          ...worldOf(options),
          mmu: options.mmu ?? scheme.descriptor.mmu ?? 'guest',
          shared: sharedWorld(scheme.descriptor.id, options),
        },
      }),
    );
  });
}

/** Every stream as it was reported, and, beside it, the model repeating its cycles. */
function observedRuns(trace: TraceReader, options: PlanOptions): RunPlan[] {
  return trace.manifest.streams
    .filter((stream) => trace.manifest.spaces.some(({ id }) => id === stream.space))
    .filter((stream) => options.space === undefined || stream.space === options.space)
    .flatMap((stream) => {
      const space = trace.space(stream.space);
      const range = rangeOf(stream, space);
      const world = worldOf(options);
      const shared = {
        space: stream.space,
        range,
        seed: options.seed ?? 1,
        profile: options.profile ?? DEFAULT_PROFILE,
        stream: stream.stream,
      };
      const observed = identify(trace, options, {
        ...shared,
        scheme: `observed:${stream.tracker}`,
        kind: 'observed',
        params: {},
        target: stream.target,
        world: worldOfStream(stream, world),
      });
      const model = modelOf(stream, trace, options);
      if (model === undefined) return [observed];
      const repeated = seedsOf(model.id, options).map((seed) =>
        identify(trace, options, {
          ...shared,
          seed,
          scheme: model.id,
          kind: 'simulated',
          params: model.params,
          target: stream.target,
          world: worldOfStream(stream, world),
        }),
      );
      return [observed, ...repeated];
    });
}

/** The simulated scheme that repeats a stream's cycles, if it is one that marks and looks, and there is truth to replay. */
function modelOf(stream: ObservationStream, trace: TraceReader, options: PlanOptions): { id: string; params: ParamValues } | undefined {
  if (trace.manifest.truth === 'observed' || !schemes.has(stream.tracker)) return undefined;
  const wanted = options.schemes?.find((spec) => idOf(spec) === stream.tracker);
  if (options.schemes !== undefined && wanted === undefined) return undefined;
  const scheme = schemes.get(stream.tracker);
  if (!('interval' in scheme.config) && !('aggr' in scheme.config)) return undefined;
  return { id: scheme.descriptor.id, params: resolve(wanted ?? stream.tracker, undefined, trace.manifest.notes['kernel'], stream).params };
}

/** Throws UsageError for a size that no folio has, and for folios or 2 MiB mappings of hugetlb memory. */
function worldOf(options: PlanOptions): WorldPlan {
  const folioOrder = Math.log2((options.folioBytes ?? PAGE_BYTES) / PAGE_BYTES);
  if (!Number.isInteger(folioOrder) || folioOrder < 0 || folioOrder > MAX_FOLIO_ORDER)
    throw new UsageError(`no folio has ${options.folioBytes} bytes`, 'say a power of two from 4 KiB to 2 MiB, such as 64K');
  if (options.backing === 'hugetlb' && (folioOrder > 0 || (options.thp ?? 'trace') !== 'trace'))
    throw new UsageError('hugetlb memory is made of 2 MiB pages', 'leave thp and folio out');
  return {
    shared: null,
    mmu: options.mmu ?? 'guest',
    backing: options.backing ?? 'shmem',
    tlb: options.tlb === undefined || options.tlb === 'off' ? null : options.tlb,
    thp: options.thp ?? 'trace',
    ...(folioOrder > 0 ? { folioOrder } : {}),
  };
}

/** userfaultfd refuses ranges of hugetlb memory that cut a huge page (0.2). Throws UsageError. */
function checkHugetlb({ from, to }: PageRange, backing: Backing): void {
  if (backing === 'hugetlb' && (from % BLOCK_PAGES !== 0 || to % BLOCK_PAGES !== 0))
    throw new UsageError('the tracked addresses cut a hugetlb page', 'give addresses that are multiples of 2 MiB');
}

/** What the capture says of the memory that a real tracker watched. */
function worldOfStream(stream: ObservationStream, world: WorldPlan): WorldPlan {
  return {
    ...world,
    mmu: stream.notes['side'] === 'host' ? 'host' : 'guest',
    backing: BACKINGS.find((backing) => backing === stream.notes['memory']) ?? 'shmem',
    thp: (stream.granuleBytes ?? 0) > PAGE_BYTES ? 'all' : 'trace',
  };
}

/** Throws UsageError when a world names a scheme twice or one that is not replayed. */
function sharedWorld(id: string, options: PlanOptions): string | null {
  const groups = (options.worlds ?? []).filter((group) => group.includes(id));
  if (groups.length > 1) throw new UsageError(`${id} is in more than one world`, 'give each scheme one --world at most');
  const bitUsers = ['uffd-rwp', 'uffd-wp'].filter((prefix) => groups[0]?.some((name) => name.startsWith(prefix)));
  if (bitUsers.length > 1)
    throw new UsageError(
      `world ${groups[0]!.join('+')} registers RWP and WP on the same memory`,
      'the kernel refuses that (EINVAL): they share one bit of the entry',
    );
  for (const name of groups[0] ?? []) {
    const variants = options.schemes?.filter((spec) => idOf(spec) === name).length ?? 1;
    if (variants > 1 || (isRandom(name) && (options.seeds ?? 1) > 1))
      throw new UsageError(
        `world ${groups[0]!.join('+')} would hold ${name} more than once, with other parameters or seeds`,
        'they would disturb each other: replay such a world once per value, into the same results',
      );
    const replayed = options.schemes === undefined ? schemes.has(name) : options.schemes.some((spec) => idOf(spec) === name);
    if (!replayed) throw new UsageError(`world ${groups[0]!.join('+')} names ${name}, which is not replayed`, `add --scheme ${name}`);
  }
  return groups[0]?.join('+') ?? null;
}

/** A scheme and its parameters: as given, else as the command or the capture says, else the kernel's defaults. */
/** @param recorded the stream whose cycles are repeated: it may say at which intervals the real tracker worked */
function resolve(spec: SchemeSpec, windowNs: number | undefined, releases: string | number | undefined, recorded?: ObservationStream) {
  const { id, ...given } = typeof spec === 'string' ? { id: spec } : spec;
  const scheme = schemes.get(id);
  const interval = {
    ...('interval' in scheme.config && windowNs !== undefined ? { interval: windowNs } : {}),
    ...('aggr' in scheme.config && recorded !== undefined ? intervalsOf(recorded) : {}),
  };
  const version = scheme.config['kernel'];
  const kernel = version?.kind === 'choice' ? versionFor(String(releases ?? ''), version.choices) : undefined;
  return { scheme, params: parseParams(id, scheme.config, { ...interval, ...(kernel === undefined ? {} : { kernel }), ...given }) };
}

/** The newest of `versions` that a kernel release ("6.1.192-vmcap", or several with commas) is not older than; undefined when they disagree. */
export function versionFor(releases: string, versions: readonly string[]): string | undefined {
  const ascending = [...versions].sort((a, b) => orderOf(a) - orderOf(b));
  const found = [...releases.matchAll(/(?:^|,\s*)(\d+\.\d+)/g)].map(
    ([, release]) => ascending.findLast((version) => orderOf(version) <= orderOf(release!)) ?? ascending[0]!,
  );
  return new Set(found).size === 1 ? found[0] : undefined;
}

function orderOf(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major * 1000 + minor;
}

function idOf(spec: SchemeSpec): string {
  return typeof spec === 'string' ? spec : spec.id;
}

/** One seed, or as many as asked for when the scheme draws random numbers. */
function seedsOf(id: string, { seed = 1, seeds = 1 }: PlanOptions): number[] {
  return Array.from({ length: isRandom(id) ? seeds : 1 }, (_, i) => seed + i);
}

function isRandom(id: string): boolean {
  return id.startsWith('damon');
}

/** Runs of one name share a kernel: those of a shared world, apart from others with another swapper. */
export function worldKey({ runId, world, evict }: RunPlan): string {
  return world.shared === null ? runId : `${world.shared} ${evict ?? ''}`;
}

function mainSpace(trace: TraceReader): SpaceId {
  const { spaces } = trace.manifest;
  return (spaces.find(({ id, nTouches }) => id === 'gpa' && nTouches > 0) ?? spaces.find(({ nTouches }) => nTouches > 0) ?? spaces[0]!).id;
}

function trackedRange(space: SpaceReader, addr: readonly [number, number] | undefined): PageRange {
  if (addr === undefined) return { from: 0, to: space.info.nPages };
  const startPage = Math.floor(addr[0] / 4096);
  const range = idsOf(space, startPage, Math.ceil(addr[1] / 4096) - startPage);
  if (range === undefined)
    throw new UsageError(
      `space ${space.info.id} has no contiguous memory at that address range`,
      'workset info shows what the trace covers',
    );
  return range;
}

function identify(trace: TraceReader, options: PlanOptions, run: Omit<RunPlan, 'runId' | 'randomName'>): RunPlan {
  const { scheme, params, seed, space, range, stream, profile, world, evict } = run;
  const time = options.time ?? null;
  const hashOf = (...identity: readonly unknown[]): string =>
    createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 10);
  const evicts = evict === undefined ? [] : [evict];
  const hash = hashOf(trace.manifest.traceId, scheme, params, seed, space, range, stream, profile, world, time, ...evicts);
  const randomName = `${scheme} ${hashOf(params, seed, space, range, stream, world, time)}`;
  return { ...run, runId: `${scheme.replace(':', '-')}-${hash}`, randomName };
}
