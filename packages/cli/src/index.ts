/** The library behind the command line: captures → trace → results → answers. ESM; long calls take an AbortSignal; errors have a `code`. */
import { ingestCapture } from '@workset/ingest';
import type { CaptureOptions } from '@workset/ingest';

/** Normalises a capture set into the trace `options.out`; resolves to its path. Throws UnreadableInputError, TraceFormatError, UsageError, InterruptedError. */
export async function ingest(paths: readonly string[], options: CaptureOptions): Promise<string> {
  await ingestCapture(paths, options);
  return options.out;
}

export { ingestCapture, ingestors, inspectFile } from '@workset/ingest';
export type { CaptureInfo, CaptureOptions, CaptureProgress } from '@workset/ingest';
export { costProfiles, planReplay, replay, schemes } from '@workset/replay';
export type { DryRun, ReplayOptions, ReplaySummary, SchemeSpec, TrackingScheme } from '@workset/replay';
export { materialiseScores, Results } from '@workset/analyze';
export type { QueryColumn, QueryResult, QueryRow, QueryStream } from '@workset/analyze';
export { buildReport, CHARTS as charts, renderChart } from '@workset/charts';
export { isResults, isTrace, openTrace, readManifest } from '@workset/store';
export type { TraceManifest, TraceReader } from '@workset/store';
export {
  InterruptedError,
  RunError,
  ThresholdError,
  TraceFormatError,
  UnreadableInputError,
  UsageError,
  WorksetError,
} from '@workset/model';
