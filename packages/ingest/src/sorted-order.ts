/** The order of rows by time, where they are in order but for a few places. */

/** Indices 0..n-1 in ascending order of `key`, stable; cheap for few ascending runs (one per CPU). */
export function sortedOrder(key: Float64Array, n: number): Int32Array {
  let from = new Int32Array(n);
  let to = new Int32Array(n);
  let starts: number[] = [0];
  for (let i = 0; i < n; i++) {
    from[i] = i;
    if (i > 0 && key[i]! < key[i - 1]!) starts.push(i);
  }
  starts.push(n);
  while (starts.length > 2) {
    const merged: number[] = [0];
    for (let r = 0; r + 1 < starts.length; r += 2) {
      const end = starts[Math.min(r + 2, starts.length - 1)]!;
      mergeRuns(key, from, to, starts[r]!, starts[r + 1]!, end);
      merged.push(end);
    }
    [from, to] = [to, from];
    starts = merged;
  }
  return from;
}

function mergeRuns(key: Float64Array, from: Int32Array, to: Int32Array, start: number, middle: number, end: number): void {
  let a = start;
  let b = middle;
  for (let i = start; i < end; i++) {
    to[i] = a < middle && (b >= end || key[from[a]!]! <= key[from[b]!]!) ? from[a++]! : from[b++]!;
  }
}
