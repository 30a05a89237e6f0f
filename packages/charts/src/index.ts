export type { BlindSpots } from './blind-spots.ts';
export * from './chart.ts';
export * from './registry.ts';
export * from './render.ts';
export { buildReport } from './report/report.ts';
export type { ReportOptions } from './report/report.ts';
