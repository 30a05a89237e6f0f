export * from './engine.ts';
export { DEFAULT_TLB, type TlbConfig } from './memory/tlb.ts';
export * from './plan.ts';
export * from './profiles.ts';
export * from './references/index.ts';
export * from './registry.ts';
export * from './replay.ts';
export * from './scheme.ts';
