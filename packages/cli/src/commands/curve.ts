/** `workset curve <trace>`: miss ratio by memory size, working set by window length, straight from the trace. */
import { formatBytes, formatDuration, PAGE_BYTES, SPACES, UsageError } from '@workset/model';
import type { SpaceId } from '@workset/model';
import type { SpaceReader, TraceReader } from '@workset/store';

import type { Args, CommandContext, CommandSpec } from '../command.ts';
import type { Curve, CurveKind, CurveSample } from '../curve-rows.ts';
import { count } from '../describe/trace.ts';
import { tracePath } from '../inputs.ts';
import { countOption, named } from '../values.ts';

const KINDS = ['miss-ratio', 'working-set'] as const satisfies readonly CurveKind[];
/** Rows for people, and for charts. */
const POINTS_SHOWN = 20;
const POINTS_STORED = 200;

export const curve: CommandSpec = {
  name: 'curve',
  summary: 'miss ratio by memory size (LRU), working set by window length',
  about: [
    'miss-ratio: the share of touches that miss with so much memory under exact LRU; a page touched again within its quantum is a hit that is not counted.',
    'working-set: how many pages a window of each length holds on average. With --rate only that share of the pages is followed, with its error.',
    'With --out the points go into the table curves of the results in DIR, both kinds unless --kind says which: workset sql DIR -c "FROM curves", workset chart DIR miss-ratio, workset chart DIR working-set.',
  ],
  positionals: { usage: '<trace>', min: 1, max: 1 },
  options: [
    { name: 'out', alias: 'o', value: 'DIR', help: 'into the table curves of these results, made when missing, instead of stdout' },
    { name: 'kind', value: 'KIND', help: 'which curve; default miss-ratio, with --out both', choices: KINDS },
    { name: 'space', value: 'SPACE', help: 'address space; default: the one with the most touches', choices: SPACES },
    { name: 'rate', value: 'X', help: 'sample of the pages for the miss ratio, e.g. 0.01; default: all, exact' },
    { name: 'points', value: 'N', help: `rows; default ${POINTS_SHOWN}, with --out ${POINTS_STORED}` },
    { name: 'seed', value: 'N', help: 'which pages are sampled; default 1' },
  ],
  examples: [
    'workset curve vm.trace',
    'workset curve vm.trace --rate 0.01 --json',
    'workset curve vm.trace --kind working-set',
    'workset curve vm.trace -o results',
  ],
  async run(args, ctx) {
    const [{ openTrace }, { curveOf, storeCurve }] = await Promise.all([import('@workset/store'), import('../curve-rows.ts')]);
    const trace = await openTrace(tracePath(args.positionals[0]!));
    try {
      const out = args.text('out');
      const space = spaceOf(trace, args.text('space') as SpaceId | undefined);
      const sample = sampleOf(args);
      const points = Math.max(2, countOption(args, 'points', 2) ?? (out === undefined ? POINTS_SHOWN : POINTS_STORED));
      const curves = kindsOf(args, sample).map((kind) => curveOf(kind, space, { sample, points, signal: ctx.signal }));
      if (out === undefined) return print(trace, curves[0]!, ctx);
      for (const each of curves) await storeCurve(out, trace, each, ctx.argv);
      if (ctx.json) ctx.out.json({ out, curves: curves.map(({ points: list, ...facts }) => ({ ...facts, points: list.length })) });
      else
        ctx.out.note(`${out}: ${curves.map(({ kind, points: list }) => `${kind}, ${list.length} points`).join('; ')} in the table curves`);
    } finally {
      trace.close();
    }
  },
};

function kindsOf(args: Args, sample: CurveSample | undefined): readonly CurveKind[] {
  const kind = args.text('kind') as CurveKind | undefined;
  if (kind === 'working-set' && sample !== undefined)
    throw new UsageError('--rate is for the miss ratio; the working-set curve is always exact');
  return kind === undefined ? (args.text('out') === undefined ? ['miss-ratio'] : KINDS) : [kind];
}

function sampleOf(args: Args): CurveSample | undefined {
  const rate = named('rate', args.text('rate'), rateOf);
  const seed = countOption(args, 'seed', 0) ?? 1;
  return rate === undefined ? undefined : { rate, seed };
}

type Row = Readonly<Record<string, string | number | null>>;

function print(trace: TraceReader, found: Curve, ctx: CommandContext): void {
  const { kind, space, touches, pages, sample } = found;
  if (pages !== null)
    ctx.out.note(
      `${space}: ${count(touches)} touches of ${count(pages)} pages${sample === undefined ? '' : `, from ${sample.rate} of the pages, seed ${sample.seed}`}`,
    );
  const rows = kind === 'miss-ratio' ? missRatio(found) : workingSet(trace, found);
  if (ctx.json) return ctx.out.json(rows);
  const columns = Object.keys(rows[0] ?? {}).filter((name) => !name.endsWith('_ns') && name !== 'pages');
  ctx.out.table(
    columns.map((name) => name.replaceAll('_', ' ')),
    rows.map((row) => columns.map((name) => cell(name, row[name]))),
    columns.map(() => 'right'),
  );
}

function missRatio({ points, sample }: Curve): Row[] {
  return points.map(({ x, value, error }) => ({
    pages: x,
    memory: formatBytes(x * PAGE_BYTES),
    miss_ratio: value,
    ...(sample === undefined ? {} : { error }),
  }));
}

function workingSet(trace: TraceReader, { points }: Curve): Row[] {
  const { quantumNs } = trace.manifest;
  return points.map(({ x, value }) => ({
    frames: x,
    window_ns: quantumNs === null ? null : x * quantumNs,
    window: quantumNs === null ? '-' : formatDuration(x * quantumNs),
    pages: value,
    working_set: formatBytes(Math.round(value) * PAGE_BYTES),
  }));
}

function spaceOf(trace: TraceReader, wanted: SpaceId | undefined): SpaceReader {
  const { spaces } = trace.manifest;
  const most = spaces.toSorted((a, b) => b.nTouches - a.nTouches)[0];
  if (most === undefined || most.nTouches === 0)
    throw new UsageError(`${trace.path} holds no accesses`, 'a curve needs a trace of an access log');
  return trace.space(wanted ?? most.id);
}

function rateOf(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (!(value > 0 && value <= 1)) throw new UsageError(`not a share above 0 and at most 1: ${JSON.stringify(text)}`);
  return value;
}

function cell(name: string, value: string | number | null | undefined): string {
  if (typeof value !== 'number') return value ?? '-';
  return name === 'frames' ? count(value) : value.toFixed(4);
}
