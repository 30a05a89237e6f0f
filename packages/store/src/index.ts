export { isTrace, readManifest } from './manifest.ts';
export type { BatchEntry, FileEntry, TraceFile } from './manifest.ts';
export { openTrace, verifyTrace } from './trace-reader.ts';
export { createTraceWriter } from './trace-writer.ts';
export * from './types.ts';
