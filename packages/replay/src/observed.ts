/** Real trackers' reports, turned into the reports that the engine scores. */
import {
  PageBitmap,
  TraceFormatError,
  type Observation,
  type ObservationStream,
  type PageRangeBits,
  type RegionColumns,
} from '@workset/model';
import type { SpaceReader, TraceReader } from '@workset/store';
import { addPageRange, idsOf } from './memory/page-ranges.ts';
import type { PageRange, RecordedCycle, RegionReport, Report } from './scheme.ts';

/** A region counts as accessed from this many sampling checks (damo wss: acc_thres 1). */
const REGION_THRESHOLD = 1;

/** Pages a stream is about: its declared range, else the whole space. Throws TraceFormatError when the space does not hold them. */
export function rangeOf(stream: ObservationStream, space: SpaceReader): PageRange {
  if (stream.range === null) return { from: 0, to: space.info.nPages };
  const range = idsOf(space, stream.range.startPage, stream.range.nPages);
  if (range === undefined) {
    throw new TraceFormatError(
      `stream ${stream.stream} is about pages that space ${stream.space} does not hold`,
      {},
      'ingest the capture again',
    );
  }
  return range;
}

/** DAMON's intervals, ns, as far as the recording tells; age is counted in aggregations. */
export function intervalsOf({ notes }: ObservationStream): { readonly aggr?: number; readonly sample?: number } {
  const ns = (inNs: string, inUs: string): number => Number(notes[inNs] ?? Number(notes[inUs] ?? Number.NaN) * 1000);
  const [aggr, sample] = [ns('aggregation_ns', 'aggr_us'), ns('sampling_ns', 'sample_us')];
  return { ...(aggr > 0 && { aggr }), ...(sample > 0 && { sample }) };
}

/** Times of a stream's cycles, and what each could hold, for the model to repeat. */
export function recordedCycles(trace: TraceReader, stream: ObservationStream, space: SpaceReader, range: PageRange): RecordedCycle[] {
  return inTimeOrder(trace.observations(stream.stream)).map((observation) => ({
    ...observation,
    eligible: observation.eligible === null ? undefined : toBitmap(observation.eligible, space, range),
    monitored: observation.regions === null ? undefined : contiguous(observation.regions),
  }));
}

/** Regions joined where one ends and the next begins. */
function contiguous({ startPage, nPages }: RegionColumns): { startPage: number; nPages: number }[] {
  const spans: { startPage: number; nPages: number }[] = [];
  for (let i = 0; i < startPage.length; i++) {
    const last = spans.at(-1);
    if (last !== undefined && last.startPage + last.nPages === startPage[i]) last.nPages += nPages[i]!;
    else spans.push({ startPage: startPage[i]!, nPages: nPages[i]! });
  }
  return spans;
}

function inTimeOrder(observations: readonly Observation[]): Observation[] {
  return [...observations].sort((a, b) => a.readBeginNs - b.readBeginNs);
}

/** Reports of one stream in time order, as dense page sets. */
export function observedReports(trace: TraceReader, stream: ObservationStream, space: SpaceReader, range: PageRange): Report[] {
  return inTimeOrder(trace.observations(stream.stream)).map((observation) => toReport(observation, stream, space, range));
}

function toReport(observation: Observation, stream: ObservationStream, space: SpaceReader, range: PageRange): Report {
  const { regions } = observation;
  const eligible = observation.eligible === null ? undefined : toBitmap(observation.eligible, space, range);
  const window = {
    outerT0Ns: observation.setBeginNs,
    claimT0Ns: observation.setEndNs,
    claimT1Ns: observation.readBeginNs,
    outerT1Ns: observation.readEndNs,
  };
  if (observation.reported !== null) {
    return { ...window, reported: toBitmap(observation.reported, space, range), ...(eligible === undefined ? {} : { eligible }) };
  }
  const reported = new PageBitmap(space.info.nPages);
  const monitored = new PageBitmap(space.info.nPages);
  const rows: RegionReport[] = [];
  const { aggr: aggrNs = Number.NaN } = intervalsOf(stream);
  for (let i = 0; i < (regions?.startPage.length ?? 0); i++) {
    const startPage = regions!.startPage[i]!;
    const nPages = regions!.nPages[i]!;
    const score = regions!.nrAccesses[i]!;
    const age = regions!.age[i]!;
    addPageRange(monitored, space, range, startPage, nPages);
    if (score >= REGION_THRESHOLD) addPageRange(reported, space, range, startPage, nPages);
    rows.push({ startPage, nPages, score, ageNs: age < 0 || Number.isNaN(aggrNs) ? null : age * aggrNs });
  }
  return { ...window, reported, eligible: eligible ?? monitored, regions: rows };
}

function toBitmap(set: PageRangeBits, space: SpaceReader, range: PageRange): PageBitmap {
  const out = new PageBitmap(space.info.nPages);
  for (let i = 0; i < set.nPages; i++) {
    if (((set.bits[i >> 3]! >> (i & 7)) & 1) === 0) continue;
    const id = space.idOf(set.startPage + i);
    if (id >= range.from && id < range.to) out.add(id);
  }
  return out;
}
