/** Drives an evictor over a plain trace with reports made on the spot: every k frames, the pages touched in the last k. */
import { PageBitmap, parseParams } from '@workset/model';
import type { Row } from '@workset/model';
import {
  costProfiles,
  DEFAULT_PROFILE,
  Evictor,
  parseEvict,
  primitives,
  ReferenceRuns,
  runPass,
  schemes,
  type EvictPlan,
} from '@workset/replay';
import type { PlainTrace } from '@workset/testkit';
import type { SpaceReader } from '@workset/store';
import { RecordingPart, spaceOf } from './engine-harness.ts';

/** Every primitive with every choice of its own parameters, as --evict takes them. */
export const PRIMITIVE_SPECS: readonly string[] = primitives.all.flatMap(({ descriptor: { id }, config }) =>
  'protect' in config ? [`${id}:protect=rwp`, `${id}:protect=none`] : 'minor' in config ? [`${id}:minor=true`, `${id}:minor=false`] : [id],
);

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
    // Time stands between two frames of one split quantum: no report is made there.
    if (trace.frames[after]?.t1Ns === trace.frames[after - 1]!.t1Ns) continue;
    const pages = new Set(trace.frames.slice(after - every, after).flatMap(({ touches }) => touches.map(({ page }) => page)));
    reports.push({ after, pages: [...pages] });
  }
  return reports;
}

interface Setup {
  readonly space: SpaceReader;
  readonly part: RecordingPart;
  readonly plan: EvictPlan;
  readonly range: { readonly from: number; readonly to: number };
  readonly evictor: Evictor;
}

function setUp(trace: PlainTrace, text: string, armed: boolean): Setup {
  const space = spaceOf(trace, 5);
  const part = new RecordingPart();
  const plan = parseEvict(text);
  const range = { from: 0, to: space.info.nPages };
  const footprintPages = new Set(trace.frames.flatMap(({ touches }) => touches.map(({ page }) => page))).size;
  return {
    space,
    part,
    plan,
    range,
    evictor: new Evictor({ plan, space, range, part, profile: costProfiles.get(DEFAULT_PROFILE), armed, footprintPages }),
  };
}

function rowsOf({ space, part, plan, range, evictor }: Setup): EvictRun {
  evictor.finish(plan.references ? new ReferenceRuns(space, undefined).of(evictor, range) : null);
  const of = (table: string): Row[] => part.rows.filter((row) => row.table === table).map(({ row }) => row);
  return { evictions: of('evictions'), refaults: of('refaults'), summary: of('eviction_runs')[0]!, plan };
}

/** Calls the evictor as the engine would, with the given reports. */
export function runEvictor(trace: PlainTrace, text: string, reports: readonly ReportedPages[], armed: boolean): EvictRun {
  const setup = setUp(trace, text, armed);
  const { space, evictor } = setup;
  const rows = Int32Array.from(
    trace.frames.flatMap(({ touches }) => touches.map(({ page, cls }) => (space.idOf(page) << trace.classBits) | cls)),
  );
  evictor.startSpan(trace.frames[0]?.t0Ns ?? 0);
  let w = 0;
  trace.frames.forEach(({ t1Ns }, f) => {
    evictor.frame(f, t1Ns);
    evictor.apply(rows, space.frames.rowStart[f]!, space.frames.rowStart[f + 1]!);
    for (const { after, pages } of reports) {
      if (after === f + 1)
        evictor.report(
          w++,
          PageBitmap.of(
            space.info.nPages,
            pages.map((page) => space.idOf(page)),
          ),
          t1Ns,
        );
    }
  });
  evictor.endSpan(trace.frames.at(-1)?.t1Ns ?? 0);
  return rowsOf(setup);
}

/** One pass of the engine, with uffd-rwp as the tracker. */
export async function runEvictorInPass(trace: PlainTrace, text: string, interval: number): Promise<EvictRun> {
  const setup = setUp(trace, text, true);
  const { space, part, range, evictor } = setup;
  const scheme = schemes.get('uffd-rwp');
  const work = { kind: 'simulated', scheme, params: parseParams('uffd-rwp', scheme.config, { interval }), recorded: null } as const;
  await runPass({
    space,
    spans: trace.spans,
    quantumNs: trace.quantumNs,
    runs: [{ randomName: 'x', range, part, profile: costProfiles.get(DEFAULT_PROFILE), seed: 1, evictor, work }],
  });
  return rowsOf(setup);
}
