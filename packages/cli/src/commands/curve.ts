/** `workset curve <trace>`: miss ratio by memory size, working set by window length, straight from the trace. */
import type * as ReplayModule from '@workset/replay';
import { formatBytes, formatDuration, PAGE_BYTES, SPACES, UsageError } from '@workset/model';
import type { SpaceId } from '@workset/model';
import type { SpaceReader, TraceReader } from '@workset/store';

import type { Args, CommandContext, CommandSpec } from '../command.ts';
import { count } from '../describe/trace.ts';
import { tracePath } from '../inputs.ts';
import { countOption, named } from '../values.ts';

export const curve: CommandSpec = {
  name: 'curve',
  summary: 'miss ratio by memory size (LRU), working set by window length',
  about: [
    'miss-ratio: the share of touches that miss with so much memory under exact LRU; a page touched again within its quantum is a hit that is not counted.',
    'working-set: how many pages a window of each length holds on average. With --rate only that share of the pages is followed, with its error.',
  ],
  positionals: { usage: '<trace>', min: 1, max: 1 },
  options: [
    { name: 'kind', value: 'KIND', help: 'which curve; default miss-ratio', choices: ['miss-ratio', 'working-set'] },
    { name: 'space', value: 'SPACE', help: 'address space; default: the one with the most touches', choices: SPACES },
    { name: 'rate', value: 'X', help: 'sample of the pages for the miss ratio, e.g. 0.01; default: all, exact' },
    { name: 'points', value: 'N', help: 'rows; default 20' },
    { name: 'seed', value: 'N', help: 'which pages are sampled; default 1' },
  ],
  examples: ['workset curve vm.trace', 'workset curve vm.trace --rate 0.01 --json', 'workset curve vm.trace --kind working-set'],
  async run(args, ctx) {
    const [{ openTrace }, replay] = await Promise.all([import('@workset/store'), import('@workset/replay')]);
    const trace = await openTrace(tracePath(args.positionals[0]!));
    try {
      const space = spaceOf(trace, args.text('space') as SpaceId | undefined);
      const rows = args.text('kind') === 'working-set' ? workingSet(trace, space, replay, args, ctx) : missRatio(space, replay, args, ctx);
      if (ctx.json) return ctx.out.json(rows);
      const columns = Object.keys(rows[0] ?? {}).filter((name) => !name.endsWith('_ns') && name !== 'pages');
      ctx.out.table(
        columns.map((name) => name.replaceAll('_', ' ')),
        rows.map((row) => columns.map((name) => cell(name, row[name]))),
        columns.map(() => 'right'),
      );
    } finally {
      trace.close();
    }
  },
};

type Replay = typeof ReplayModule;
type Row = Readonly<Record<string, string | number | null>>;

function missRatio(space: SpaceReader, replay: Replay, args: Args, ctx: CommandContext): Row[] {
  const rate = named('rate', args.text('rate'), rateOf);
  const seed = countOption(args, 'seed', 0) ?? 1;
  const { signal } = ctx;
  const found = rate === undefined ? replay.missRatioCurve(space, { signal }) : replay.sampledMissRatioCurve(space, { rate, seed, signal });
  ctx.out.note(
    `${space.info.id}: ${count(found.touches)} touches of ${count(Math.round(found.pages))} pages${rate === undefined ? '' : `, from ${rate} of the pages, seed ${seed}`}`,
  );
  return steps(found.pages, args).map((pages) => ({
    pages,
    memory: formatBytes(pages * PAGE_BYTES),
    miss_ratio: found.missRatio(pages),
    ...(rate === undefined ? {} : { error: found.error(pages) }),
  }));
}

function workingSet(trace: TraceReader, space: SpaceReader, replay: Replay, args: Args, ctx: CommandContext): Row[] {
  if (args.text('rate') !== undefined) throw new UsageError('--rate is for the miss ratio; the working-set curve is always exact');
  const { quantumNs } = trace.manifest;
  const found = replay.workingSetCurve(space, { signal: ctx.signal });
  return steps(found.frames, args).map((frames) => ({
    frames,
    window_ns: quantumNs === null ? null : frames * quantumNs,
    window: quantumNs === null ? '-' : formatDuration(frames * quantumNs),
    pages: found.pages(frames),
    working_set: formatBytes(Math.round(found.pages(frames)) * PAGE_BYTES),
  }));
}

/** Whole numbers up to `max`, evenly spread by ratio, ends included. */
function steps(max: number, args: Args): number[] {
  const points = Math.max(2, countOption(args, 'points', 2) ?? 20);
  const last = Math.max(1, Math.round(max));
  return [...new Set(Array.from({ length: points }, (_, i) => Math.round(last ** (i / (points - 1)))))];
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
