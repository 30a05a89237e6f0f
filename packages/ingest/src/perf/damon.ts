/** DAMON samples of a perf recording, put in time order and handed to the assembler of the text form of the same events. */
import type { IngestBatch, IngestContext } from '@workset/model';
import { DamonRecord } from '../text/damon-record.ts';
import { SnapshotAssembler } from '../text/damon-snapshots.ts';
import type { DamonEvent } from '../text/damon-snapshots.ts';
import type { RawRegion } from './tracepoint.ts';

interface PendingRegion extends RawRegion {
  readonly timeNs: number;
  readonly event: DamonEvent;
}

/** A small number per event, as the assembler wants it. */
const KINDS: Readonly<Record<DamonEvent, number>> = { damon_aggregated: 0, damon_region_aggregated: 1, damos_before_apply: 2 };

/** Collects region events in any order; `flush` gives the reports of snapshots that are complete. */
export class DamonSamples {
  #pending: PendingRegion[] = [];
  #sorted = true;
  #latest = Number.NEGATIVE_INFINITY;
  readonly #out: IngestBatch[] = [];
  readonly #snapshots: SnapshotAssembler;
  readonly #record = new DamonRecord();

  constructor(path: string, ctx: IngestContext) {
    this.#snapshots = new SnapshotAssembler(ctx, path, this.#out);
  }

  get pending(): number {
    return this.#pending.length;
  }
  /** Latest time seen. */
  get latest(): number {
    return this.#latest;
  }

  add(event: DamonEvent, timeNs: number, region: RawRegion): void {
    if (timeNs < this.#latest) this.#sorted = false;
    else this.#latest = timeNs;
    this.#pending.push({ ...region, event, timeNs });
  }

  /** Streams and reports known from the events up to time `limit`. The array is emptied by the next call. */
  flush(limit: number): IngestBatch[] {
    if (!this.#sorted) this.#pending.sort((a, b) => a.timeNs - b.timeNs);
    this.#sorted = true;
    let taken = 0;
    while (taken < this.#pending.length && this.#pending[taken]!.timeNs <= limit) this.#take(this.#pending[taken++]!);
    if (taken > 0) this.#pending = this.#pending.slice(taken);
    return this.#out.splice(0);
  }

  /** Everything left. */
  finish(): IngestBatch[] {
    const last = this.flush(Number.POSITIVE_INFINITY);
    this.#snapshots.finish();
    return [...last, ...this.#out.splice(0)];
  }

  #take(region: PendingRegion): void {
    const record = this.#record;
    record.target = region.targetId;
    record.targetText = region.targetText;
    record.ctx = region.ctx;
    record.scheme = region.scheme;
    record.nrRegions = region.nrRegions;
    record.startPage = region.startPage;
    record.endPage = region.endPage;
    record.nrAccesses = region.nrAccesses;
    record.age = region.age;
    this.#snapshots.add(region.event, KINDS[region.event], region.timeNs, record);
  }
}
