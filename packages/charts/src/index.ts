export * from './chart.ts';
export * from './registry.ts';
export * from './render.ts';
