/** The public entry: plans the runs, shares them out over worker threads, writes the results directory. */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { InterruptedError, throwIfAborted, type Row } from '@workset/model';
import { createResultsDir, finishedRuns, openTrace, writeTablePart, type SpaceReader, type TraceReader } from '@workset/store';
import { flagSignal, runJob, type Help, type Job } from './job.ts';
import type { Arena } from './memory/arena.ts';
import { planPasses, type PassLimits, type PassPlan } from './passes.ts';
import { planRuns, type PlanOptions, type RunPlan } from './plan.ts';
import { Team } from './team/team.ts';
import { runWorker, startWorkers, threadStartMs } from './worker-pool.ts';

export interface ReplayOptions extends PlanOptions, PassLimits {
  /** Results directory; created, or resumed when it holds results. */
  readonly out: string;
  readonly version?: string | undefined;
  readonly argv?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Touches applied so far over all workers, and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface ReplaySummary {
  readonly out: string;
  readonly runs: readonly RunPlan[];
  /** Runs found finished in `out` and left alone. */
  readonly skipped: readonly string[];
  /** Touches applied, over all passes. */
  readonly touches: number;
}

export interface DryRun {
  readonly runs: readonly RunPlan[];
  readonly passes: number;
  /** Read, over all passes. */
  readonly touches: number;
  /** About the most that the process will hold. */
  readonly memoryBytes: number;
}

/** What `replay` would do, without doing it. */
export async function planReplay(tracePath: string, options: Omit<ReplayOptions, 'out'>): Promise<DryRun> {
  const trace = await openTrace(tracePath);
  try {
    const runs = planRuns(trace, options);
    const passes = planPasses(trace, runs, { ...options, startMs: threadStartMs() });
    const touches = passes.reduce((sum, { space }) => sum + touchesUntil(trace.space(space.id), options.time?.[1]), 0);
    return { runs, passes: passes.length, touches, memoryBytes: Math.max(...passes.map(({ memoryBytes }) => memoryBytes)) };
  } finally {
    trace.close();
  }
}

/**
 * Replays a trace under every planned run. A finished run in `out` is skipped; a failed or interrupted one leaves nothing.
 * Throws UsageError, RunError, TraceFormatError, InterruptedError.
 */
export async function replay(tracePath: string, options: ReplayOptions): Promise<ReplaySummary> {
  const trace = await openTrace(tracePath);
  const version = options.version ?? '0.0.0';
  try {
    const plan = planRuns(trace, options);
    await createResultsDir(options.out, { version, argv: options.argv ?? [], traceId: trace.manifest.traceId });
    const skipped = await finishedRuns(options.out);
    const passes = planPasses(
      trace,
      plan.filter(({ runId }) => !skipped.has(runId)),
      { ...options, startMs: threadStartMs() },
    );
    // They load their code while this thread goes on.
    for (const { shares, helpers } of passes) {
      startWorkers(shares.length - 1, 'job');
      startWorkers(helpers, 'help');
    }
    await writeInputs(options.out, trace);
    const touches = await runPasses(passes, trace, { trace: tracePath, out: options.out, version, time: options.time }, options);
    return { out: options.out, runs: plan, skipped: plan.map(({ runId }) => runId).filter((id) => skipped.has(id)), touches };
  } finally {
    trace.close();
  }
}

/** Runs the passes one after the other; returns the touches applied. */
async function runPasses(
  passes: readonly PassPlan[],
  trace: TraceReader,
  job: Omit<Job, 'runs' | 'flushBytes'>,
  options: ReplayOptions,
): Promise<number> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const onAbort = (): void => void Atomics.store(stop, 0, 1);
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener('abort', onAbort);
  // A pass keeps all threads busy.
  const oneAtATime = pLimit(1);
  const done = passes.map(() => 0);
  const total = passes.reduce((sum, { space }) => sum + space.nTouches, 0);
  try {
    const applied = (): number => done.reduce((sum, n) => sum + n, 0);
    await Promise.all(
      passes.map((pass, i) =>
        oneAtATime(() =>
          runPassPlan(pass, trace, job, stop, options.memoryLimitBytes !== undefined, (touches) => {
            done[i] = touches;
            options.onProgress?.(applied(), total);
          }),
        ),
      ),
    );
    return applied();
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** Threads that had columns for more pages are not kept. */
const MAX_KEPT_PAGES = 1 << 21;

/** This thread takes the last share, and workers the others, or help with it. One that fails stops the others; finished runs stay. */
async function runPassPlan(
  { space, shares, helpers, flushBytes }: PassPlan,
  trace: TraceReader,
  job: Omit<Job, 'runs' | 'flushBytes'>,
  stop: Int32Array,
  hasLimit: boolean,
  onProgress: (touches: number) => void,
): Promise<void> {
  // What an idle thread holds, the next pass may be meant to have.
  const keepsThreads = !hasLimit && space.nPages <= MAX_KEPT_PAGES;
  const signal = flagSignal(stop);
  throwIfAborted(signal);
  // All apply the same touches: the slowest says how far they are.
  const done = shares.map(() => 0);
  const outcomes = await Promise.allSettled(
    shares.map(async (runs, i) => {
      const own: Job = { ...job, runs, flushBytes };
      const progress = (touches: number): void => {
        done[i] = touches;
        onProgress(Math.min(...done));
      };
      try {
        if (i < shares.length - 1) await runWorker({ kind: 'job', job: own, stop }, progress, keepsThreads);
        else
          progress(
            (await runJob(own, trace, signal, progress, helpers > 0 ? (arena, nPages) => startTeam(arena, nPages, helpers) : undefined))
              .touches,
          );
      } catch (error) {
        Atomics.store(stop, 0, 1);
        throw error;
      }
    }),
  );
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as unknown);
  const cause = failures.find((error) => !(error instanceof InterruptedError)) ?? failures[0];
  if (cause !== undefined) throw cause;
}

function startTeam(arena: Arena, nPages: number, helpers: number): Help | undefined {
  if (arena.share() === undefined) return undefined;
  const team = new Team(arena, nPages, helpers);
  const ends = Promise.allSettled(
    Array.from({ length: team.size - 1 }, () => runWorker({ kind: 'help', seat: team.seat }, () => undefined)),
  );
  return {
    team,
    end: async () => {
      team.dismiss();
      for (const outcome of await ends) if (outcome.status === 'rejected') throw outcome.reason;
    },
  };
}

/** Touches that a pass reads: all up to the end of the wanted time. Earlier ones count even before its start, as they made pages present. */
function touchesUntil({ frames, info }: SpaceReader, endNs: number | undefined): number {
  if (endNs === undefined) return info.nTouches;
  const after = frames.t1Ns.findIndex((t1) => t1 > endNs);
  return after < 0 ? info.nTouches : frames.rowStart[after]!;
}

async function writeInputs(out: string, trace: TraceReader): Promise<void> {
  const { manifest } = trace;
  const inputs: Row[] = manifest.inputs.map((input) => ({
    input_id: input.inputId,
    trace_id: manifest.traceId,
    path: input.path,
    sha256: input.sha256,
    size_bytes: input.sizeBytes,
    format: input.format,
    truth: input.truth,
    space: input.space,
    clock: input.clock,
    t_first_ns: input.tFirstNs,
    t_last_ns: input.tLastNs,
    n_events: input.nEvents,
    n_lost: input.nLost,
    n_rejected: input.nRejected,
    page_bytes: 4096,
    vcpus: input.vcpus,
  }));
  const diagnostics: Row[] = manifest.diagnostics.map((item) => ({
    input_id: item.inputId,
    severity: item.severity,
    code: item.code,
    line: item.line,
    byte_offset: item.byteOffset,
    count: item.count,
    message: item.message,
  }));
  const part = createHash('sha256').update(manifest.traceId).digest('hex').slice(0, 10);
  await writeTablePart(out, 'inputs', part, inputs);
  await writeTablePart(out, 'diagnostics', part, diagnostics);
}
