/** `workset score DIR`: how well each scheme found the working set, and at what cost. */
import { SCOPES, TARGETS, ThresholdError, UsageError, nearest } from '@workset/model';
import type { QueryRow } from '@workset/analyze';

import type { Args, CommandContext, CommandSpec } from '../command.ts';
import { count } from '../describe/trace.ts';
import { parseSchemeFlag } from '../sweep-syntax.ts';
import type { SchemeChoice } from '../sweep-syntax.ts';
import { withResults } from '../with-results.ts';

/** Columns of score_summary that are figures, and how each is printed. */
const FIGURES: Readonly<Record<string, (value: number) => string>> = {
  windows: count,
  precision: ratio,
  recall: ratio,
  recall_eligible: ratio,
  f1: ratio,
  jaccard: ratio,
  wss_error: (value) => (value > 0 ? '+' : '') + ratio(value),
  false_cold_rate: ratio,
  precision_mean: ratio,
  recall_mean: ratio,
  f1_mean: ratio,
  jaccard_mean: ratio,
  wss_error_mean: ratio,
  overhead: percent,
  tracker_share: percent,
  edge: count,
};
const DEFAULT_FIGURES = ['windows', 'precision', 'recall', 'f1', 'jaccard', 'wss_error', 'false_cold_rate', 'overhead'];
const HEADERS: Readonly<Record<string, string>> = {
  wss_error: 'wss error',
  false_cold_rate: 'false cold',
  tracker_share: 'tracker cpu',
  recall_eligible: 'recall elig.',
};

export const score: CommandSpec = {
  name: 'score',
  summary: 'how well each scheme found the working set, and at what cost',
  about: [
    'One row per run and scope, for the target each scheme claims (uffd-wp: writes). precision = reported pages that were touched; recall = touched',
    'pages that were reported; false cold = touched but not reported; wss error = (reported - true) / true; overhead = stall of the workload.',
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
    { name: 'scope', value: 'SCOPE', help: 'rows of this scope only', choices: SCOPES },
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
    const rows = await withResults(args.positionals[0]!, ctx, async (results) =>
      (await results.query(`FROM ${viewFor(args)}`)).rows.filter((row) => wanted(row, args)),
    );
    if (ctx.json) ctx.out.json(rows);
    else printScores(rows, figures, args.flag('params'), ctx);
    checkLimits(rows, limits);
  },
};

/** `--metric ranking:k=100`: a metric of its own (workset list metrics), row by row. */
async function measureAll(dir: string, asked: readonly SchemeChoice[], ctx: CommandContext): Promise<void> {
  const { METRICS, measure, formatResult } = await import('@workset/analyze');
  for (const { id } of asked) if (!METRICS.has(id)) checkMetric(id, METRICS.ids);
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

function wanted(row: QueryRow, args: Args): boolean {
  const schemes = args.list('scheme');
  const is = (name: string): boolean => args.text(name) === undefined || row[name] === args.text(name);
  return is('scope') && is('trace') && (schemes.length === 0 || schemes.includes(String(row['scheme'])));
}

function chosenFigures(names: readonly string[]): readonly string[] {
  for (const name of names) checkMetric(name);
  return names.length === 0 ? DEFAULT_FIGURES : ['windows', ...names.filter((name) => name !== 'windows')];
}

function checkMetric(name: string, more: readonly string[] = []): void {
  if (name in FIGURES) return;
  const near = nearest(name, [...Object.keys(FIGURES), ...more]);
  throw new UsageError(
    `no metric ${JSON.stringify(name)}`,
    (near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '') + `known: ${Object.keys(FIGURES).join(', ')}`,
  );
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
  checkMetric(match[1]!);
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

function printScores(rows: readonly QueryRow[], figures: readonly string[], allParams: boolean, ctx: CommandContext): void {
  if (rows.length === 0) return ctx.out.note('no scores: no run has a scored window, or none is left by the options');
  const traces = new Set(rows.map((row) => row['trace']));
  const params = paramTexts(rows, allParams);
  const heads = [
    ...(traces.size > 1 ? ['trace'] : []),
    'scheme',
    'kind',
    'stream',
    ...(params.some((text) => text !== '') ? ['parameters'] : []),
    'target',
    'scope',
    'truth',
  ];
  const cells = rows.map((row, i) => [
    ...(traces.size > 1 ? [String(row['trace'])] : []),
    String(row['scheme']).replace(/^observed:/, ''),
    String(row['kind']),
    row['stream'] === null ? '' : String(row['stream']),
    ...(heads.includes('parameters') ? [params[i]!] : []),
    String(row['target']),
    String(row['scope']),
    String(row['truth_grade']),
    ...figures.map((name) => figureText(name, row[name])),
  ]);
  const align = [...heads.map(() => 'left' as const), ...figures.map(() => 'right' as const)];
  ctx.out.table([...heads, ...figures.map((name) => HEADERS[name] ?? name)], cells, align);
  const profiles = [...new Set(rows.map((row) => row['cost_profile']))].filter((name) => name !== null && name !== '');
  if (figures.includes('overhead') && profiles.length > 0)
    ctx.out.note(`overhead at the prices of ${profiles.join(', ')} (workset list profiles); - is unknown`);
}

function figureText(name: string, value: unknown): string {
  if (value === null || value === undefined) return '-';
  return FIGURES[name]!(Number(value));
}

/** Parameters of each row, by default those in which the runs of its scheme differ. */
function paramTexts(rows: readonly QueryRow[], all: boolean): string[] {
  const parsed = rows.map((row) => paramsOf(row));
  return rows.map((row, i) => {
    const siblings = parsed.filter((_, j) => rows[j]!['scheme'] === row['scheme'] && rows[j]!['trace'] === row['trace']);
    const differs = (name: string): boolean => new Set(siblings.map((params) => params[name])).size > 1;
    const shown = Object.entries(parsed[i]!).filter(([name]) => (all || differs(name)) && name !== 'schedule');
    return shown.map(([name, value]) => `${name}=${value}`).join(',');
  });
}

function paramsOf(row: QueryRow): Record<string, string> {
  const params = JSON.parse(String(row['params'])) as Record<string, string>;
  return { ...params, seed: String(row['seed']) };
}

function ratio(value: number): string {
  return value.toFixed(3);
}

function percent(value: number): string {
  return `${Number((value * 100).toPrecision(3))}%`;
}
