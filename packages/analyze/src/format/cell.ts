/** One value as text. Nothing that comes from a trace reaches a terminal unfiltered. */
import type { Value } from '../results/values.ts';

/** JSON-ready: BLOB as `\x…` hex, numbers that JSON lacks as their names. */
export function jsonValue(value: Value): unknown {
  if (value instanceof Uint8Array) return hexOf(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, jsonValue(item as Value)]));
  }
  return value;
}

/** Text with full precision, as CSV holds it. NULL is for the caller. */
export function plainText(value: Exclude<Value, null>): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return hexOf(value);
  if (typeof value === 'object') return JSON.stringify(jsonValue(value));
  return String(value);
}

/** Text for people: six significant digits, control and direction characters replaced, one line. */
export function shownText(value: Value): string {
  if (value === null) return '∅';
  if (typeof value === 'number' && !Number.isInteger(value) && Number.isFinite(value)) return String(Number(value.toPrecision(6)));
  return oneLine(plainText(value));
}

export function oneLine(text: string): string {
  // C0, DEL, C1, line separators, bidirectional overrides
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/\r\n|\n/g, '⏎').replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\uFFFD');
}

function hexOf(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString('hex')}`;
}
