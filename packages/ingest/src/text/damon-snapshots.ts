/** Puts DAMON's one-line-per-region records together to snapshots, per event and target, and makes streams of reports. */
import type { IngestBatch, IngestContext, ObservationStream, RegionColumns, SpaceId } from '@workset/model';
import { formatDuration, parseDuration, UsageError } from '@workset/model';
import { aggregationOf, DEFAULT_AGGREGATION_NS, SNAPSHOTS_TO_SETTLE } from './damon-aggregation.ts';
import type { DamonRecord } from './damon-record.ts';
import { copyRows, regionColumns } from './region-columns.ts';
import { streamName } from '../stream-name.ts';

/** damon_aggregated lists every region; damos_before_apply only those a scheme applies to. */
export type DamonEvent = 'damon_aggregated' | 'damon_region_aggregated' | 'damos_before_apply';

/** Columns of regions, in pages. */
export interface RegionRows {
  readonly timeNs: Float64Array;
  /** First page. */
  readonly page: Float64Array;
  /** First page behind. */
  readonly endPage: Float64Array;
  readonly accesses: Float64Array;
  readonly age: Float64Array;
}

export class SnapshotAssembler {
  readonly #ctx: IngestContext;
  readonly #name: string;
  /** As the user says. */
  readonly #aggregationNs: number | undefined;
  #isTuned = false;
  readonly #targets = new Map<string, TargetAssembler>();
  readonly #recent: (TargetAssembler | undefined)[] = [];
  readonly #out: IngestBatch[];

  /** @param out reports are pushed here */
  constructor(ctx: IngestContext, path: string, out: IngestBatch[]) {
    this.#ctx = ctx;
    this.#name = ctx.options['stream'] ?? streamName(path);
    const given = ctx.options['aggregation'];
    this.#aggregationNs = given === undefined ? undefined : parseDuration(given);
    const ops = ctx.options['ops'];
    if (ops !== undefined && ops !== 'paddr' && ops !== 'vaddr') throw new UsageError(`ops is paddr or vaddr, got ${ops}`);
    this.#out = out;
  }

  /** @param kind a small number per event name, to find the target without building a string */
  add(event: DamonEvent, kind: number, timeNs: number, record: DamonRecord): void {
    this.#recentTarget(event, kind, record).add(timeNs, record.nrRegions, record.startPage, record.endPage, record.nrAccesses, record.age);
  }

  /** The same of the first `n` rows. @param record says what is equal in all of them: target, context, scheme, number of regions */
  addRows(event: DamonEvent, kind: number, rows: RegionRows, n: number, record: DamonRecord): void {
    this.#recentTarget(event, kind, record).addRows(rows, n, record.nrRegions);
  }

