/** The columns that CSV, Arrow and Parquet share, and how a row becomes text. */
import type { SpaceId } from '@workset/model';
import { VERSION } from '../version.ts';
import type { AccessRows, ReportRow, SourceFacts } from './model.ts';

/** Columns of accesses, from their first rows; later rows of a file have the same ones. */
export interface AccessColumns {
  readonly space: SpaceId;
  /** Accesses of a stretch of time [time_ns, end_ns), not of an instant. */
  readonly isQuanta: boolean;
  readonly hasPid: boolean;
  readonly hasCpu: boolean;
}

export function accessColumns(rows: AccessRows): AccessColumns {
  return { space: rows.space, isQuanta: rows.timeNs === null, hasPid: rows.pid !== null, hasCpu: rows.cpu !== null };
}

export const OPS = ['r', 'w', 'kr', 'kw'] as const;
export const REGION_NAMES = [
  'stream',
  'cycle',
  'start_ns',
  'end_ns',
  'complete',
  'kind',
  'start_page',
  'n_pages',
  'nr_accesses',
  'age',
] as const;

/** One region, or one run of pages of a page set. */
export interface RegionRow {
  readonly kind: 'region' | 'reported' | 'eligible';
  readonly startPage: number;
  readonly nPages: number;
  /** -1 = the report has no such count. */
  readonly nrAccesses: number;
  readonly age: number;
}

export function* regionsOf({ report }: ReportRow): Generator<RegionRow> {
  const { regions } = report;
  for (let i = 0; i < (regions?.startPage.length ?? 0); i++) {
    yield {
      kind: 'region',
      startPage: regions!.startPage[i]!,
      nPages: regions!.nPages[i]!,
      nrAccesses: regions!.nrAccesses[i]!,
      age: regions!.age[i]!,
    };
  }
  for (const kind of ['reported', 'eligible'] as const) {
    const set = report[kind];
    if (set === null) continue;
    const has = (i: number) => i < set.nPages && ((set.bits[i >> 3]! >> (i & 7)) & 1) === 1;
    for (let i = 0; i < set.nPages; i++) {
      if (!has(i)) continue;
      const from = i;
      while (has(i)) i++;
      yield { kind, startPage: set.startPage + from, nPages: i - from, nrAccesses: -1, age: -1 };
    }
  }
}

/** What a reader of the file needs to know, as text. */
export function describe(facts: SourceFacts, content: 'accesses' | 'regions', columns: AccessColumns | undefined): Record<string, string> {
  return {
    'workset.version': VERSION,
    'workset.source': facts.name,
    'workset.content': content,
    'workset.clock': facts.clock,
    'workset.epoch_ns': facts.epochNs().toString(),
    'workset.time_unit_ns': String(columns?.isQuanta === true ? (facts.quantumNs ?? 'end_ns - time_ns') : 1),
    'workset.page_bytes': '4096',
    ...(columns === undefined ? {} : { 'workset.space': columns.space }),
  };
}

/** `a,b` → `"a,b"` */
export function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
