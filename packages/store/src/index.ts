export { isTrace, readManifest } from './manifest.ts';
export type { BatchEntry, FileEntry, TraceFile } from './manifest.ts';
export { createResultsDir, finishedRuns, isResults, RESULTS_FORMAT, RESULTS_VERSION, resultsInfo, writeTablePart } from './results-dir.ts';
export type { ResultsInfo, ResultsMeta } from './results-dir.ts';
export { createRunPart } from './run-part.ts';
export { openTrace, verifyTrace } from './trace-reader.ts';
export { createTraceWriter } from './trace-writer.ts';
export * from './types.ts';
