/**
 * A notebook is a Markdown file whose fenced blocks may be cells:
 *
 *     ```sql name=missed on=main          the query `missed` over the results set `main`; later cells may use it as a table
 *     ```chart id=pareto trace=redis-pti  a chart of the chart registry
 *     ```verdict claim=C2 from=missed     rules over the rows of `missed`, see verdict.ts
 *
 * Everything else is prose. Any Markdown viewer shows it, `git diff` reads it, and a query can be pasted into `workset sql`.
 */
import { parse as parseYaml } from 'yaml';

export interface CellPlace {
  /** First line of the block, from 1. */
  readonly line: number;
}
export interface ProseCell extends CellPlace {
  readonly kind: 'prose';
  readonly text: string;
}
export interface CodeCell extends CellPlace {
  readonly kind: 'sql' | 'chart' | 'verdict';
  /** Words after the kind: `name=value`, or a bare word as `true`. */
  readonly options: Readonly<Record<string, string>>;
  readonly text: string;
}
export type Cell = ProseCell | CodeCell;

export interface Notebook {
  readonly title: string;
  /** Results set of cells without `on=`. */
  readonly on: string;
  readonly cells: readonly Cell[];
}

export class NotebookError extends Error {
  override readonly name = 'NotebookError';
  readonly line: number;
  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

const KINDS = ['sql', 'chart', 'verdict'] as const;

/** Throws NotebookError for a block that is never closed or has a name twice. */
export function parseNotebook(source: string): Notebook {
  const { head, body, firstLine } = splitHead(source);
  const cells = cellsOf(body, firstLine);
  const names = cells.flatMap((cell) => (cell.kind === 'sql' && cell.options['name'] !== undefined ? [cell.options['name']] : []));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new NotebookError(firstLine, `two cells are called ${twice}`);
  return { title: head['title'] ?? 'Notebook', on: head['on'] ?? 'main', cells };
}

function splitHead(source: string): { head: Record<string, string>; body: string; firstLine: number } {
  // ---\n YAML \n---\n rest
  const match = /^---\n([\s\S]*?)\n---\n/.exec(source);
  if (match === null) return { head: {}, body: source, firstLine: 1 };
  return {
    head: parseYaml(match[1]!) as Record<string, string>,
    body: source.slice(match[0].length),
    firstLine: match[0].split('\n').length,
  };
}

function cellsOf(body: string, firstLine: number): Cell[] {
  const cells: Cell[] = [];
  const lines = body.split('\n');
  let prose: string[] = [];
  let proseLine = firstLine;
  for (let i = 0; i < lines.length; i++) {
    const opening = openingOf(lines[i]!);
    if (opening === undefined) {
      prose.push(lines[i]!);
      continue;
    }
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new NotebookError(firstLine + i, `the ${opening.kind} block is never closed`);
    cells.push({ kind: 'prose', line: proseLine, text: prose.join('\n') });
    cells.push({ ...opening, line: firstLine + i, text: lines.slice(i + 1, end).join('\n') });
    prose = [];
    i = end;
    proseLine = firstLine + end + 1;
  }
  return [...cells, { kind: 'prose', line: proseLine, text: prose.join('\n') }];
}

function openingOf(line: string): Pick<CodeCell, 'kind' | 'options'> | undefined {
  // ```sql name=missed on=main
  const match = /^```(\w+)((?:\s+\S+)*)\s*$/.exec(line);
  const kind = KINDS.find((name) => name === match?.[1]);
  if (match === null || kind === undefined) return undefined;
  const words = match[2]!.trim().split(/\s+/).filter(Boolean);
  return { kind, options: Object.fromEntries(words.map((word) => (word.includes('=') ? splitOnce(word) : [word, 'true']))) };
}

function splitOnce(word: string): [string, string] {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
}
