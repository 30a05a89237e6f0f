/** The printed scores: per trace one table, kernel beside model where a real tracker reported, then the models alone. */
import type { QueryRow } from '@workset/analyze';

import type { CommandContext } from './command.ts';
import { figureText, HEADERS } from './figures.ts';
import { sanitiseCell } from './sanitise.ts';

export interface ScoreTableOptions {
  readonly figures: readonly string[];
  /** Print every parameter, not only those in which runs of one scheme differ. */
  readonly allParams: boolean;
}

/** Left out, in this order, when a terminal is too narrow; the rows of --json have all. */
const DROPPABLE = ['windows', 'f1', 'jaccard'];

export function printScores(rows: readonly QueryRow[], options: ScoreTableOptions, ctx: CommandContext): void {
  const { out } = ctx;
  const missing = new Set<string>();
  for (const [i, [trace, ofTrace]] of groupBy(rows, (row) => String(row['trace'])).entries()) {
    if (i > 0) out.line();
    out.line(out.paint('bold', headingOf(trace, ofTrace)));
    for (const name of printTrace(ofTrace, options, ctx)) missing.add(name);
  }
  notes(rows, options.figures, ctx);
  if (missing.size > 0) out.note(`left out for want of width: ${[...missing].join(', ')}`);
}

/** Prints the table of one trace, and returns the figures that did not fit. */
function printTrace(rows: readonly QueryRow[], options: ScoreTableOptions, ctx: CommandContext): readonly string[] {
  const params = paramTexts(rows, options.allParams);
  const columns = ['scheme', 'stream', 'run', ...([...params.values()].some((text) => text !== '') ? ['parameters'] : []), 'scope'];
  const bodyOf = (figures: readonly string[]): string[][] =>
    sections(rows).flatMap(([title, members]) => [
      [title],
      ...members.map((row, i) => {
        const again = i > 0 && sameStream(row, members[i - 1]!);
        const texts: Readonly<Record<string, string>> = {
          scheme: again ? '' : `  ${schemeOf(row)}`,
          stream: again ? '' : textOf(row['stream']),
          run: row['kind'] === 'observed' ? 'kernel' : 'model',
          parameters: params.get(row)!,
          scope: textOf(row['scope']),
        };
        return [...columns.map((name) => texts[name]!), ...figures.map((name) => figureText(name, row[name]))];
      }),
    ]);
  const headsOf = (figures: readonly string[]): string[] => [
    ...columns.map((name) => (name === 'scheme' ? '  scheme' : name)),
    ...figures.map((name) => HEADERS[name] ?? name),
  ];
  let figures = options.figures;
  for (const name of DROPPABLE)
    if (ctx.out.narrowerThan(headsOf(figures), bodyOf(figures))) figures = figures.filter((each) => each !== name);
  ctx.out.table(headsOf(figures), bodyOf(figures), [...columns.map(() => 'left' as const), ...figures.map(() => 'right' as const)]);
  return options.figures.filter((name) => !figures.includes(name));
}

function headingOf(trace: string, rows: readonly QueryRow[]): string {
  const grades = distinct(rows, 'truth_grade');
  const profiles = distinct(rows, 'cost_profile');
  const priced = profiles.length === 0 ? 'no costs' : `overhead at the prices of ${profiles.join(', ')}`;
  return `${sanitiseCell(trace)}: against ${grades.join(', ')} truth; ${priced}`;
}

/** Streams first, a real tracker followed by its model; then the models alone, best first. */
function sections(rows: readonly QueryRow[]): [string, QueryRow[]][] {
  const all: [string, QueryRow[]][] = [];
  for (const target of ['touched', 'written']) {
    const ofTarget = rows.filter((row) => row['target'] === target);
    const paired = ofTarget.filter((row) => row['stream'] !== null).toSorted(byStream);
    const alone = ofTarget.filter((row) => row['stream'] === null).toSorted(byQuality);
    all.push([`${target} pages: the kernel's reports, and the model over the same cycles`, paired]);
    all.push([`${target} pages: the model on its own`, alone]);
  }
  return all.filter(([, members]) => members.length > 0);
}

function byStream(a: QueryRow, b: QueryRow): number {
  const key = (row: QueryRow): string =>
    [row['stream'], schemeOf(row), row['scope'], row['kind'] === 'observed' ? 0 : 1, row['params'], String(row['seed']).padStart(9)].join(
      '\0',
    );
  return key(a) < key(b) ? -1 : 1;
}

function byQuality(a: QueryRow, b: QueryRow): number {
  const f1 = (row: QueryRow): number => (typeof row['f1'] === 'number' ? row['f1'] : -1);
  return f1(b) - f1(a) || (String(a['scheme']) < String(b['scheme']) ? -1 : 1);
}

function sameStream(a: QueryRow, b: QueryRow): boolean {
  return a['stream'] !== null && a['stream'] === b['stream'] && schemeOf(a) === schemeOf(b);
}

function schemeOf(row: QueryRow): string {
  return String(row['scheme']).replace(/^observed:/, '');
}

function notes(rows: readonly QueryRow[], figures: readonly string[], ctx: CommandContext): void {
  ctx.out.note('scope any: every touch counts; mapped: what a user page-table entry sees (workset help truth)');
  if (!figures.includes('overhead')) return;
  ctx.out.note('overhead: stall of the workload, priced and not measured; - is unknown');
  if (rows.some((row) => row['overhead'] === 0))
    ctx.out.note('overhead 0%: no stall is priced, only CPU of the tracker (--metric tracker_share)');
}

/** Parameters of each row, by default those in which runs of the same scheme and stream differ. @param hidden never shown */
export function paramTexts(rows: readonly QueryRow[], all: boolean, hidden: readonly string[] = ['schedule']): Map<QueryRow, string> {
  const texts = new Map<QueryRow, string>();
  for (const [, family] of groupBy(rows, (row) => `${String(row['scheme'])}\0${textOf(row['stream'])}`)) {
    const parsed = family.map(paramsOf);
    const differs = (name: string): boolean => new Set(parsed.map((params) => params[name])).size > 1;
    for (const [i, row] of family.entries()) {
      const shown = Object.entries(parsed[i]!).filter(([name]) => (all || differs(name)) && !hidden.includes(name));
      texts.set(row, shown.map(([name, value]) => `${name}=${value}`).join(','));
    }
  }
  return texts;
}

function paramsOf(row: QueryRow): Record<string, string> {
  const params = JSON.parse(String(row['params'])) as Record<string, string>;
  const more = ['seed', 'space', 'world', 'cost_profile'].map((name) => [name, textOf(row[name])]);
  return { ...params, ...Object.fromEntries(more.filter(([, value]) => value !== '')) };
}

function distinct(rows: readonly QueryRow[], column: string): string[] {
  return [...new Set(rows.map((row) => textOf(row[column])))].filter((text) => text !== '');
}

export function groupBy<T>(items: readonly T[], key: (item: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const members = groups.get(key(item));
    if (members === undefined) groups.set(key(item), [item]);
    else members.push(item);
  }
  return [...groups];
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}
