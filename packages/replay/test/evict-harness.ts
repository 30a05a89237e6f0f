/** Drives an evictor over a plain trace with reports made on the spot: every k frames, the pages touched in the last k. */
import { PageBitmap } from '@workset/model';
import type { Row } from '@workset/model';
import { costProfiles, DEFAULT_PROFILE, Evictor, parseEvict, ReferenceRuns, type EvictPlan } from '@workset/replay';
import { pagesOf, type PlainTrace } from '@workset/testkit';
import { RecordingPart, spaceOf } from './engine-harness.ts';

export interface EvictRun {
  readonly evictions: readonly Row[];
  readonly refaults: readonly Row[];
  readonly summary: Row;
  readonly plan: EvictPlan;
}

export interface ReportedPages {
  /** Frames applied when the report is made. */
  readonly after: number;
  /** Page numbers. */
  readonly pages: readonly number[];
}

/** Truthful reports every `every` frames. */
export function truthfulReports(trace: PlainTrace, every: number): ReportedPages[] {
  const reports: ReportedPages[] = [];
  for (let after = every; after <= trace.frames.length; after += every) {
    const pages = new Set(trace.frames.slice(after - every, after).flatMap(({ touches }) => touches.map(({ page }) => page)));
    reports.push({ after, pages: [...pages] });
  }
  return reports;
}

export function runEvictor(trace: PlainTrace, text: string, reports: readonly ReportedPages[], armed: boolean): EvictRun {
  const space = spaceOf(trace, 5);
  const part = new RecordingPart();
  const plan = parseEvict(text);
  const range = { from: 0, to: space.info.nPages };
  const footprintPages = new Set(trace.frames.flatMap(({ touches }) => touches.map(({ page }) => page))).size;
  const evictor = new Evictor({ plan, space, range, part, profile: costProfiles.get(DEFAULT_PROFILE), armed, footprintPages });
  const rows = Int32Array.from(trace.frames.flatMap(({ touches }) => touches.map(({ page, cls }) => (space.idOf(page) << trace.classBits) | cls)));
  evictor.startSpan(trace.frames[0]?.t0Ns ?? 0);
  let w = 0;
  trace.frames.forEach(({ t1Ns }, f) => {
    evictor.frame(f, t1Ns);
    evictor.apply(rows, space.frames.rowStart[f]!, space.frames.rowStart[f + 1]!);
    for (const { after, pages } of reports) {
      if (after === f + 1) evictor.report(w++, PageBitmap.of(space.info.nPages, pages.map((page) => space.idOf(page))), t1Ns);
    }
  });
  evictor.endSpan((trace.frames.at(-1)?.t1Ns ?? 0) + 1);
  evictor.finish(plan.references ? new ReferenceRuns(space, undefined).of(evictor, range) : null);
  const of = (table: string): Row[] => part.rows.filter((row) => row.table === table).map(({ row }) => row);
  return { evictions: of('evictions'), refaults: of('refaults'), summary: of('eviction_runs')[0]!, plan };
}

export const trackedPages = pagesOf;
