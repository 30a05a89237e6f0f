/**
 * DAMON's region machinery, shared by paddr and vaddr: sampling, aggregation, merging and splitting exactly as kernel-semantics 8.
 * `kernel=6.1` and `7.3` differ in initial regions, age, repeated merging and the split rule (kernel-changes 12-14).
 */
import { PAGE_BYTES, UsageError, type Nanos, type PageBitmap } from '@workset/model';
import type { DamonWalk, Tracker, TrackingKernel } from '../scheme.ts';
import { OwnClock, RecordedClock, type DamonClock, type DamonConfig, type MemoryRun } from './damon-clock.ts';

/** A region in page numbers, half open. */
interface Region {
  start: number;
  end: number;
  nr: number;
  lastNr: number;
  age: number;
}

/** What the operations sets, vaddr and paddr, do differently. */
export interface DamonOperations extends DamonWalk {
  /**
   * Picks that fall on a tail page are neither made old nor found accessed: paddr of 6.1, where damon_get_page() takes a reference on
   * the picked page itself, which fails for tails; later kernels go to the folio (which release: estimate, 6.15).
   */
  readonly skipsTails: boolean;
  /** Memory to monitor from now on, asked for once per update interval (damon_va_update); absent: it stays as it is. */
  readonly update?: () => readonly MemoryRun[];
}

export function damonTracker(
  kernel: TrackingKernel,
  config: DamonConfig,
  initial: readonly MemoryRun[],
  operations: DamonOperations,
): Tracker {
  if (config.goal > 0 && (config.kernel === '6.1' || kernel.recorded !== null))
    throw new UsageError(
      'DAMON: intervals cannot be tuned here',
      config.kernel === '6.1' ? 'say kernel=7.3, or goal=0' : 'leave goal out: the run follows the times of a real kdamond',
    );
  const clock = kernel.recorded === null ? new OwnClock(config, kernel.now) : new RecordedClock(config, kernel.recorded, kernel.now);
  const damon = new Damon(kernel, config, initial, clock, operations);
  // A recorded kdamond that started later than the log: nothing to do before it did.
  let running = clock.startNs <= kernel.now;
  return {
    firstWakeNs: running ? damon.prepare(kernel.now) : clock.startNs,
    wake(now) {
      if (running) return damon.check(now);
      running = true;
      return damon.prepare(now);
    },
  };
}

class Damon {
  readonly #kernel: TrackingKernel;
  readonly #config: DamonConfig;
  readonly #modern: boolean;
  #regions: Region[];
  readonly #clock: DamonClock;
  readonly #operations: DamonOperations;
  /** Page picked in each region for this sampling interval, and whether it was accessed. */
  #picks = new Float64Array(0);
  #young = new Uint8Array(0);
  /** Filled anew for each report. */
  readonly #reported: PageBitmap;
  /** One set for all reports: merging and splitting do not change what is monitored. */
  #monitored: PageBitmap | undefined;
  #lastCount = 0;
  #aggregations = 0;
  #rotation = 0;
  /** Samples until the memory to monitor is asked for again. */
  #untilUpdate: number;

