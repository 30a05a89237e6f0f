/** Reads captures: `ingestCapture` writes a trace, `inspectFile` only looks, `synthesise` makes one up. */
export { openSource, sourceOfBytes, type Compression, type OpenSource } from './byte-source.ts';
export { DEFAULT_QUANTUM_NS, ingestCapture, type CaptureOptions, type CaptureProgress } from './capture.ts';
export { compactTrace, type CompactOptions } from './compact.ts';
export { ClockMap } from './clock.ts';
export {
  CONVERT_FORMATS,
  convertFormatOf,
  convertTrace,
  type ConvertFormat,
  type ConvertOptions,
  type ConvertResult,
} from './convert/index.ts';
export { readPlainBatches, type PlainBatch } from './read-batches.ts';
export { ingestors } from './registry.ts';
export { guesses, recognise, type Guess } from './sniff.ts';
export { inspectFile, type CaptureInfo, type InspectOptions, type SpaceFootprint, type StreamSummary } from './inspect.ts';
export { synthesise, type SynthOptions } from './synth.ts';
export { patterns } from './synth/patterns.ts';
