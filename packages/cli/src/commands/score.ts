/** `workset score DIR`: how well each scheme found the working set, and at what cost. */
import { SCOPES, TARGETS, ThresholdError, UsageError } from '@workset/model';
import type { QueryRow } from '@workset/analyze';

import type { Args, CommandContext, CommandSpec } from '../command.ts';
import { printEvictions, readEvictions } from '../eviction-table.ts';
import { checkFigure, DEFAULT_FIGURES, FIGURES } from '../figures.ts';
import { printScores } from '../score-table.ts';
import { parseSchemeFlag } from '../sweep-syntax.ts';
import type { SchemeChoice } from '../sweep-syntax.ts';
import { withResults } from '../with-results.ts';

export const score: CommandSpec = {
  name: 'score',
  summary: 'how well each scheme found the working set, and at what cost',
  about: [
    'One row per run: against the pages it claims (uffd-wp: written ones), in the scope it can see at best; a real tracker (kernel) and the model of its',
    'cycles in the same scope. precision = reported pages that were touched; recall = touched pages that were reported;',
    'wss error = (reported - true) / true; false cold = touched but not reported; overhead = stall of the workload.',
  ],
  positionals: { usage: 'DIR', min: 1, max: 1 },
  options: [
    {
      name: 'metric',
      alias: 'm',
      value: 'NAME',
      many: true,
      help: `figures to print: ${Object.keys(FIGURES).join(', ')}; or a metric with parameters (workset list metrics)`,
    },
    { name: 'fail-under', value: 'METRIC=X', many: true, help: 'exit code 4 when a printed row is below X, or unknown' },
    { name: 'fail-over', value: 'METRIC=X', many: true, help: 'exit code 4 when a printed row is above X, or unknown' },
    {
      name: 'scope',
      value: 'SCOPE',
      help: 'rows of this scope, or of all; default: what each scheme can see at best',
      choices: [...SCOPES, 'all'],
    },
    { name: 'target', value: 'TARGET', help: 'rows against this target, claimed or not', choices: TARGETS },
    { name: 'scheme', alias: 's', value: 'NAME', many: true, help: 'rows of these schemes only (observed:NAME for real trackers)' },
    { name: 'trace', value: 'NAME', help: 'rows of this trace only' },
    { name: 'params', help: 'print all parameters, not only those that differ' },
  ],
  examples: [
    'workset score results',
    'workset score results --scope mapped --fail-under recall=0.9',
    'workset score results --metric recall --metric overhead --json',
  ],
  async run(args, ctx) {
    const asked = args
      .list('metric')
      .map((text) => parseSchemeFlag(text))
      .flat();
    if (asked.length > 0 && asked.every(({ id }) => !(id in FIGURES))) return measureAll(args.positionals[0]!, asked, ctx);
    const figures = chosenFigures(args.list('metric'));
    const limits = [
      ...args.list('fail-under').map((text) => limitOf(text, 'under')),
      ...args.list('fail-over').map((text) => limitOf(text, 'over')),
    ];
    const [rows, evictions, hasTruth] = await withResults(args.positionals[0]!, ctx, async (results) => {
      const runs = (await results.query('SELECT DISTINCT trace, scheme, truth FROM runs ORDER BY ALL')).rows;
      // A threshold has its own exit code for rows that are not there.
      if (limits.length === 0) {
        checkNames(runs, 'scheme', args.list('scheme'));
        checkNames(runs, 'trace', [args.text('trace') ?? []].flat());
      }
      return [
        inScope((await results.query(`FROM ${viewFor(args)}`)).rows, args.text('scope')).filter((row) => wanted(row, args)),
        await readEvictions(results),
        runs.some((run) => run['truth'] !== 'observed'),
      ] as const;
    });
    if (ctx.json) ctx.out.json(rows.map((row) => ({ ...row, eviction: evictions.get(String(row['run_id'])) ?? null })));
    else {
      const shown = new Set(rows.map((row) => String(row['run_id'])));
      if (rows.length === 0)
        ctx.out.note(
          hasTruth
            ? 'no scores: no run has a scored window, or none is left by the options'
            : 'no scores: the trace has no accesses to score against; the views wss_over_time and agreement compare what trackers reported',
        );
      else printScores(rows, { figures, allParams: args.flag('params') }, ctx);
      printEvictions(
        [...evictions].flatMap(([id, row]) => (shown.has(id) ? [row] : [])),
        args.flag('params'),
        ctx,
      );
    }
    checkLimits(rows, limits);
  },
};