  constructor(kernel: TrackingKernel, config: DamonConfig, initial: readonly MemoryRun[], clock: DamonClock, operations: DamonOperations) {
    this.#kernel = kernel;
    this.#reported = kernel.emptySet();
    this.#config = config;
    this.#modern = config.kernel !== '6.1';
    this.#clock = clock;
    this.#operations = operations;
    this.#regions = initial.filter(({ nPages }) => nPages > 0).map(({ startPage, nPages }) => freshRegion(startPage, startPage + nPages));
    if (this.#modern) this.#splitAbove(this.#sizeLimit());
    this.#untilUpdate = this.#samplesPerUpdate();
  }

  /** Picks one page per region and makes it old; returns the time of the check. */
  prepare(now: Nanos): Nanos {
    if (this.#regions.length === 0 && this.#operations.update === undefined) return Infinity;
    const n = this.#regions.length;
    if (this.#picks.length < n) {
      this.#picks = new Float64Array(2 * n);
      this.#young = new Uint8Array(2 * n);
    }
    for (let i = 0; i < n; i++) {
      const { start, end } = this.#regions[i]!;
      this.#picks[i] = start + this.#kernel.random(end - start);
    }
    this.#kernel.damonMkold(this.#picks, n, this.#operations);
    return this.#clock.nextCheck(now);
  }

  /** Checks the picks, aggregates when it is time, prepares the next sampling interval. */
  check(now: Nanos): Nanos {
    const n = this.#regions.length;
    this.#kernel.damonYoung(this.#picks, n, this.#operations, this.#young);
    for (let i = 0; i < n; i++) this.#regions[i]!.nr += this.#young[i]!;
    const isUpdate = --this.#untilUpdate <= 0;
    const perUpdate = this.#samplesPerUpdate();
    if (this.#clock.ends(now)) {
      this.#aggregate(now);
      this.#follow(this.#clock.monitored());
    }
    if (isUpdate) {
      this.#untilUpdate = perUpdate;
      this.#follow(this.#operations.update?.());
    }
    return this.prepare(now);
  }

  /** 6.1 waits until the interval has passed; later kernels count whole sampling intervals. */
  #samplesPerUpdate(): number {
    const samples = (this.#config.update ?? Infinity) / this.#clock.sampleNs;
    return Math.max(1, this.#modern ? Math.floor(samples) : Math.ceil(samples));
  }

  #aggregate(now: Nanos): void {
    const { aggr, sample, max } = this.#config;
    const threshold = Math.floor(this.#regions.reduce((most, { nr }) => Math.max(most, nr), 0) / 10);
    const limit = this.#sizeLimit();
    this.#merge(threshold, limit, true);
    if (this.#modern) {
      const most = Math.max(1, Math.floor(aggr / sample));
      for (let t = threshold; this.#regions.length > max && t < most;) {
        t = t >= Math.floor(most / 2) ? most : Math.max(1, t * 2);
        this.#merge(t, limit, false);
      }
      this.#splitAbove(limit);
    }
    this.#report(now);
    this.#tuneIntervals();
    for (const region of this.#regions) {
      region.lastNr = region.nr;
      region.nr = 0;
    }
    if (this.#modern) this.#split73();
    else this.#split61();
  }

  /** kdamond_tune_intervals (8.3): too many accesses seen shorten the intervals, too few lengthen them; ages stay times. */
  #tuneIntervals(): void {
    const { goal, goalAggrs, aggr, sample } = this.#config;
    if (goal === 0 || ++this.#aggregations % goalAggrs !== 0) return;
    const size = ({ start, end }: Region): number => (end - start) * PAGE_BYTES;
    const most = this.#regions.reduce((sum, region) => sum + size(region) * Math.floor(aggr / sample), 0);
    const seen = this.#regions.reduce((sum, region) => sum + size(region) * region.nr, 0);
    const score = Math.floor((seen * 10_000) / Math.max(1, Math.floor(most * goal)));
    const factor = Math.max(1, 20_000 - score);
    const before = this.#clock.aggrNs;
    if (factor === 10_000) return;
    this.#clock.tune((factor < 10_000 ? 5000 + Math.floor(factor / 2) : factor) / 10_000);
    // damon_set_attrs counts to the next update anew: tuned more often than that, the memory is never looked at again.
    this.#untilUpdate = this.#samplesPerUpdate();
    for (const region of this.#regions) region.age = Math.floor((region.age * before) / this.#clock.aggrNs);
  }

  /**
   * damon_set_regions: regions outside the new memory go, the outermost inside are stretched to it, holes between them and untouched
   * memory become regions of their own.
   */
  #follow(memory: readonly MemoryRun[] | undefined): void {
    if (memory === undefined) return;
    this.#monitored = undefined;
    this.#regions = memory.flatMap(({ startPage, nPages }) => {
      const end = startPage + nPages;
      const inside = this.#regions.filter((region) => region.start < end && region.end > startPage);
      if (inside.length === 0) return nPages === 0 ? [] : [freshRegion(startPage, end)];
      inside[0]!.start = startPage;
      inside.at(-1)!.end = end;
      return inside.flatMap((region, i) => {
        const next = inside[i + 1]?.start ?? region.end;
        return next === region.end ? [region] : [region, freshRegion(region.end, next)];
      });
    });
  }

  /** DAMOS filter "young" over a cold region: page by page, made old again when it was young. */
  #recheck(start: number, end: number, reported: PageBitmap): void {
    for (let page = start; page < end; page++)
      if (this.#kernel.damosFilterYoung(page, this.#operations)) this.#kernel.addPages(reported, page, 1);
  }

  #monitoredPages(): PageBitmap {
    const pages = this.#kernel.emptySet();
    for (const { start, end } of this.#regions) this.#kernel.addPages(pages, start, end - start);
    return pages;
  }

  /** Largest size a merge may produce, pages: total / min_nr_regions. */
  #sizeLimit(): number {
    const total = this.#regions.reduce((sum, { start, end }) => sum + end - start, 0);
    return Math.max(1, Math.floor(total / this.#config.min));
  }

  #merge(threshold: number, limit: number, updateAge: boolean): void {
    const merged: Region[] = [];
    for (const region of this.#regions) {
      if (updateAge) region.age = this.#changed(region, threshold) ? 0 : region.age + 1;
      const left = merged.at(-1);
      if (left !== undefined && left.end === region.start && Math.abs(left.nr - region.nr) <= threshold && region.end - left.start <= limit)
        join(left, region);
      else merged.push(region);
    }
    this.#regions = merged;
  }

  #changed({ nr, lastNr }: Region, threshold: number): boolean {
    return Math.abs(nr - lastNr) > threshold || (this.#modern && (nr === 0) !== (lastNr === 0));
  }

  #splitAbove(limit: number): void {
    this.#regions = this.#regions.flatMap((region) => {
      const pieces: Region[] = [];
      for (let start = region.start; start < region.end; start += limit)
        pieces.push({ ...region, start, end: Math.min(region.end, start + limit) });
      return pieces;
    });
  }

  #split61(): void {
    const count = this.#regions.length;
    if (count > this.#config.max / 2) return;
    this.#splitAll(this.#lastCount === count && count < Math.floor(this.#config.max / 3) ? 3 : 2);
    this.#lastCount = count;
  }

  #split73(): void {
    const count = this.#regions.length;
    const { max } = this.#config;
    if (count >= max) return;
    if (count > max / 2) this.#splitSome(Math.floor(max / (max - count)));
    else this.#splitAll(this.#lastCount === count && count < Math.floor(max / 3) ? 3 : 2);
    this.#lastCount = count;
  }

  /** Splits one region in every `every`, at an offset that rotates. */
  #splitSome(every: number): void {
    const offset = this.#rotation++ % every;
    this.#regions = this.#regions.flatMap((region, i) => (i % every === offset ? this.#cut(region, 2) : [region]));
  }

  #splitAll(pieces: number): void {
    this.#regions = this.#regions.flatMap((region) => this.#cut(region, pieces));
  }

  /** Cuts the left part again and again, at a random multiple of 10 percent, while it is longer than two pages. */
  #cut(region: Region, pieces: number): Region[] {
    const out: Region[] = [];
    let left = region;
    for (let i = 0; i < pieces - 1 && left.end - left.start > 2; i++) {
      const size = left.end - left.start;
      const cut = Math.floor(((1 + this.#kernel.random(9)) * size) / 10);
      if (cut === 0 || cut >= size) continue;
      out.unshift({ ...left, start: left.start + cut });
      left = { ...left, end: left.start + cut };
    }
    return [left, ...out];
  }

  #report(now: Nanos): void {
    const reported = this.#reported;
    reported.clear();
    for (const { start, end, nr } of this.#regions) {
      if (nr >= this.#config.threshold) this.#kernel.addPages(reported, start, end - start);
      else if (this.#config.recheck === 'young') this.#recheck(start, end, reported);
    }
    const { aggrNs } = this.#clock;
    this.#kernel.report({
      ...this.#clock.take(now),
      reported,
      eligible: (this.#monitored ??= this.#monitoredPages()),
      regions: this.#regions.map(({ start, end, nr, age }) => ({
        startPage: start,
        nPages: end - start,
        score: nr,
        ageNs: age * aggrNs,
      })),
    });
  }
}

function freshRegion(start: number, end: number): Region {
  return { start, end, nr: 0, lastNr: 0, age: 0 };
}

/** Size-weighted integer means; lastNr stays the left one's. */
function join(left: Region, right: Region): void {
  const sizeLeft = left.end - left.start;
  const sizeRight = right.end - right.start;
  left.nr = Math.floor((left.nr * sizeLeft + right.nr * sizeRight) / (sizeLeft + sizeRight));
  left.age = Math.floor((left.age * sizeLeft + right.age * sizeRight) / (sizeLeft + sizeRight));
  left.end = right.end;
}
