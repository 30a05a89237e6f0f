/** Quoting for generated SQL, and the message of a DuckDB error without terminal escapes. */

/** A string literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A quoted identifier. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Glob characters of a directory name, escaped for DuckDB's file globbing. */
export function globEscape(path: string): string {
  // * ? [  →  [*] [?] [[]
  return path.replaceAll(/[*?[]/g, (char) => `[${char}]`);
}

/** Text without control characters (terminal escapes, bells), keeping newlines and tabs. */
export function printable(text: string): string {
  // C0 but \t \n, DEL, C1
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\uFFFD');
}

export function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error)).trim();
}