/** `--metric ranking:k=100`: a metric of its own (workset list metrics), row by row. */
async function measureAll(dir: string, asked: readonly SchemeChoice[], ctx: CommandContext): Promise<void> {
  const { METRICS, measure, formatResult } = await import('@workset/analyze');
  for (const { id } of asked) if (!METRICS.has(id)) checkFigure(id, METRICS.ids);
  await withResults(dir, ctx, async (results) => {
    const measured = [];
    for (const { id, params } of asked) measured.push({ metric: id, params, ...(await measure(results, id, params)) });
    if (ctx.json) return ctx.out.json(measured.map(({ metric, params, rows }) => ({ metric, params, rows })));
    for (const { metric, ...result } of measured) {
      ctx.out.line(ctx.out.paint('bold', metric));
      ctx.out.raw(formatResult(result, 'table'));
    }
  });
}

/** score_summary compares each run with what it claims; --target asks for another comparison. */
function viewFor(args: Args): string {
  const target = args.text('target');
  return target === undefined
    ? 'score_summary'
    : `score_all WHERE "target" = '${target}' ORDER BY trace, "scope", f1 DESC NULLS LAST, scheme, run_id`;
}

/** Without --scope, the scope of each run; a real tracker and its model share one, `any` when either can see every touch. */
function inScope(rows: readonly QueryRow[], scope: string | undefined): QueryRow[] {
  if (scope === 'all') return [...rows];
  if (scope !== undefined) return rows.filter((row) => row['scope'] === scope);
  const family = (row: QueryRow): string => JSON.stringify([row['trace'], row['stream'] ?? row['run_id'], row['target']]);
  const own = rows.filter((row) => row['own_scope'] === true);
  const seesAll = new Set(own.filter((row) => row['scope'] === 'any').map(family));
  return rows.filter((row) => row['scope'] === (seesAll.has(family(row)) ? 'any' : 'mapped'));
}

/** A misspelt name would print nothing and exit with 0. Throws UsageError. */
function checkNames(runs: readonly QueryRow[], column: 'scheme' | 'trace', names: readonly string[]): void {
  const known = [...new Set(runs.map((run) => String(run[column])))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined && known.length > 0)
    throw new UsageError(`no ${column} ${JSON.stringify(unknown)} in these results`, `there are: ${known.join(', ')}`);
}

function wanted(row: QueryRow, args: Args): boolean {
  const schemes = args.list('scheme');
  return (
    (args.text('trace') === undefined || row['trace'] === args.text('trace')) &&
    (schemes.length === 0 || schemes.includes(String(row['scheme'])))
  );
}

function chosenFigures(names: readonly string[]): readonly string[] {
  for (const name of names) checkFigure(name);
  return names.length === 0 ? DEFAULT_FIGURES : ['windows', ...names.filter((name) => name !== 'windows')];
}

interface Limit {
  readonly metric: string;
  readonly side: 'under' | 'over';
  readonly value: number;
}

function limitOf(text: string, side: 'under' | 'over'): Limit {
  // metric = number, maybe in percent:  recall=0.9  overhead=5%
  const match = /^(\w+)=(-?[\d.]+)(%?)$/.exec(text);
  if (match === null || !Number.isFinite(Number(match[2])))
    throw new UsageError(`--fail-${side} ${JSON.stringify(text)} is not METRIC=NUMBER`, `e.g. --fail-${side} recall=0.9`);
  checkFigure(match[1]!);
  return { metric: match[1]!, side, value: Number(match[2]) / (match[3] === '%' ? 100 : 1) };
}

function checkLimits(rows: readonly QueryRow[], limits: readonly Limit[]): void {
  if (limits.length > 0 && rows.length === 0)
    throw new ThresholdError('no row is left to compare with the threshold', 'loosen --scheme, --scope, --trace');
  const missed = limits.flatMap((limit) => rows.filter((row) => misses(row, limit)).map((row) => missText(row, limit)));
  if (missed.length === 0) return;
  const shown = missed.slice(0, 10).join('\n         ');
  throw new ThresholdError(
    `${missed.length} thresholds missed: ${shown}${missed.length > 10 ? `\n         and ${missed.length - 10} more` : ''}`,
  );
}

function misses(row: QueryRow, { metric, side, value }: Limit): boolean {
  const figure = row[metric];
  if (typeof figure !== 'number') return true;
  return side === 'under' ? figure < value : figure > value;
}

function missText(row: QueryRow, { metric, side, value }: Limit): string {
  const figure = row[metric];
  const stream = row['stream'] === null ? '' : ` (${String(row['stream'])})`;
  return `${String(row['scheme'])}${stream}, scope ${String(row['scope'])}: ${metric} ${typeof figure === 'number' ? figure.toFixed(4) : 'unknown'} is ${side} ${value}`;
}
