/** Is a statement complete? Only a semicolon outside quotes and comments ends one. */

export interface StatementState {
  /** Complete statements, without their semicolons. */
  readonly complete: readonly string[];
  /** What has been typed after the last of them. */
  readonly rest: string;
}

// what hides a semicolon: 'text', "name", $$text$$, -- comment, /* comment */
const HIDING = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$[\s\S]*?\$\$|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\//g;

export function splitStatements(text: string): StatementState {
  const masked = maskOpen(text.replace(HIDING, (hidden) => ' '.repeat(hidden.length)));
  const complete: string[] = [];
  let start = 0;
  for (let at = masked.indexOf(';'); at !== -1; at = masked.indexOf(';', start)) {
    const statement = text.slice(start, at).trim();
    if (statement !== '') complete.push(statement);
    start = at + 1;
  }
  return { complete, rest: text.slice(start).trimStart() };
}

const COMMENTS = /--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\//g;

/** All statements of a text, the last one with or without a semicolon; comments by themselves are none. */
export function statementsOf(text: string): string[] {
  const { complete, rest } = splitStatements(text);
  return [...complete, rest].filter((statement) => statement.replace(COMMENTS, '').trim() !== '');
}

/** A quote or comment that is still open hides all that follows. */
function maskOpen(masked: string): string {
  const open = masked.search(/['"]|\$\$|\/\*/);
  return open === -1 ? masked : masked.slice(0, open) + ' '.repeat(masked.length - open);
}
