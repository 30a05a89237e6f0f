/** Recordings of damo in traces/damo, and what their regions are. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { damoIngestor } from '../src/formats/damo.ts';
import { damoRecordIngestor } from '../src/formats/damo-record.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';

const CASE = join(import.meta.dirname, '../../../traces/damo');
const raw = (name: string): Uint8Array => new Uint8Array(readFileSync(join(CASE, name)));
export const bytes = (name: string): Uint8Array => (name.endsWith('.gz') ? new Uint8Array(gunzipSync(raw(name))) : raw(name));
export const run = (data: Uint8Array, options: Record<string, string> = {}, chunk = 65536): Promise<Collected> =>
  collect(damoIngestor, bytesSource(data, chunk, 'x.json'), { ops: 'paddr', ...options });
export const runRecord = (data: Uint8Array, options: Record<string, string> = {}, chunk = 65536): Promise<Collected> =>
  collect(damoRecordIngestor, bytesSource(data, chunk, 'r.bin'), { ops: 'paddr', ...options });
export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export type Row = [start: number, end: number, nrAccesses: number, age: number];
export const rows = (result: Collected): Row[][] =>
  result.reports.map((report) =>
    Array.from(report.regions!.startPage, (start, i): Row => [
      start * 4096,
      (start + report.regions!.nPages[i]!) * 4096,
      report.regions!.nrAccesses[i]!,
      report.regions!.age[i]!,
    ]),
  );

/** Snapshots of damo's perf script output of the same recording. */
export function scriptRows(): Row[][] {
  const snapshots: Row[][] = [];
  for (const line of Buffer.from(bytes('damon_aggr.perf_script.gz')).toString().split('\n')) {
    const match = /target_id=0 nr_regions=\d+ (\d+)-(\d+): (\d+) (\d+)$/.exec(line);
    if (match === null) continue;
    const row = match.slice(1).map(Number) as Row;
    const last = snapshots.at(-1);
    if (last === undefined || row[0] < last.at(-1)![0]) snapshots.push([row]);
    else last.push(row);
  }
  return snapshots;
}
