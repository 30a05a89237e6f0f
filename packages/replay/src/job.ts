/** One pass over one space for a group of runs, by one thread and those who help it. */
import { BLOCK_PAGES, formatParam, PageBitmap, REMAP_KINDS, type Row, type TraceSpan } from '@workset/model';
import { allDone, createRunPart, openTrace, PackedSets, type RunPart, type SpaceReader, type TraceReader } from '@workset/store';
import { runPass, type PassRun, type PassWorld, type Remap } from './engine.ts';
import { Arena } from './memory/arena.ts';
import { DEFAULT_WORLD } from './memory/world.ts';
import { observedReports, recordedCycles } from './observed.ts';
import { Evictor } from './evict/evictor.ts';
import { footprintOf, ReferenceRuns } from './evict/reference-runs.ts';
import { parseEvict } from './evict/spec.ts';
import { Ledger } from './ledger.ts';
import { worldKey, type PlanOptions, type RunPlan } from './plan.ts';
import { costProfiles } from './profiles.ts';
import { spansOf } from './spans.ts';
import { schemes } from './registry.ts';
import type { Team } from './team/team.ts';

export interface Job {
  readonly trace: string;
  readonly out: string;
  readonly version: string;
  readonly runs: readonly RunPlan[];
  readonly time: PlanOptions['time'];
  /** Results that a run may hold in memory before they go to disk. */
  readonly flushBytes: number;
}

/** A team, and how to send it home; `end` rejects with what a helper failed of. */
export interface Help {
  readonly team: Team;
  readonly end: () => Promise<void>;
}
/** Undefined when the columns of the arena are not shared. */
export type StartTeam = (arena: Arena, nPages: number) => Help | undefined;

/** `runJob` for a thread that has not opened the trace. */
export async function openAndRun(
  job: Job,
  signal: AbortSignal | undefined,
  onProgress: (touches: number) => void,
): Promise<{ touches: number }> {
  const trace = await openTrace(job.trace);
  try {
    return await runJob(job, trace, signal, onProgress);
  } finally {
    trace.close();
  }
}

/** Runs the job on its trace and writes its parts. All parts of a failed job are removed. `startTeam` makes others help in an arena. */
export async function runJob(
  job: Job,
  trace: TraceReader,
  signal: AbortSignal | undefined,
  onProgress: (touches: number) => void,
  startTeam?: StartTeam,
): Promise<{ touches: number }> {
  const parts: RunPart[] = [];
  let arena: Arena | undefined;
  let help: Help | undefined;
  try {
    const space = trace.space(job.runs[0]!.space);
    arena = Arena.of(space.info);
    help = startTeam?.(arena, space.info.nPages);
    const runs: PassRun[] = [];
    const packed = new PackedSets();
    const evictorOf = evictorsOf(space, signal);
    for (const plan of job.runs) {
      const part = await createRunPart({
        dir: job.out,
        runId: plan.runId,
        blocks: space.blocks,
        flushBytes: job.flushBytes,
        compress: help?.team.compress,
        packed,
      });
      parts.push(part);
      runs.push({ ...passRun(trace, plan, part), evictor: evictorOf(plan, part) });
    }
    const spans = spansOf(trace, space, job.time);
    const summary = await runPass({
      space,
      spans,
      quantumNs: trace.manifest.quantumNs,
      runs,
      remaps: remapsOf(trace, space),
      team: help?.team,
      arena,
      signal,
      onProgress,
    });
    finishEvictions(runs, summary.windows, new ReferenceRuns(space, signal));
    // All at once, so that they wait for the disk together; those that can finish do before the first failure is thrown.
    await allDone(parts.map((part, i) => part.close(runRow(trace, job, job.runs[i]!, spans, summary.windows[i]!))));
    return { touches: summary.touches };
  } catch (error) {
    await Promise.all(parts.map((part) => part.abort()));
    throw error;
  } finally {
    try {
      await help?.end();
    } finally {
      arena?.close();
    }
  }
}

/** Pages that moved, where the trace says so: trackers of frames lose what they marked. */
function remapsOf(trace: TraceReader, space: SpaceReader): Remap[] {
  const { n, tNs, page, kind } = trace.remaps(space.info.id);
  return Array.from({ length: n }, (_, i) => ({ tNs: tNs[i]!, id: space.idOf(page[i]!), kind: REMAP_KINDS[kind[i]!]! }));
}

/** Makes the swapper of a run; the footprint that percentages refer to is counted once per range. */
function evictorsOf(space: SpaceReader, signal: AbortSignal | undefined): (plan: RunPlan, part: RunPart) => Evictor | undefined {
  const footprints = new Map<string, number>();
  return ({ evict, range, profile, scheme }, part) => {
    if (evict === undefined) return undefined;
    const key = `${range.from} ${range.to}`;
    const footprintPages = footprints.get(key) ?? footprintOf(space, range, signal);
    footprints.set(key, footprintPages);
    return new Evictor({
      plan: parseEvict(evict),
      space,
      range,
      part,
      profile: costProfiles.get(profile),
      armed: scheme.includes('uffd-rwp'),
      footprintPages,
    });
  };
}

