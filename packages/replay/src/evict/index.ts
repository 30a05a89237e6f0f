export * from './evictor.ts';
export * from './reference-runs.ts';
export * from './spec.ts';
export type { References } from './tally.ts';
export * from './window-experiment.ts';
