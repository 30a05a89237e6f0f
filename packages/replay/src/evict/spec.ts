/** `--evict uffd-wp:limit=60%,cold=3`: a primitive, a policy and a store, as text. */
import { formatParam, PAGE_BYTES, parseParams, parseSize, UsageError, type ParamSpec, type ParamValues } from '@workset/model';
import { BACKINGS, checkBacking, type Backing, type EvictionPrimitive } from '../primitive.ts';
import { primitives } from '../primitives/index.ts';

/** Parameters of every primitive; its own come on top. */
export const EVICT_CONFIG = {
  limit: {
    kind: 'text',
    default: '',
    help: 'memory limit: a size, or a share of the pages the run touches (60%)',
    source: 'user space decides',
  },
  low: {
    kind: 'text',
    default: '',
    help: 'with a limit: once memory is half-way between low and limit, evict in the background down to low; default: two batches below the limit',
    source: 'watermarks as in mm/vmscan.c; umap uses 90 % and 70 %',
  },
  cold: {
    kind: 'count',
    default: 0,
    min: 0,
    unit: 'reports',
    help: 'only pages unseen for so many reports; without a limit every such page is evicted',
    source: 'user space decides',
  },
  order: {
    kind: 'choice',
    default: 'coldest',
    choices: ['coldest', 'oldest-fault-in'],
    help: 'which page goes first under a limit; oldest-fault-in needs no tracker',
    source: 'oldest-fault-in: umap (thread C14)',
  },
  handler: {
    kind: 'choice',
    default: 'rescue',
    choices: ['rescue', 'finish'],
    help: 'an access that faults on a page under eviction: give the page back, or let the eviction end first',
    source: 'kernel-semantics 2.4 gap 6, 11 E1',
  },
  backing: {
    kind: 'choice',
    default: 'auto',
    choices: ['auto', ...BACKINGS],
    help: 'memory that is evicted; auto = shmem where the primitive can, else anon',
    source: 'user space decides',
  },
  batch: { kind: 'count', default: 64, min: 1, max: 65536, unit: 'pages', help: 'pages per call', source: 'estimate' },
  latency: { kind: 'duration', default: 100_000, unit: 'ns', help: 'of one request to the store', source: 'estimate: NVMe' },
  bandwidth: { kind: 'size', default: 2 * 1024 ** 3, unit: 'bytes', help: 'of the store, per second', source: 'estimate: NVMe' },
  references: {
    kind: 'flag',
    default: true,
    help: "replay exact LRU and Belady's OPT at the same memory (8 bytes per touch)",
    source: '-',
  },
  events: {
    kind: 'flag',
    default: true,
    help: 'write a row per eviction and per refault; off: only the sums of the run, for large grids',
    source: '-',
  },
} as const satisfies ParamSpec;

export type EvictPolicy = 'cold' | 'limit' | 'hysteresis' | 'oldest-fault-in';

export interface EvictPlan {
  readonly primitive: string;
  /** The primitive's own parameters. */
  readonly params: ParamValues;
  readonly policy: EvictPolicy;
  /** Sizes as given: bytes, or a share of the footprint. */
  readonly limit: string;
  readonly low: string;
  readonly cold: number;
  readonly order: 'coldest' | 'oldest-fault-in';
  readonly handler: 'rescue' | 'finish';
  readonly backing: Backing;
  readonly batch: number;
  readonly latencyNs: number;
  readonly bytesPerSecond: number;
  readonly references: boolean;
  /** Rows in `evictions` and `refaults`. */
  readonly events: boolean;
  /** Canonical text: equal plans print alike, defaults are left out. */
  readonly text: string;
}

/**
 * `primitive:key=value,…` → what it asks for. Throws UsageError for unknown names, impossible pairs, and a policy that would never
 * evict or has no limit to keep.
 * @param backing of the replayed memory, when it is known; the text may say otherwise
 */
export function parseEvict(text: string, backing?: Backing): EvictPlan {
  const [id, ...rest] = text.split(':');
  const primitive = primitives.get(id!.trim());
  const given: Record<string, string> = backing === undefined ? {} : { backing };
  for (const item of rest.join(':').split(',')) {
    if (item.trim() === '') continue;
    const [name, ...value] = item.split('=');
    if (value.length === 0)
      throw new UsageError(`--evict ${id}: ${JSON.stringify(item)} has no value`, 'write name=value: limit=60%,cold=3');
    given[name!.trim()] = value.join('=').trim();
  }
  return planEvict(primitive, given);
}

