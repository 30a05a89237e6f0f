/** damo's records and snapshots → streams and reports. */
import type { IngestBatch, IngestContext } from '@workset/model';
import { DamonStream, RegionTable } from '../damon-report.ts';
import { streamName } from '../stream-name.ts';
import { JsonNumber } from './cursor.ts';
import type { JsonValue } from './cursor.ts';
import { damoCount, damoTimeNs } from './quantity.ts';
import type { DamoSink } from './record-reader.ts';
import type { DamoRegion } from './region.ts';

/** Times from here on are Unix times: counted from the first one, so that doubles keep every nanosecond. */
const BIG_TIME_NS = 2n ** 52n;

interface Intervals {
  readonly sampleUs: number | null;
  readonly aggrUs: number | null;
}

export class DamoSnapshots implements DamoSink {
  readonly batches: IngestBatch[] = [];
  snapshots = 0;
  /** Where the reader is, for diagnostics. */
  offset = 0;
  readonly #ctx: IngestContext;
  readonly #stem: string;
  readonly #streams = new Map<string, DamonStream>();
  readonly #table = new RegionTable();
  #stream: DamonStream | null = null;
  #intervals: Intervals = { sampleUs: null, aggrUs: null };
  #baseNs: bigint | null = null;
  #dropped = 0;
  #fake = false;
  #previous: readonly [bigint, bigint] | null = null;

  constructor(path: string, ctx: IngestContext) {
    this.#ctx = ctx;
    this.#stem = ctx.options['stream'] ?? streamName(path).replace(/\.(json|json_compressed|data)$/, '');
  }

  recordBegin(fields: ReadonlyMap<string, JsonValue>): void {
    const intervals = fields.get('intervals');
    this.#intervals =
      intervals instanceof Map
        ? { sampleUs: timeUs(intervals.get('sample_us')), aggrUs: timeUs(intervals.get('aggr_us')) }
        : { sampleUs: null, aggrUs: null };
    const parts: string[] = [];
    const notes: Record<string, string | number> = { event: 'damo record' };
    for (const [key, letter] of [
      ['kdamond_idx', 'k'],
      ['context_idx', 'c'],
      ['scheme_idx', 's'],
      ['target_id', 't'],
    ] as const) {
      const id = scalar(fields.get(key));
      if (id === null) continue;
      notes[key] = id;
      parts.push(letter + id);
    }
    if (this.#intervals.sampleUs !== null) notes['sample_us'] = this.#intervals.sampleUs;
    if (this.#intervals.aggrUs !== null) notes['aggr_us'] = this.#intervals.aggrUs;
    const name = [this.#stem, ...parts].join('.');
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = new DamonStream(name, notes, this.#ctx);
      this.#streams.set(name, stream);
    }
    this.#stream = stream;
    this.#previous = null;
  }

  region(region: DamoRegion): void {
    if (region.startPage === 0 && region.endPage === 0) {
      this.#fake = true;
      return;
    }
    const nrAccesses = this.#nrAccesses(region);
    if (region.endPage <= region.startPage || nrAccesses < 0) {
      this.#dropped++;
      this.#reject(
        nrAccesses < 0 ? 'no-nr-accesses' : 'bad-region',
        nrAccesses < 0 ? 'a region without nr_accesses (percent needs intervals)' : 'a region with start >= end',
      );
      return;
    }
    if (region.unaligned) this.#reject('unaligned-region', 'a region whose bounds are not page aligned: widened to whole pages', 'info');
    this.#table.add(region.startPage, region.endPage, nrAccesses, this.#age(region));
  }

  snapshotEnd(fields: ReadonlyMap<string, JsonValue>, whole: boolean): void {
    const window = this.#window(fields);
    const table = this.#table;
    const fake = this.#fake && table.n === 0;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#fake = false;
    if (fake) this.#reject('fake-snapshot', 'a snapshot that damo added for its perf script writer', 'info');
    else if (window === null) this.#reject('bad-window', 'a snapshot whose start_time and end_time are missing or in the wrong order');
    else this.#report(window, table, whole && dropped === 0);
    table.clear();
  }

  #report(window: readonly [bigint, bigint], table: RegionTable, complete: boolean): void {
    if (this.#previous !== null && window[0] === this.#previous[0] && window[1] === this.#previous[1]) {
      this.#reject('duplicate-snapshot', 'a snapshot with the times of the one before', 'info');
      return;
    }
    this.#previous = window;
    if (this.#baseNs === null) {
      this.#baseNs = window[0] >= BIG_TIME_NS ? window[0] : 0n;
      if (this.#baseNs > 0n) this.batches.push({ kind: 'sync', tNs: 0, clock: 'realtime', otherNs: Number(this.#baseNs) });
    }
    const stream = this.#stream!;
    this.batches.push(
      ...stream.report(table, Number(window[0] - this.#baseNs), Number(window[1] - this.#baseNs), complete, { regions: table.n }),
    );
    this.snapshots++;
  }

  #window(fields: ReadonlyMap<string, JsonValue>): readonly [bigint, bigint] | null {
    const start = damoTimeNs(scalar(fields.get('start_time')) ?? '');
    const end = damoTimeNs(scalar(fields.get('end_time')) ?? '');
    return start === null || end === null || end < start ? null : [start, end];
  }

  #nrAccesses(region: DamoRegion): number {
    if (region.samples >= 0) return region.samples;
    const { sampleUs, aggrUs } = this.#intervals;
    if (region.percent < 0 || sampleUs === null || aggrUs === null || sampleUs === 0) return -1;
    return Math.round((region.percent / 100) * (aggrUs / sampleUs));
  }

  #age(region: DamoRegion): number {
    if (region.ageIntervals >= 0) return region.ageIntervals;
    const { aggrUs } = this.#intervals;
    return region.ageUs < 0 || aggrUs === null || aggrUs === 0 ? -1 : Math.round(region.ageUs / aggrUs);
  }

  #reject(code: string, message: string, severity: 'info' | 'warning' = 'warning'): void {
    this.#ctx.reject(code, message, { byteOffset: this.offset, severity });
  }
}

function scalar(value: JsonValue | undefined): string | null {
  if (typeof value === 'string') return value;
  return value instanceof JsonNumber ? value.digits : null;
}

function timeUs(value: JsonValue | undefined): number | null {
  const text = scalar(value);
  if (text === null) return null;
  const ns = damoTimeNs(text, 'us');
  return ns === null ? damoCount(text) : Number(ns) / 1000;
}
