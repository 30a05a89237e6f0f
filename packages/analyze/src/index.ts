export * from './results/results.ts';
export type { Value } from './results/values.ts';
export * from './scores/materialise.ts';
export { VIEWS } from './views/registry.ts'; export type { ViewId } from './views/registry.ts';