/** The same from a primitive and its parameters. */
export function planEvict(primitive: EvictionPrimitive, given: Readonly<Record<string, unknown>>): EvictPlan {
  const { id } = primitive.descriptor;
  const spec: ParamSpec = { ...EVICT_CONFIG, ...primitive.config };
  const all = parseParams(id, spec, given);
  const common = all as ParamValues<typeof EVICT_CONFIG> & ParamValues;
  const order = common.order as EvictPlan['order'];
  const backing =
    common.backing === 'auto' ? (primitive.descriptor.backing.shmem === true ? 'shmem' : 'anon') : (common.backing as Backing);
  checkBacking(primitive, backing);
  checkPolicy(id, common.limit, common.low, common.cold, order);
  return {
    primitive: id,
    params: Object.fromEntries(Object.keys(primitive.config).map((name) => [name, all[name]!])),
    policy: common.limit === '' ? 'cold' : order === 'oldest-fault-in' ? order : common.low === '' ? 'limit' : 'hysteresis',
    limit: common.limit,
    low: common.low,
    cold: common.cold,
    order,
    handler: common.handler as EvictPlan['handler'],
    backing,
    batch: common.batch,
    latencyNs: common.latency,
    bytesPerSecond: common.bandwidth,
    references: common.references,
    events: common.events,
    text: canonical(id, spec, all),
  };
}

/** Page frames that the policy keeps to. */
export interface Limits {
  /** Never more; Infinity = no limit. */
  readonly limit: number;
  /** Above `high` the swapper evicts in the background, down to `low`. */
  readonly high: number;
  readonly low: number;
  /** Pages evicted on the spot when a fault finds no free frame. */
  readonly direct: number;
}

/** A direct eviction takes at most this share of the limit (2^-n), and a plain limit holds at most twice that free. */
const DIRECT_SHIFT = 5;

/**
 * Without `low` the swapper keeps up to two batches of the limit free, so that faults find a frame while it evicts; a limit below 16
 * pages has no room for that, and every fault waits.
 */
export function limitsOf(plan: Pick<EvictPlan, 'limit' | 'low' | 'batch'>, footprintPages: number): Limits {
  const limit = pagesOf(plan.limit, footprintPages) ?? Infinity;
  const direct = Math.min(plan.batch, Math.max(1, limit >>> DIRECT_SHIFT));
  if (limit === Infinity) return { limit, high: limit, low: limit, direct };
  const reserve = Math.min(2 * plan.batch, limit >>> (DIRECT_SHIFT - 1));
  const low = Math.min(limit, pagesOf(plan.low, footprintPages) ?? limit - reserve);
  return { limit, high: Math.floor((limit + low) / 2), low, direct };
}

function checkPolicy(id: string, limit: string, low: string, cold: number, order: string): void {
  if (limit === '' && cold === 0)
    throw new UsageError(
      `--evict ${id} says neither when a page is cold nor how much memory may stay`,
      `write ${id}:cold=3 or ${id}:limit=60%`,
    );
  if (limit === '' && (low !== '' || order === 'oldest-fault-in'))
    throw new UsageError(`--evict ${id}: ${low === '' ? 'order=oldest-fault-in' : 'low'} needs a limit`, `write ${id}:limit=60%,…`);
  if (order === 'oldest-fault-in' && cold > 0)
    throw new UsageError(
      `--evict ${id}: order=oldest-fault-in goes by age in memory, so cold=${cold} means nothing`,
      'leave one of them out',
    );
  // Any footprint will do to check the text.
  for (const size of [limit, low]) if (size !== '') parseSize(size, 1 << 30);
}

function canonical(id: string, spec: ParamSpec, values: ParamValues): string {
  const own = Object.keys(spec)
    .filter((name) => values[name] !== spec[name]!.default)
    .sort()
    .map((name) => `${name}=${formatParam(spec[name]!, values[name])}`);
  return own.length === 0 ? id : `${id}:${own.join(',')}`;
}

/** A size of the plan in pages, at least 1; undefined when it was not given. */
export function pagesOf(size: string, footprintPages: number): number | undefined {
  return size === '' ? undefined : Math.max(1, Math.floor(parseSize(size, footprintPages * PAGE_BYTES) / PAGE_BYTES));
}
