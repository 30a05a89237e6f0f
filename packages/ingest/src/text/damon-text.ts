/** DAMON lines of a trace text: which events they are, and what else may stand between them. */
import type { IngestBatch, IngestContext } from '@workset/model';
import { DamonRecord, RECORD_OK, RECORD_REASONS } from './damon-record.ts';
import { SnapshotAssembler } from './damon-snapshots.ts';
import type { DamonEvent } from './damon-snapshots.ts';
import { plainEventName } from './names.ts';
import type { EventBody, TraceLines } from './trace-lines.ts';
import { BODY } from './trace-places.ts';

export const DAMON_EVENTS: readonly DamonEvent[] = ['damon_aggregated', 'damon_region_aggregated', 'damos_before_apply'];
export const DAMON_TUNE = 3;
/** An event of DAMON that carries no region: damos_esz, damos_stat_after_apply_interval. */
export const DAMON_OTHER = 4;
export const NOT_DAMON = -1;

/** How the body of a kind is read. */
export function damonBody(kind: number): EventBody {
  return kind >= 0 && kind < DAMON_EVENTS.length ? { body: BODY.region, region: kind } : { body: BODY.none };
}

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
  /** By event: what the records that begin like the last one have in common. */
  readonly #starts = DAMON_EVENTS.map(() => new DamonRecord());
  readonly #lines: TraceLines;
  readonly #snapshots: SnapshotAssembler;

  /** @param lines learns how records begin */
  constructor(ctx: IngestContext, path: string, out: IngestBatch[], lines: TraceLines) {
    this.#ctx = ctx;
    this.#lines = lines;
    this.#snapshots = new SnapshotAssembler(ctx, path, out);
  }

  /** Takes the rows of a run, which are of one event. */
  rows({ rows, n, region }: TraceLines): void {
    this.#sawAge = true;
    this.records += n;
    this.#snapshots.addRows(DAMON_EVENTS[region]!, region, rows, n, this.#starts[region]!);
  }

  line(kind: number, timeNs: number, bytes: Uint8Array, body: number, to: number, line: number): void {
    if (kind === DAMON_TUNE) {
      this.#ctx.reject(
        'intervals-tuned',
        'DAMON tuned its own intervals while recording: from then on a claim window begins at the snapshot before',
        { line, severity: 'warning' },
      );
      this.#snapshots.tuned();
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
    const { startLength } = this.#record;
    if (startLength === 0) return;
    this.#starts[kind]!.keepStart(this.#record);
    this.#lines.learnStart(kind, bytes, body, body + startLength);
  }

  finish(): void {
    this.#snapshots.finish();
  }
  get snapshots(): number {
    return this.#snapshots.snapshots;
  }
}
