export * from './explore.ts';
export * from './markdown.ts';
export * from './page-model.ts';
export * from './schedule-grid.ts';
export * from './table.ts';
