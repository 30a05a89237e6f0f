/** DAMON lines of a trace text: which events they are, and what else may stand between them. */
import type { IngestBatch, IngestContext } from '@workset/model';
import { DamonRecord, RECORD_OK, RECORD_REASONS } from './damon-record.ts';
import { SnapshotAssembler } from './damon-snapshots.ts';
import type { DamonEvent } from './damon-snapshots.ts';
import { plainEventName } from './names.ts';

export const DAMON_EVENTS: readonly DamonEvent[] = ['damon_aggregated', 'damon_region_aggregated', 'damos_before_apply'];
export const DAMON_TUNE = 3;
/** An event of DAMON that carries no region: damos_esz, damos_stat_after_apply_interval. */
export const DAMON_OTHER = 4;
export const NOT_DAMON = -1;

/** 0..2 = index into DAMON_EVENTS, DAMON_TUNE, DAMON_OTHER or NOT_DAMON. */
export function damonKind(eventName: string): number {
  const name = plainEventName(eventName);
  const region = DAMON_EVENTS.indexOf(name as DamonEvent);
  if (region >= 0) return region;
  if (name === 'damon_monitor_intervals_tune') return DAMON_TUNE;
  return /^damo[ns]_/.test(name) ? DAMON_OTHER : NOT_DAMON;
}

/** Feeds DAMON bodies to the snapshots and counts what cannot be used. */
export class DamonText {
  records = 0;
  /** Why the first record that could not be used could not. */
  firstRefusal: string | undefined;
  readonly #ctx: IngestContext;
  #sawAge = false;
  readonly #record = new DamonRecord();
  readonly #snapshots: SnapshotAssembler;

  constructor(ctx: IngestContext, path: string, out: IngestBatch[]) {
    this.#ctx = ctx;
    this.#snapshots = new SnapshotAssembler(ctx, path, out);
  }

  /**
   * Takes a record that is like the one before it.
   * @param end of the whole lines in `view`
   * @returns offset of its line feed, or -1: use `line`
   */
  fast(kind: number, timeNs: number, view: DataView, body: number, end: number): number {
    const event = DAMON_EVENTS[kind];
    if (event === undefined) return -1;
    const feed = this.#record.readFast(view, body, end);
    if (feed < 0) return -1;
    this.#sawAge = true;
    this.records++;
    this.#snapshots.add(event, kind, timeNs, this.#record);
    return feed;
  }

  line(kind: number, timeNs: number, bytes: Uint8Array, body: number, to: number, line: number): void {
    if (kind === DAMON_TUNE) {
      this.#ctx.reject(
        'intervals-tuned',
        'DAMON tuned its own intervals while recording: the claim windows use one fixed aggregation interval',
        { line, severity: 'warning' },
      );
      return;
    }
    const event = DAMON_EVENTS[kind];
    if (event === undefined) {
      this.#ctx.reject('other-event', 'an event that carries no accesses for this reader', { line, severity: 'info' });
      return;
    }
    const verdict = this.#record.read(bytes, body, to);
    if (verdict !== RECORD_OK) {
      const [code, message] = RECORD_REASONS[verdict]!;
      this.firstRefusal ??= `line ${line}: ${message}`;
      this.#ctx.reject(code, message, { line, severity: 'warning' });
      return;
    }
    if (this.#record.age >= 0) this.#sawAge = true;
    else if (this.#sawAge) {
      this.#ctx.reject('age-missing', 'a DAMON line without age in a text that has them: kept with unknown age, it may be cut', {
        line,
        severity: 'warning',
      });
    }
    this.records++;
    this.#snapshots.add(event, kind, timeNs, this.#record);
  }

  finish(): void {
    this.#snapshots.finish();
  }
  get snapshots(): number {
    return this.#snapshots.snapshots;
  }
}