/** Writes each swapper's row, and what it cost after the last report. */
function finishEvictions(runs: readonly PassRun[], windows: readonly number[], references: ReferenceRuns): void {
  runs.forEach(({ evictor, part, range, profile }, i) => {
    if (evictor === undefined) return;
    const rest = new Ledger(profile);
    evictor.takeCosts((op, count) => rest.charge(op, count));
    rest.flush(Math.max(0, windows[i]! - 1), part);
    evictor.finish(evictor.wantsReferences ? references.of(evictor, range) : null);
  });
}

function passRun(trace: TraceReader, plan: RunPlan, part: RunPart): PassRun {
  const world = passWorld(trace, plan);
  const shared = { world, randomName: plan.randomName, range: plan.range, part, profile: costProfiles.get(plan.profile), seed: plan.seed };
  const stream = trace.manifest.streams.find(({ stream: name }) => name === plan.stream);
  if (plan.kind === 'observed')
    return { ...shared, work: { kind: 'observed', reports: observedReports(trace, stream!, trace.space(plan.space), plan.range) } };
  const recorded = stream === undefined ? null : recordedCycles(trace, stream, trace.space(plan.space), plan.range);
  return { ...shared, work: { kind: 'simulated', scheme: schemes.get(plan.scheme), params: plan.params, recorded } };
}

function passWorld(trace: TraceReader, plan: RunPlan): PassWorld {
  const { mmu, backing, tlb, folioOrder = 0 } = plan.world;
  const config = { ...DEFAULT_WORLD, mmu, backing, folioOrder, hugeBlocks: hugeBlocks(trace, trace.space(plan.space), plan) };
  return { name: worldKey(plan), config, tlb: tlb ?? undefined };
}

/** Whole 2 MiB blocks inside the range that are mapped by a PMD: all of them, or those the capture calls huge. hugetlb: all there are. */
function hugeBlocks(trace: TraceReader, space: SpaceReader, { world, range, stream }: RunPlan): PageBitmap | undefined {
  const first = Math.ceil(range.from / BLOCK_PAGES);
  const end = Math.floor(range.to / BLOCK_PAGES);
  const blocks = new PageBitmap(space.blocks.length);
  if (world.backing === 'hugetlb') blocks.addRange(0, space.blocks.length);
  else if (world.thp === 'all') blocks.addRange(first, end);
  if (world.backing !== 'hugetlb' && world.thp === 'trace') {
    // A run that repeats a stream lives in that stream's segment ("B" of B.idle).
    const here = (segment: string): boolean =>
      segment === '' || stream === null || !stream.includes('.') || stream.startsWith(`${segment}.`);
    const said = (trace.manifest.hugeBlocks ?? []).filter(({ space: id, segment }) => id === space.info.id && here(segment));
    const known = new Set(said.flatMap(({ blocks: numbers }) => numbers));
    for (let i = first; i < end; i++) if (known.has(space.blocks[i]!)) blocks.add(i);
  }
  return blocks.count() === 0 ? undefined : blocks;
}

function runRow(trace: TraceReader, job: Job, plan: RunPlan, spans: readonly TraceSpan[], windows: number): Row {
  const { manifest } = trace;
  const info = manifest.spaces.find(({ id }) => id === plan.space)!;
  return {
    run_id: plan.runId,
    trace_id: manifest.traceId,
    trace: manifest.name,
    scheme: plan.scheme,
    kind: plan.kind,
    stream: plan.stream,
    params: JSON.stringify(plan.evict === undefined ? printable(plan) : { ...printable(plan), evict: plan.evict }),
    seed: plan.seed,
    world: worldName(plan),
    space: plan.space,
    truth: info.truth,
    scope: plan.world.mmu === 'host' ? 'any' : 'mapped',
    target: plan.target,
    cost_profile: plan.profile,
    status: 'ok',
    error: null,
    n_windows: windows,
    n_pages: plan.range.to - plan.range.from,
    duration_ns: spans.reduce((sum, { t0Ns, t1Ns }) => sum + t1Ns - t0Ns, 0),
    vcpus: manifest.vcpus ?? 1,
    version: job.version,
  };
}

/** What was assumed of the memory and the machine; NULL for a real tracker. */
function worldName({ kind, world: { shared, mmu, backing, tlb, thp, folioOrder = 0 } }: RunPlan): string | null {
  if (kind === 'observed') return null;
  const tlbName = tlb === null ? 'off' : `${tlb.entries}/${tlb.ways}`;
  const order = backing === 'hugetlb' ? 9 : folioOrder;
  const folio = order < 8 ? `${4 << order}K` : `${(4 << order) / 1024}M`;
  return `${shared === null ? '' : `${shared}: `}mmu=${mmu} backing=${backing} tlb=${tlbName} thp=${thp} folio=${folio}`;
}

function printable(plan: RunPlan): Record<string, string> {
  if (plan.kind === 'observed') return {};
  const { config } = schemes.get(plan.scheme);
  const entries = Object.entries(plan.params).map(([name, value]) => [name, formatParam(config[name]!, value)] as const);
  if (plan.stream === null) return Object.fromEntries(entries);
  return Object.fromEntries([...entries.filter(([name]) => name !== 'interval'), ['schedule', `as ${plan.stream}`]]);
}

/** A signal that threads share: it has fired when the flag is 1. */
export function flagSignal(stop: Int32Array): AbortSignal {
  return {
    get aborted() {
      return Atomics.load(stop, 0) === 1;
    },
  } as AbortSignal;
}
