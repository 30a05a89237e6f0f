export * from './evictor.ts';
export * from './reference-runs.ts';
export * from './spec.ts';
export * from './tally.ts';
export * from './window-experiment.ts';
