/** `workset compare A B`: what changed between two results; exit code 4 when B is worse. */
import type { QueryRow, Results } from '@workset/analyze';
import { RunError, ThresholdError, UsageError } from '@workset/model';

import type { CommandContext, CommandSpec } from '../command.ts';
import { LOWER_IS_BETTER, MICRO, pairedDifferences } from '../paired-bootstrap.ts';
import type { Difference, WindowCounts } from '../paired-bootstrap.ts';
import { named } from '../values.ts';
import { withResults } from '../with-results.ts';

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
    { name: 'metric', alias: 'm', value: 'NAME', many: true, help: 'these figures only', choices: [...Object.keys(MICRO), 'overhead'] },
    { name: 'all', help: 'print rows without a difference too' },
  ],
  examples: ['workset compare before after', 'workset compare before after --tolerance 0.02 --metric recall'],
  async run(args, ctx) {
    const tolerance = named('tolerance', args.text('tolerance'), toleranceOf) ?? 0.01;
    const [before, after] = [await load(args.positionals[0]!, ctx), await load(args.positionals[1]!, ctx)];
    const metrics = args.list('metric');
    const rows = pairs(before, after)
      .flatMap(([a, b]) => changesOf(a, b, tolerance))
      .filter(({ metric }) => metrics.length === 0 || metrics.includes(metric));
    const alone = { a: onlyIn(before, after), b: onlyIn(after, before) };
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

interface LoadedRun {
  readonly key: string;
  readonly label: string;
  readonly overhead: number | null;
  readonly windows: ReadonlyMap<string, WindowCounts>;
}

interface Change extends Difference {
  readonly run: string;
  readonly metric: string;
  readonly verdict: 'same' | 'better' | 'worse';
  readonly windows: number;
}

const SUMMARY = `SELECT trace, scheme, stream, params, seed, space, "scope", "target", overhead, run_id FROM score_summary`;
const WINDOWS = `SELECT s.run_id, s."scope", s."target", s.w, s.tp, s.fp, s.fn, s.truth, s.reported
FROM scores s JOIN windows v ON v.run_id = s.run_id AND v.w = s.w WHERE NOT v.warmup ORDER BY s.run_id, s.w`;

function load(dir: string, ctx: CommandContext): Promise<readonly LoadedRun[]> {
  return withResults(dir, ctx, async (results) => {
    const windows = await windowsOf(results);
    const { rows } = await results.query(SUMMARY);
    return rows.map((row) => {
      const parts = ['trace', 'scheme', 'stream', 'params', 'seed', 'space', 'scope', 'target'].map((name) => String(row[name] ?? ''));
      const [trace, scheme, stream, , , , scope, target] = parts;
      return {
        key: JSON.stringify(parts),
        label: [trace, scheme, stream, scope, target].filter((text) => text !== '').join(' '),
        overhead: typeof row['overhead'] === 'number' ? row['overhead'] : null,
        windows: windows.get(windowKey(row)) ?? new Map<string, WindowCounts>(),
      };
    });
  });
}

async function windowsOf(results: Results): Promise<Map<string, Map<string, WindowCounts>>> {
  const byRun = new Map<string, Map<string, WindowCounts>>();
  for (const row of (await results.query(WINDOWS)).rows) {
    const of = byRun.get(windowKey(row)) ?? new Map<string, WindowCounts>();
    const [tp, fp, fn, truth, reported] = ['tp', 'fp', 'fn', 'truth', 'reported'].map((name) => Number(row[name])) as [
      number,
      number,
      number,
      number,
      number,
    ];
    byRun.set(windowKey(row), of.set(String(row['w']), { tp, fp, fn, truth, reported }));
  }
  return byRun;
}

function windowKey(row: QueryRow): string {
  return JSON.stringify([row['run_id'], row['scope'], row['target']]);
}

function pairs(before: readonly LoadedRun[], after: readonly LoadedRun[]): [LoadedRun, LoadedRun][] {
  const byKey = new Map(after.map((run) => [run.key, run]));
  return before.flatMap((run) => (byKey.has(run.key) ? [[run, byKey.get(run.key)!] as [LoadedRun, LoadedRun]] : []));
}

function onlyIn(these: readonly LoadedRun[], those: readonly LoadedRun[]): string[] {
  const known = new Set(those.map(({ key }) => key));
  return these.filter(({ key }) => !known.has(key)).map(({ label }) => label);
}

function changesOf(a: LoadedRun, b: LoadedRun, tolerance: number): Change[] {
  const common = [...a.windows.keys()].filter((w) => b.windows.has(w));
  const differences: [string, Difference][] = Object.entries(
    pairedDifferences(
      common.map((w) => a.windows.get(w)!),
      common.map((w) => b.windows.get(w)!),
      a.key,
    ),
  );
  if (a.overhead !== null && b.overhead !== null) {
    differences.push(['overhead', { a: a.overhead, b: b.overhead, difference: b.overhead - a.overhead, low: NaN, high: NaN }]);
  }
  return differences.map(([metric, each]) => ({
    run: a.label,
    metric,
    ...each,
    verdict: verdictOf(metric, each, tolerance),
    windows: common.length,
  }));
}

/** A figure that became undefined, or stopped being so, is no change that has a sign. */
function verdictOf(metric: string, { difference, low, high }: Difference, tolerance: number): Change['verdict'] {
  if (Number.isNaN(difference) || Math.abs(difference) <= tolerance) return 'same';
  if (!Number.isNaN(low) && low <= 0 && high >= 0) return 'same';
  return difference < 0 === LOWER_IS_BETTER.has(metric) ? 'better' : 'worse';
}

function print(rows: readonly Change[], alone: { a: readonly string[]; b: readonly string[] }, all: boolean, ctx: CommandContext): void {
  const shown = rows.filter(({ difference, verdict }) => all || verdict !== 'same' || difference !== 0);
  const cell = (value: number): string => (Number.isNaN(value) ? '-' : value.toFixed(4));
  ctx.out.table(
    ['run', 'metric', 'A', 'B', 'B - A', '95% interval', 'windows', 'verdict'],
    shown.map(({ run, metric, a, b, difference, low, high, windows, verdict }) => [
      run,
      metric,
      cell(a),
      cell(b),
      cell(difference),
      Number.isNaN(low) ? '-' : `${cell(low)} … ${cell(high)}`,
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