  #recentTarget(event: DamonEvent, kind: number, record: DamonRecord): TargetAssembler {
    let target = this.#recent[kind];
    if (target === undefined || target.id !== record.target || target.scheme !== record.scheme || target.ctx !== record.ctx) {
      target = this.#targetOf(event, record);
      this.#recent[kind] = target;
    }
    return target;
  }

  /** Closes what is open and states the assumptions. */
  finish(): void {
    for (const target of this.#targets.values()) target.finish();
    if (this.#targets.size === 0 || this.#ctx.options['aggregation'] !== undefined) return;
    const means = [...this.#targets.values()].flatMap((target) =>
      target.meanDistanceNs === undefined ? [] : [formatDuration(target.meanDistanceNs)],
    );
    const measured =
      means.length === 0 ? 'only one snapshot, nothing to measure' : `snapshots are ${[...new Set(means)].join(', ')} apart on average`;
    const used = new Set([...this.#targets.values()].map(({ aggregationNs }) => aggregationNs));
    const interval =
      used.size === 1 && used.has(DEFAULT_AGGREGATION_NS)
        ? "the kernel's default aggregation interval of 100 ms"
        : `an aggregation interval of ${[...used].map((ns) => formatDuration(ns)).join(', ')}`;
    this.#ctx.reject('assumed-aggregation', `claim windows use ${interval} (${measured}); set it with the option aggregation`, {
      severity: 'info',
    });
  }

  /** DAMON has changed its intervals: from here on a claim window begins at the snapshot before. */
  tuned(): void {
    if (this.#aggregationNs !== undefined) return;
    this.#isTuned = true;
    for (const target of this.#targets.values()) target.tuned();
  }

  get snapshots(): number {
    return [...this.#targets.values()].reduce((sum, target) => sum + target.snapshots, 0);
  }

  #targetOf(event: DamonEvent, record: DamonRecord): TargetAssembler {
    const { ctx, scheme } = record;
    // each scheme of damos_before_apply goes over the regions by itself
    const group = `${event} ${ctx} ${scheme} `;
    const key = group + record.target;
    let target = this.#targets.get(key);
    if (target === undefined) {
      const ordinal = [...this.#targets.keys()].filter((other) => other.startsWith(group)).length;
      const parts = [
        event === 'damon_aggregated' ? '' : `.${event}`,
        ctx > 0 ? `.ctx${ctx}` : '',
        scheme > 0 ? `.scheme${scheme}` : '',
        ordinal === 0 ? '' : `.target${ordinal}`,
      ];
      target = new TargetAssembler(this.#ctx, this.#out, event, record, this.#name + parts.join(''), this.#aggregationNs);
      if (this.#isTuned) target.tuned();
      this.#targets.set(key, target);
    }
    return target;
  }
}

interface Snapshot {
  readonly cycle: number;
  readonly timeNs: number;
  readonly complete: boolean;
  readonly expected: number;
  readonly regions: RegionColumns;
}

/** One event of one target: at most one open snapshot. */
class TargetAssembler {
  readonly id: number;
  readonly ctx: number;
  readonly scheme: number;
  readonly #idText: string;
  snapshots = 0;
  readonly #ctx: IngestContext;
  readonly #out: IngestBatch[];
  readonly #event: DamonEvent;
  readonly #stream: string;
  /** Undefined until enough snapshots have been seen to tell. */
  #aggregationNs: number | undefined;
  /** Snapshots that wait for that. */
  readonly #waiting: Snapshot[] = [];
  readonly #isGiven: boolean;
  #isTuned = false;
  #declared = false;
  #n = 0;
  #expected = 0;
  #firstNs = 0;
  #lastNs = 0;
  #lastStart = 0;
  #start = new Float64Array(256);
  #pages = new Float64Array(256);
  #accesses = new Float64Array(256);
  #age = new Float64Array(256);
  #firstSnapshotNs = 0;
  #lastSnapshotNs = 0;

  constructor(
    ctx: IngestContext,
    out: IngestBatch[],
    event: DamonEvent,
    record: DamonRecord,
    stream: string,
    aggregationNs: number | undefined,
  ) {
    this.#ctx = ctx;
    this.#out = out;
    this.#event = event;
    this.id = record.target;
    this.ctx = record.ctx;
    this.scheme = record.scheme;
    this.#idText = record.targetText;
    this.#stream = stream;
    this.#isGiven = aggregationNs !== undefined;
    // The distance of damos_before_apply is the interval at which its scheme is applied.
    this.#aggregationNs = aggregationNs ?? (this.#countsRegions ? undefined : DEFAULT_AGGREGATION_NS);
  }

  get aggregationNs(): number {
    return this.#aggregationNs ?? DEFAULT_AGGREGATION_NS;
  }

  /** Lines of one snapshot are never further apart. */
  get #gapNs(): number {
    return (this.#isGiven ? this.aggregationNs : Math.max(this.aggregationNs, DEFAULT_AGGREGATION_NS)) / 2;
  }

  get meanDistanceNs(): number | undefined {
    return this.snapshots < 2 ? undefined : Math.round((this.#lastSnapshotNs - this.#firstSnapshotNs) / (this.snapshots - 1));
  }

  add(timeNs: number, nrRegions: number, startPage: number, endPage: number, nrAccesses: number, age: number): void {
    if (this.#n > 0 && this.#opensNext(timeNs, nrRegions, startPage)) this.close();
    if (this.#n === 0) {
      this.#firstNs = timeNs;
      this.#expected = nrRegions;
    }
    if (this.#n === this.#start.length) this.#grow();
    this.#start[this.#n] = startPage;
    this.#pages[this.#n] = endPage - startPage;
    this.#accesses[this.#n] = nrAccesses;
    this.#age[this.#n] = age;
    this.#n++;
    this.#lastNs = timeNs;
    this.#lastStart = startPage;
    if (this.#countsRegions && this.#n === this.#expected) this.close();
  }

  /** The first `n` rows, as many at a time as belong to one snapshot. */
  addRows(rows: RegionRows, n: number, nrRegions: number): void {
    for (let i = 0; i < n;) {
      const { timeNs, page } = rows;
      if (this.#n > 0 && this.#opensNext(timeNs[i]!, nrRegions, page[i]!)) this.close();
      if (this.#n === 0) {
        this.#firstNs = timeNs[i]!;
        this.#expected = nrRegions;
      }
      const most = this.#countsRegions ? Math.min(n, i + this.#expected - this.#n) : n;
      const gap = this.#gapNs;
      let end = i + 1;
      while (end < most && page[end]! > page[end - 1]! && Math.abs(timeNs[end]! - timeNs[end - 1]!) <= gap) end++;
      this.#append(rows, i, end);
      if (this.#countsRegions && this.#n === this.#expected) this.close();
      i = end;
    }
  }

  #append({ timeNs, page, endPage, accesses, age }: RegionRows, from: number, to: number): void {
    while (this.#n + to - from > this.#start.length) this.#grow();
    const pages = this.#pages;
    const shift = this.#n - from;
    for (let i = from; i < to; i++) pages[i + shift] = endPage[i]! - page[i]!;
    copyRows(page, from, to, this.#start, this.#n);
    copyRows(accesses, from, to, this.#accesses, this.#n);
    copyRows(age, from, to, this.#age, this.#n);
    this.#n += to - from;
    this.#lastNs = timeNs[to - 1]!;
    this.#lastStart = page[to - 1]!;
  }

  /** nr_regions of damos_before_apply is no line count and changes while regions split. */
  get #countsRegions(): boolean {
    return this.#event !== 'damos_before_apply';
  }

  #opensNext(timeNs: number, nrRegions: number, startPage: number): boolean {
    return (
      startPage <= this.#lastStart || Math.abs(timeNs - this.#lastNs) > this.#gapNs || (this.#countsRegions && nrRegions !== this.#expected)
    );
  }

  close(): void {
    if (this.#n === 0) return;
    const complete = !this.#countsRegions || this.#n === this.#expected;
    if (!complete)
      this.#ctx.reject('short-snapshot', 'a DAMON snapshot has fewer lines than its nr_regions: kept as incomplete', {
        severity: 'warning',
      });
    const timeNs = this.#firstNs;
    const regions = regionColumns(this.#n, this.#start, this.#pages, this.#accesses, this.#age);
    this.#waiting.push({ cycle: this.snapshots, timeNs, complete, expected: this.#expected, regions });
    if (this.snapshots === 0) this.#firstSnapshotNs = timeNs;
    const beforeNs = this.#isTuned && this.snapshots > 0 ? this.#lastSnapshotNs : Number.NaN;
    this.#lastSnapshotNs = timeNs;
    this.snapshots++;
    this.#n = 0;
    if (this.#aggregationNs !== undefined || this.#waiting.length >= SNAPSHOTS_TO_SETTLE) this.#settle(beforeNs);
  }

  tuned(): void {
    this.close();
    this.#settle();
    this.#isTuned = true;
  }

  finish(): void {
    this.close();
    this.#settle();
  }

  /** Reports what waits. @param beforeNs where the windows begin, NaN = an interval before their end */
  #settle(beforeNs = Number.NaN): void {
    if (this.#waiting.length === 0) return;
    this.#aggregationNs ??= aggregationOf(this.#waiting.map(({ timeNs }) => timeNs));
    for (const snapshot of this.#waiting)
      this.#report(snapshot, beforeNs < snapshot.timeNs ? beforeNs : snapshot.timeNs - this.#aggregationNs);
    this.#waiting.length = 0;
  }

  #report({ cycle, timeNs, complete, expected, regions }: Snapshot, setNs: number): void {
    if (!this.#declared) this.#declare(regions);
    this.#out.push({
      kind: 'report',
      report: {
        stream: this.#stream,
        cycle,
        setBeginNs: setNs,
        setEndNs: setNs,
        readBeginNs: timeNs,
        readEndNs: timeNs,
        complete,
        counts: { nr_regions: expected, regions: regions.startPage.length },
        reported: null,
        eligible: null,
        regions,
      },
    });
  }

  #declare(regions: RegionColumns): void {
    this.#declared = true;
    const given = this.#ctx.options['ops'];
    const ops = given ?? guessOps(regions);
    if (given === undefined) {
      this.#ctx.reject('guessed-ops', `${this.#stream}: taken as DAMON ${ops} from the addresses; set it with the option ops`, {
        severity: 'info',
      });
    }
    const space = (this.#ctx.options['space'] as SpaceId | undefined) ?? (ops === 'vaddr' ? 'gva' : 'gpa');
    const stream: ObservationStream = {
      stream: this.#stream,
      tracker: `damon-${ops}`,
      space,
      inputId: '',
      range: space === 'gpa' ? gapless(regions) : null,
      target: 'touched',
      granuleBytes: 4096,
      notes: {
        event: this.#event,
        target_id: this.#idText === '' ? this.id : this.#idText,
        ...(this.ctx < 0 ? {} : { context_idx: this.ctx }),
        ...(this.scheme < 0 ? {} : { scheme_idx: this.scheme }),
        aggregation_ns: this.aggregationNs,
      },
    };
    this.#out.push({ kind: 'stream', stream, arenaRelative: false });
  }

  #grow(): void {
    const twice = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(old.length * 2);
      grown.set(old);
      return grown;
    };
    this.#start = twice(this.#start);
    this.#pages = twice(this.#pages);
    this.#accesses = twice(this.#accesses);
    this.#age = twice(this.#age);
  }
}

/**
 * vaddr when an address is above 2^46 (no machine has that much RAM), or when one hole is far larger than everything
 * monitored, as between heap, mappings and stack; physical maps have small holes.
 */
export function guessOps(regions: RegionColumns): 'paddr' | 'vaddr' {
  const { startPage, nPages } = regions;
  let monitored = 0;
  let hole = 0;
  for (let i = 0; i < startPage.length; i++) {
    const start = startPage[i]!;
    const pages = nPages[i]!;
    if (start + pages > 2 ** 34) return 'vaddr';
    if (i > 0) hole = Math.max(hole, start - (startPage[i - 1]! + nPages[i - 1]!));
    monitored += pages;
  }
  return hole > 64 * monitored && hole > 2 ** 24 ? 'vaddr' : 'paddr';
}

/** The one range the regions cover without hole, or null. */
function gapless(regions: RegionColumns): { startPage: number; nPages: number } | null {
  const { startPage, nPages } = regions;
  for (let i = 1; i < startPage.length; i++) if (startPage[i] !== startPage[i - 1]! + nPages[i - 1]!) return null;
  const last = startPage.length - 1;
  return { startPage: startPage[0]!, nPages: startPage[last]! + nPages[last]! - startPage[0]! };
}
