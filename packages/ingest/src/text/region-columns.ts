/** Columns of DAMON snapshots, which have twenty rows more often than a thousand. */
import type { RegionColumns } from '@workset/model';

/** Columns of many small snapshots lie in one buffer: one for each costs more than filling it. */
const BUFFER_BYTES = 1 << 16;
/** So few rows are copied sooner than a view of them is made. */
const FEW = 64;

let buffer = new ArrayBuffer(0);
let used = 0;

function column(n: number): Float64Array<ArrayBuffer> {
  const bytes = 8 * n;
  if (bytes > BUFFER_BYTES / 4) return new Float64Array(n);
  if (used + bytes > buffer.byteLength) {
    buffer = new ArrayBuffer(BUFFER_BYTES);
    used = 0;
  }
  const cells = new Float64Array(buffer, used, n);
  used += bytes;
  return cells;
}

/** Copies [from, to) to the place `at`. */
export function copyRows(source: Float64Array, from: number, to: number, target: Float64Array, at: number): void {
  if (to - from < FEW) for (let i = from; i < to; i++) target[at + i - from] = source[i]!;
  else target.set(source.subarray(from, to), at);
}

function copied(source: Float64Array, n: number): Float64Array<ArrayBuffer> {
  const cells = column(n);
  copyRows(source, 0, n, cells, 0);
  return cells;
}

/** Copies of the first `n` rows of four columns. */
export function regionColumns(
  n: number,
  startPage: Float64Array,
  nPages: Float64Array,
  nrAccesses: Float64Array,
  age: Float64Array,
): RegionColumns {
  return { startPage: copied(startPage, n), nPages: copied(nPages, n), nrAccesses: copied(nrAccesses, n), age: copied(age, n) };
}
