/** `workset compare A B`: what changed between two results; exit code 4 when B is worse. */
import type { Change } from '@workset/analyze';
import { RunError, ThresholdError, UsageError } from '@workset/model';

import type { CommandContext, CommandSpec } from '../command.ts';
import { named } from '../values.ts';
import { withResults } from '../with-results.ts';

/** Names of analyze's micro metrics and the cost, without loading it for help. */
export const METRICS = ['precision', 'recall', 'f1', 'jaccard', 'wss_error_abs', 'false_cold_rate', 'overhead'];

export const compare: CommandSpec = {
  name: 'compare',
  summary: 'difference between two results; exit 4 on a regression',
  about: [
    'Runs are paired by trace, scheme, stream, parameters and seed; windows by number. The interval is a 95% moving-block bootstrap over windows.',
    'A regression: worse by more than the tolerance, with an interval that leaves out 0 (or no interval, for fewer than 3 windows and for costs).',
  ],
  positionals: { usage: 'A B', min: 2, max: 2 },
  options: [
    { name: 'tolerance', value: 'X', help: 'how much worse is no regression; default 0.01' },
    { name: 'metric', alias: 'm', value: 'NAME', many: true, help: 'these figures only', choices: METRICS },
    { name: 'all', help: 'print rows without a difference too' },
  ],
  examples: ['workset compare before after', 'workset compare before after --tolerance 0.02 --metric recall'],
  async run(args, ctx) {
    const tolerance = named('tolerance', args.text('tolerance'), toleranceOf) ?? 0.01;
    const { compareResults } = await import('@workset/analyze');
    const [a, b] = args.positionals as readonly [string, string];
    const found = await withResults(a, ctx, (before) => withResults(b, ctx, (after) => compareResults(before, after, { tolerance })));
    const metrics = args.list('metric');
    const rows = found.changes.filter(({ metric }) => metrics.length === 0 || metrics.includes(metric));
    const alone = { a: found.onlyInA, b: found.onlyInB };
    if (rows.length === 0)
      throw new RunError(
        'the two results have no run in common',
        'runs are paired by trace, scheme, stream, parameters and seed; workset info DIR lists them',
      );
    if (ctx.json) ctx.out.json({ tolerance, changes: rows, onlyInA: alone.a, onlyInB: alone.b });
    else print(rows, alone, args.flag('all'), ctx);
    const worse = rows.filter(({ verdict }) => verdict === 'worse');
    if (worse.length > 0) throw new ThresholdError(`${worse.length} of ${rows.length} figures are worse by more than ${tolerance}`);
  },
};

function print(rows: readonly Change[], alone: { a: readonly string[]; b: readonly string[] }, all: boolean, ctx: CommandContext): void {
  const shown = rows.filter(({ difference, verdict }) => all || verdict !== 'same' || difference !== 0);
  const cell = (value: number | null): string => (value === null || Number.isNaN(value) ? '-' : value.toFixed(4));
  ctx.out.table(
    ['run', 'metric', 'A', 'B', 'B - A', '95% interval', 'windows', 'verdict'],
    shown.map(({ run, metric, a, b, difference, low, high, windows, verdict }) => [
      run,
      metric,
      cell(a),
      cell(b),
      cell(difference),
      low === null ? '-' : `${cell(low)} … ${cell(high)}`,
      String(windows),
      verdict,
    ]),
    ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
  );
  if (shown.length < rows.length) ctx.out.line(`${rows.length - shown.length} figures are equal to the last bit (--all prints them)`);
  for (const [name, labels] of [
    ['A', alone.a],
    ['B', alone.b],
  ] as const) {
    if (labels.length > 0)
      ctx.out.note(`only in ${name}: ${labels.slice(0, 8).join('; ')}${labels.length > 8 ? `; and ${labels.length - 8} more` : ''}`);
  }
}

function toleranceOf(text: string): number {
  const value = Number(text);
  if (!(value >= 0)) throw new UsageError(`not a number from 0: ${JSON.stringify(text)}`);
  return value;
}
