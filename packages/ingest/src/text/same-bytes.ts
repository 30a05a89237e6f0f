/** Text compared eight bytes at a time, as doubles. */

/** True when `length` bytes of both views are equal. Compares eight at a time from the end, where names and pids differ. */
export function sameBytes(known: DataView, view: DataView, from: number, length: number): boolean {
  let i = length;
  while (i >= 8) {
    i -= 8;
    if (view.getFloat64(from + i, true) !== known.getFloat64(i, true)) return false;
  }
  if (i === 0) return true;
  if (length >= 8) return view.getFloat64(from, true) === known.getFloat64(0, true);
  while (i > 0) {
    i--;
    if (view.getUint8(from + i) !== known.getUint8(i)) return false;
  }
  return true;
}

/** Whether bytes can be compared as doubles: ASCII is neither NaN nor one of two zeros. */
export function isComparable(bytes: Uint8Array, from: number, to: number): boolean {
  for (let pos = from; pos < to; pos++) if (bytes[pos]! < 1 || bytes[pos]! > 126) return false;
  return true;
}

/** Copies bytes to the start of a view. */
export function keepBytes(target: DataView, bytes: Uint8Array, from: number, to: number): void {
  for (let pos = from; pos < to; pos++) target.setUint8(pos - from, bytes[pos]!);
}
