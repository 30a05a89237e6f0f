/** As much of this package as a thread needs that helps with touches and pages: whoever waits for it to start waits for what it loads. */
export { readFully } from './files.ts';
export { compressed } from './parquet/pages.ts';
export { BATCH_ROWS } from './touch-file.ts';
export { LANES_BYTES, ROUND_WORDS, sumCode, sumWhileCode, TouchSums } from './touch-sums.ts';
