export * from './engine.ts';
export * from './plan.ts';
export * from './profiles.ts';
export * from './registry.ts';
export * from './replay.ts';
export * from './scheme.ts';
