/** Real reports: three Arrow files while writing, `Observation` objects again while reading. `report` numbers the reports of a trace from 0. */
import type { Observation, PageRangeBits, RegionColumns } from '@workset/model';
import type { ArrowFileWriter } from './arrow.ts';
import type { ArrowColumns } from './columns.ts';
import type { FileEntry } from './manifest.ts';
import type { CreateFile } from './space-writer.ts';

export const OBSERVATIONS = 'observations.arrow';
export const OBSERVED_SETS = 'observed_sets.arrow';
export const OBSERVED_REGIONS = 'observed_regions.arrow';

const OBSERVATION_TYPES = {
  stream: 'utf8',
  cycle: 'int64',
  set_begin_ns: 'int64',
  set_end_ns: 'int64',
  read_begin_ns: 'int64',
  read_end_ns: 'int64',
  complete: 'bool',
  counts: 'utf8',
  has_regions: 'bool',
} as const;
const SET_TYPES = { report: 'int32', kind: 'utf8', start_page: 'int64', n_pages: 'int64', bits: 'binary' } as const;
const REGION_TYPES = { report: 'int32', start_page: 'int64', n_pages: 'int64', nr_accesses: 'float64', age: 'float64' } as const;

/** Rows are written as a batch when they hold this many bytes. */
const BATCH_BYTES = 16 << 20;

interface SetRow {
  readonly report: number;
  readonly kind: 'reported' | 'eligible';
  readonly set: PageRangeBits;
}
interface RegionRows {
  readonly report: number;
  readonly regions: RegionColumns;
}

export class ObservationLog {
  readonly #create: CreateFile;
  readonly #reports: Observation[] = [];
  #files: { sets: ArrowFileWriter; regions: ArrowFileWriter } | undefined;
  #sets: SetRow[] = [];
  #regions: RegionRows[] = [];
  #bytes = 0;

  constructor(create: CreateFile) {
    this.#create = create;
  }

  add(observation: Observation): void {
    const report = this.#reports.length;
    const { reported, eligible, regions } = observation;
    this.#reports.push({ ...observation, reported: null, eligible: null, regions: regions === null ? null : NO_REGIONS });
    if (reported !== null) this.#addSet({ report, kind: 'reported', set: reported });
    if (eligible !== null) this.#addSet({ report, kind: 'eligible', set: eligible });
    if (regions !== null) this.#addRegions({ report, regions: copyOf(regions) });
    if (this.#bytes >= BATCH_BYTES) this.#flush();
  }

  /** Writes what is left; a trace without reports gets no files. */
  close(): FileEntry[] {
    if (this.#reports.length === 0) return [];
    this.#flush();
    const { sets, regions } = this.#open();
    return [this.#writeReports(), { name: OBSERVED_SETS, ...sets.close() }, { name: OBSERVED_REGIONS, ...regions.close() }];
  }

  #addSet(row: SetRow): void {
    const bits = row.set.bits.slice();
    this.#sets.push({ ...row, set: { ...row.set, bits } });
    this.#bytes += bits.length + 64;
  }

  #addRegions(rows: RegionRows): void {
    this.#regions.push(rows);
    this.#bytes += rows.regions.startPage.length * 36;
  }

  #open(): { sets: ArrowFileWriter; regions: ArrowFileWriter } {
    this.#files ??= { sets: this.#create(OBSERVED_SETS, SET_TYPES, {}), regions: this.#create(OBSERVED_REGIONS, REGION_TYPES, {}) };
    return this.#files;
  }

  #flush(): void {
    const { sets, regions } = this.#open();
    if (this.#sets.length > 0) sets.write(this.#sets.length, setColumns(this.#sets));
    if (this.#regions.length > 0) writeRegions(regions, this.#regions);
    this.#sets = [];
    this.#regions = [];
    this.#bytes = 0;
  }

  #writeReports(): FileEntry {
    const reports = this.#reports;
    const numbers = (of: (report: Observation) => number) => Float64Array.from(reports, of);
    const times = (of: (report: Observation) => number) => numbers((report) => Math.round(of(report)));
    const file = this.#create(OBSERVATIONS, OBSERVATION_TYPES, {});
    file.write(reports.length, {
      stream: reports.map((report) => report.stream),
      cycle: numbers((report) => report.cycle),
      set_begin_ns: times((report) => report.setBeginNs),
      set_end_ns: times((report) => report.setEndNs),
      read_begin_ns: times((report) => report.readBeginNs),
      read_end_ns: times((report) => report.readEndNs),
      complete: reports.map((report) => report.complete),
      counts: reports.map((report) => JSON.stringify(report.counts)),
      has_regions: reports.map((report) => report.regions !== null),
    });
    return { name: OBSERVATIONS, ...file.close() };
  }
}

