/** What an eviction run adds up to, and the rows it writes. */
import { KERNEL, PAGE_BYTES, WRITE, type Row } from '@workset/model';
import type { RunPart } from '@workset/store';
import { EvictionLog, OUTCOMES, RefaultLog, type Outcome, type PageOf } from './event-log.ts';
import type { EvictPlan } from './spec.ts';

/** An eviction in whose window the page was touched, or which did not end as planned. */
export interface EvictionEnd {
  readonly tNs: number;
  readonly id: number;
  readonly outcome: Outcome;
  readonly direct: boolean;
  readonly latencyNs: number;
  readonly reads: number;
  readonly writes: number;
  readonly lostWrites: number;
  readonly blockedNs: number;
}

/** Refaults of exact LRU and of OPT on the same accesses. */
export interface References {
  readonly lru: number;
  readonly opt: number;
}

/** What the memory was like. */
export interface MemoryUse {
  readonly limit: number | null;
  readonly used: number;
  readonly peak: number;
  readonly mean: number | null;
  readonly touches: number;
  readonly firstTouches: number;
  readonly flushes: number;
  readonly pteWrites: number;
}

export class Tally {
  readonly #plan: EvictPlan;
  readonly #part: RunPart;
  readonly #evictions: EvictionLog;
  readonly #refaults: RefaultLog;
  /** Completed evictions by their latency, ns: a batch has one, so that there are few. */
  readonly #latencies = new Map<number, number>();
  #evicted = 0;
  #aborted = 0;
  #unfinished = 0;
  #refaultsWindowRead = 0;
  #staleReads = 0;
  #lostWrites = 0;
  #windowReads = 0;
  #windowWrites = 0;
  #blockedReads = 0;
  #blockedWrites = 0;
  #blockedUserNs = 0;
  #blockedKernelNs = 0;

  constructor(plan: EvictPlan, part: RunPart, pageOf: PageOf) {
    this.#plan = plan;
    this.#part = part;
    const rowsTo = plan.events ? part : undefined;
    const labels = { policy: plan.policy, primitive: plan.primitive };
    this.#evictions = new EvictionLog(rowsTo, 'evictions', labels, pageOf);
    this.#refaults = new RefaultLog(rowsTo, 'refaults', labels, pageOf);
  }

  /** An access waited. */
  blocked(cls: number, ns: number): void {
    if (cls < KERNEL) this.#blockedUserNs += ns;
    else this.#blockedKernelNs += ns;
  }
  /** An access met an eviction that keeps it out. */
  countBlocked(cls: number): void {
    if ((cls & WRITE) === 0) this.#blockedReads++;
    else this.#blockedWrites++;
  }

  /** Pages nobody touched on their way out. */
  evicted(ids: Int32Array, tNs: number, latencyNs: number, direct: boolean): void {
    if (ids.length === 0) return;
    this.#evictions.addAll(ids, tNs, direct, latencyNs);
    this.#evicted += ids.length;
    this.#latency(latencyNs, ids.length);
  }
  /** `n` evictions completed that took so long each. */
  #latency(ns: number, n: number): void {
    const key = Math.round(ns);
    this.#latencies.set(key, (this.#latencies.get(key) ?? 0) + n);
  }

  eviction(end: EvictionEnd): void {
    if (end.outcome === 'unfinished') this.#unfinished++;
    else if (end.outcome.startsWith('aborted')) this.#aborted++;
    else {
      this.#evicted++;
      this.#latency(end.latencyNs, 1);
    }
    this.#lostWrites += end.lostWrites;
    this.#windowReads += end.reads;
    this.#windowWrites += end.writes;
    const { id, tNs, outcome, direct, latencyNs, reads, writes, lostWrites, blockedNs } = end;
    this.#evictions.add(id, tNs, OUTCOMES.indexOf(outcome), direct, latencyNs, reads, writes, lostWrites, blockedNs);
  }

  /** A device wrote to a frame that holds no page any more. */
  lostWrite(): void {
    this.#lostWrites++;
  }

  refault(id: number, cls: number, tNs: number, awayNs: number, waitNs: number, windowRead: boolean, stale: boolean): void {
    this.#tallyRefault(cls, waitNs, windowRead, stale);
    // Whoever is not the user counts with the kernel.
    this.#refaults.add(id, tNs, cls < KERNEL ? cls : (cls & WRITE) | KERNEL, awayNs, waitNs, windowRead, stale);
  }
  /** The same when no row is wanted. */
  countRefault(cls: number, waitNs: number, windowRead: boolean, stale: boolean): void {
    this.#tallyRefault(cls, waitNs, windowRead, stale);
    this.#refaults.total = (this.#refaults.total + 1) | 0;
  }
  #tallyRefault(cls: number, waitNs: number, windowRead: boolean, stale: boolean): void {
    if (stale && (cls & WRITE) === 0) this.#staleReads++;
    if (windowRead) this.#refaultsWindowRead++;
    this.blocked(cls, waitNs);
  }

  /** Writes what is left of the rows, and the row of `eviction_runs`. */
  finish(memory: MemoryUse, references: References | null): void {
    this.#evictions.flush();
    this.#refaults.flush();
    this.#part.row('eviction_runs', this.#summary(memory, references));
  }

  #summary(memory: MemoryUse, references: References | null): Row {
    const { policy, primitive, backing, text } = this.#plan;
    const refaults = this.#refaults.total;
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
      evictions: this.#evicted,
      evicted_bytes: this.#evicted * PAGE_BYTES,
      aborted: this.#aborted,
      unfinished: this.#unfinished,
      refaults,
      refaulted_bytes: refaults * PAGE_BYTES,
      refault_ratio: this.#evicted === 0 ? null : refaults / this.#evicted,
      lost_writes: this.#lostWrites,
      stale_reads: this.#staleReads,
      window_reads: this.#windowReads,
      window_writes: this.#windowWrites,
      blocked_reads: this.#blockedReads,
      blocked_writes: this.#blockedWrites,
      refaults_window_read: this.#refaultsWindowRead,
      blocked_user_ns: Math.round(this.#blockedUserNs),
      blocked_kernel_ns: Math.round(this.#blockedKernelNs),
      flushes: memory.flushes,
      pte_writes: memory.pteWrites,
      latency_p50_ns: percentile(this.#latencies, 0.5),
      latency_p99_ns: percentile(this.#latencies, 0.99),
      lru_refaults: references?.lru ?? null,
      opt_refaults: references?.opt ?? null,
      regret_lru: references === null ? null : refaults - references.lru,
      regret_opt: references === null ? null : refaults - references.opt,
    };
  }
}

/** Nearest-rank percentile of values with their counts, null of none. */
function percentile(counts: ReadonlyMap<number, number>, p: number): number | null {
  const sorted = [...counts].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, n]) => sum + n, 0);
  let rank = Math.max(1, Math.ceil(p * total));
  for (const [value, n] of sorted) if ((rank -= n) <= 0) return value;
  return null;
}
