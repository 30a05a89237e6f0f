/** Text from a trace may hold terminal escapes (a process can call itself anything): none of them reaches the terminal. */

// control characters except tab and newline, C1 controls, and the marks that reorder or hide text
// eslint-disable-next-line no-control-regex
const UNSAFE = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Escapes unsafe characters, keeping newlines (also CR LF) and tabs. */
export function sanitise(text: string): string {
  return text.replace(UNSAFE, (char) => visible(char));
}

/** As `sanitise`, for one cell of a table: newlines and tabs are escaped too. */
export function sanitiseCell(text: string): string {
  return sanitise(text).replace(/\r?\n/g, '\\n').replace(/\t/g, '\\t');
}

/** JSON that is safe on a terminal; bigint becomes a number when exact, else a string; bytes become hex. */
export function safeJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, (_key, item: unknown) => plain(item), indent) ?? 'null';
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function plain(item: unknown): unknown {
  if (typeof item === 'bigint') return Number.isSafeInteger(Number(item)) ? Number(item) : String(item);
  if (item instanceof Uint8Array) return Buffer.from(item).toString('hex');
  return item;
}

function visible(char: string): string {
  const code = char.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