const NO_REGIONS: RegionColumns = {
  startPage: new Float64Array(0),
  nPages: new Float64Array(0),
  nrAccesses: new Float64Array(0),
  age: new Float64Array(0),
};

function copyOf(regions: RegionColumns): RegionColumns {
  const { startPage, nPages, nrAccesses, age } = regions;
  return { startPage: startPage.slice(), nPages: nPages.slice(), nrAccesses: nrAccesses.slice(), age: age.slice() };
}

function setColumns(rows: readonly SetRow[]) {
  return {
    report: Int32Array.from(rows, (row) => row.report),
    kind: rows.map((row) => row.kind),
    start_page: Float64Array.from(rows, (row) => row.set.startPage),
    n_pages: Float64Array.from(rows, (row) => row.set.nPages),
    bits: rows.map((row) => row.set.bits),
  };
}

function writeRegions(file: ArrowFileWriter, rows: readonly RegionRows[]): void {
  const total = rows.reduce((sum, { regions }) => sum + regions.startPage.length, 0);
  if (total === 0) return;
  const report = new Int32Array(total);
  const columns = {
    start_page: new Float64Array(total),
    n_pages: new Float64Array(total),
    nr_accesses: new Float64Array(total),
    age: new Float64Array(total),
  };
  let at = 0;
  for (const { report: number, regions } of rows) {
    report.fill(number, at, at + regions.startPage.length);
    columns.start_page.set(regions.startPage, at);
    columns.n_pages.set(regions.nPages, at);
    columns.nr_accesses.set(regions.nrAccesses, at);
    columns.age.set(regions.age, at);
    at += regions.startPage.length;
  }
  file.write(total, { report, ...columns });
}

/** Puts the three files together again, grouped by stream, by cycle. Page sets are views into `sets`. */
export function readObservations(reports: ArrowColumns, sets: ArrowColumns, regions: ArrowColumns): Map<string, Observation[]> {
  const found = { reported: readSets(sets, 'reported'), eligible: readSets(sets, 'eligible'), regions: readRegions(regions) };
  const stream = reports.texts('stream');
  const [cycle, setBegin, setEnd, readBegin, readEnd] = ['cycle', 'set_begin_ns', 'set_end_ns', 'read_begin_ns', 'read_end_ns'].map(
    (name) => reports.numbers(name),
  );
  const complete = reports.flags('complete');
  const counts = reports.texts('counts');
  const hasRegions = reports.flags('has_regions');
  const all = stream.map((name, i): Observation => ({
    stream: name,
    cycle: cycle![i]!,
    setBeginNs: setBegin![i]!,
    setEndNs: setEnd![i]!,
    readBeginNs: readBegin![i]!,
    readEndNs: readEnd![i]!,
    complete: complete[i]!,
    counts: JSON.parse(counts[i]!) as Record<string, number>,
    reported: found.reported.get(i) ?? null,
    eligible: found.eligible.get(i) ?? null,
    regions: hasRegions[i]! ? (found.regions.get(i) ?? NO_REGIONS) : null,
  }));
  const byStream = new Map<string, Observation[]>(stream.map((name) => [name, []]));
  for (const observation of all) byStream.get(observation.stream)!.push(observation);
  for (const list of byStream.values()) list.sort((a, b) => a.cycle - b.cycle);
  return byStream;
}

function readSets(sets: ArrowColumns, kind: SetRow['kind']): Map<number, PageRangeBits> {
  const report = sets.int32('report');
  const kinds = sets.texts('kind');
  const startPage = sets.numbers('start_page');
  const nPages = sets.numbers('n_pages');
  const bits = sets.binaries('bits');
  const found = new Map<number, PageRangeBits>();
  for (let i = 0; i < sets.rows; i++) {
    if (kinds[i] === kind) found.set(report[i]!, { startPage: startPage[i]!, nPages: nPages[i]!, bits: bits[i]! });
  }
  return found;
}

function readRegions(rows: ArrowColumns): Map<number, RegionColumns> {
  const report = rows.int32('report');
  const startPage = rows.numbers('start_page');
  const nPages = rows.numbers('n_pages');
  const nrAccesses = rows.numbers('nr_accesses');
  const age = rows.numbers('age');
  const found = new Map<number, RegionColumns>();
  for (let from = 0; from < rows.rows;) {
    let to = from + 1;
    while (to < rows.rows && report[to] === report[from]) to++;
    found.set(report[from]!, {
      startPage: startPage.subarray(from, to),
      nPages: nPages.subarray(from, to),
      nrAccesses: nrAccesses.subarray(from, to),
      age: age.subarray(from, to),
    });
    from = to;
  }
  return found;
}
