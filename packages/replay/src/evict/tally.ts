/** What an eviction run adds up to, and the rows it writes. */
import { PAGE_BYTES, type Row } from '@workset/model';
import type { RunPart } from '@workset/store';
import type { EvictPlan } from './spec.ts';

export const ACCESS_NAMES = ['read', 'write', 'kernel read', 'kernel write'] as const;

export interface EvictionEnd {
  readonly tNs: number;
  readonly page: number;
  readonly outcome: string;
  readonly direct: boolean;
  readonly latencyNs: number;
  readonly reads: number;
  readonly writes: number;
  readonly lostWrites: number;
  readonly blockedNs: number;
}
export interface RefaultEnd {
  readonly tNs: number;
  readonly page: number;
  /** Class of the access, user or kernel, read or write. */
  readonly cls: number;
  readonly awayNs: number;
  readonly waitNs: number;
  readonly windowRead: boolean;
  readonly stale: boolean;
}

/** Refaults of exact LRU and of OPT on the same accesses. */
export interface References {
  readonly lru: number;
  readonly opt: number;
}

export class Tally {
  readonly #plan: EvictPlan;
  readonly #part: RunPart;
  readonly #latencies: number[] = [];
  evictions = 0;
  aborted = 0;
  unfinished = 0;
  refaults = 0;
  refaultsWindowRead = 0;
  staleReads = 0;
  lostWrites = 0;
  windowReads = 0;
  windowWrites = 0;
  blockedReads = 0;
  blockedWrites = 0;
  blockedUserNs = 0;
  blockedKernelNs = 0;

  constructor(plan: EvictPlan, part: RunPart) {
    this.#plan = plan;
    this.#part = part;
  }

  blocked(kernel: boolean, ns: number): void {
    if (kernel) this.blockedKernelNs += ns;
    else this.blockedUserNs += ns;
  }

  eviction(end: EvictionEnd): void {
    const n = this.evictions + this.aborted + this.unfinished;
    if (end.outcome === 'unfinished') this.unfinished++;
    else if (end.outcome.startsWith('aborted')) this.aborted++;
    else {
      this.evictions++;
      this.#latencies.push(end.latencyNs);
    }
    this.lostWrites += end.lostWrites;
    this.windowReads += end.reads;
    this.windowWrites += end.writes;
    this.#part.row('evictions', {
      n,
      policy: this.#plan.policy,
      primitive: this.#plan.primitive,
      t_ns: Math.round(end.tNs),
      page: end.page,
      outcome: end.outcome,
      direct: end.direct,
      latency_ns: Math.round(end.latencyNs),
      reads: end.reads,
      writes: end.writes,
      lost_writes: end.lostWrites,
      blocked_ns: Math.round(end.blockedNs),
    });
  }

  refault(end: RefaultEnd): void {
    const stale = end.stale && (end.cls & 1) === 0;
    if (stale) this.staleReads++;
    if (end.windowRead) this.refaultsWindowRead++;
    this.#part.row('refaults', {
      n: this.refaults++,
      policy: this.#plan.policy,
      primitive: this.#plan.primitive,
      t_ns: Math.round(end.tNs),
      page: end.page,
      access: ACCESS_NAMES[end.cls]!,
      away_ns: Math.round(end.awayNs),
      wait_ns: Math.round(end.waitNs),
      window_read: end.windowRead,
      stale: end.stale,
    });
  }

  /** The row of `eviction_runs`. */
  summary(
    memory: {
      limit: number | null;
      used: number;
      peak: number;
      mean: number | null;
      touches: number;
      firstTouches: number;
      flushes: number;
      pteWrites: number;
    },
    references: References | null,
  ): Row {
    const { policy, primitive, backing, text } = this.#plan;
    const latencies = this.#latencies.sort((a, b) => a - b);
    return {
      policy,
      primitive,
      backing,
      spec: text,
      limit_pages: memory.limit,
      memory_pages: memory.used,
      peak_pages: memory.peak,
      mean_pages: memory.mean,
      touches: memory.touches,
      first_touches: memory.firstTouches,
      evictions: this.evictions,
      evicted_bytes: this.evictions * PAGE_BYTES,
      aborted: this.aborted,
      unfinished: this.unfinished,
      refaults: this.refaults,
      refaulted_bytes: this.refaults * PAGE_BYTES,
      refault_ratio: this.evictions === 0 ? null : this.refaults / this.evictions,
      lost_writes: this.lostWrites,
      stale_reads: this.staleReads,
      window_reads: this.windowReads,
      window_writes: this.windowWrites,
      blocked_reads: this.blockedReads,
      blocked_writes: this.blockedWrites,
      refaults_window_read: this.refaultsWindowRead,
      blocked_user_ns: Math.round(this.blockedUserNs),
      blocked_kernel_ns: Math.round(this.blockedKernelNs),
      flushes: memory.flushes,
      pte_writes: memory.pteWrites,
      latency_p50_ns: percentile(latencies, 0.5),
      latency_p99_ns: percentile(latencies, 0.99),
      lru_refaults: references?.lru ?? null,
      opt_refaults: references?.opt ?? null,
      regret_lru: references === null ? null : this.refaults - references.lru,
      regret_opt: references === null ? null : this.refaults - references.opt,
    };
  }
}

/** Nearest-rank percentile of sorted values, null of none. */
function percentile(sorted: readonly number[], p: number): number | null {
  return sorted.length === 0 ? null : Math.round(sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)]!);
}
