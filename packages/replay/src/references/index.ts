export * from './lru.ts';
export * from './opt.ts';
export * from './page-string.ts';
