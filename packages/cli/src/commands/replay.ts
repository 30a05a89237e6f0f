/** `workset replay <trace> -o DIR`: run tracking schemes over a trace. */
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { formatBytes, formatParam, parseAddressRange, parseParams, parseSize, SPACES, UsageError } from '@workset/model';
import type { Param, Registry, SpaceId } from '@workset/model';
import type { ReplayOptions, RunPlan, SchemeSpec, TrackingScheme } from '@workset/replay';

import type { Args, CommandContext, CommandSpec } from '../command.ts';
import { count } from '../describe/trace.ts';
import { tracePath } from '../inputs.ts';
import { shellQuote } from '../shell-quote.ts';
import { parseSchemeFlag } from '../sweep-syntax.ts';
import { countOption, durationOption, named, requireOut, timeRangeOption } from '../values.ts';
import { version } from '../version.ts';

export const replay: CommandSpec = {
  name: 'replay',
  summary: 'run tracking schemes over a trace',
  about: [
    "Without --scheme every scheme runs at the kernel's defaults. Reports of real trackers in the trace are scored too, and the model",
    'repeats their very cycles beside them. Running it again skips finished runs and does the rest.',
  ],
  positionals: { usage: '<trace>', min: 1, max: 1 },
  options: [
    { name: 'out', alias: 'o', value: 'DIR', help: 'results directory; made, or resumed' },
    {
      name: 'scheme',
      alias: 's',
      value: 'NAME[:k=v,…]',
      many: true,
      help: 'schemes (a,b), one with parameters, or a sweep (workset help sweeps)',
      completes: 'schemes',
    },
    { name: 'window', value: 'TIME', help: 'interval of the schemes whose user decides it; default 1s' },
    { name: 'space', value: 'SPACE', help: 'address space to replay; default: the one with physical accesses', choices: SPACES },
    { name: 'addr', value: 'A-B', help: 'tracked addresses, 0xSTART-0xEND or 0xSTART+SIZE; default: all memory of the trace' },
    { name: 'time', value: 'A:B', help: 'replay this stretch only' },
    { name: 'cost-profile', value: 'ID', help: 'prices of operations; default x86-vm', completes: 'profiles' },
    {
      name: 'world',
      alias: 'w',
      value: 'A+B',
      many: true,
      help: 'these schemes share one kernel and disturb each other; default: each has its own',
    },
    {
      name: 'mmu',
      value: 'SIDE',
      help: "whose page tables are tracked: a guest's own (default), or a VMM's under KVM",
      choices: ['guest', 'host'],
    },
    {
      name: 'backing',
      value: 'KIND',
      help: 'what backs the tracked memory; default shmem. hugetlb: pages of 2 MiB',
      choices: ['anon', 'shmem', 'hugetlb'],
    },
    { name: 'thp', value: 'WHICH', help: '2 MiB mappings: what the capture says (default), off, or all', choices: ['off', 'all', 'trace'] },
    {
      name: 'folio',
      value: 'SIZE',
      help: 'size of the folios of memory in 4 KiB mappings: 4K (default), 8K, … 2M; A bits and protections stay per page, PG_idle and generations are per folio',
    },
    { name: 'tlb', value: 'SPEC', help: 'off (default), on, or entries=N,huge=N,ways=N,flush=FRAMES: a TLB in front of the page tables' },
    {
      name: 'evict',
      value: 'PRIMITIVE[:k=v,…]',
      many: true,
      help: 'let a swapper evict what the scheme calls cold (workset list primitives)',
      completes: 'primitives',
    },
    { name: 'no-observed', help: 'leave out the reports of real trackers' },
    { name: 'seed', value: 'N', help: 'seed of schemes with randomness; default 1' },
    { name: 'seeds', value: 'N', help: 'so many seeds per scheme with randomness; default 1' },
    { name: 'jobs', alias: 'j', value: 'N', help: 'worker threads; the results are the same for any number; default 1' },
    { name: 'dry-run', alias: 'n', help: 'print what would be run and what it would take; write nothing' },
  ],
  examples: [
    'workset replay vm.trace -o results',
    'workset replay vm.trace -o results --scheme uffd-rwp:interval=100ms:10s:x2 --scheme damon-paddr --seeds 5 --jobs 4',
    'workset replay vm.trace -o results --scheme uffd-rwp --evict rwp-sync:limit=60%,cold=3',
    'workset replay vm.trace -o results --dry-run',
  ],
  async run(args, ctx) {
    const trace = tracePath(args.positionals[0]!);
    const options = { ...replayOptions(args), tlb: await tlbOption(args.text('tlb')), memoryLimitBytes: ctx.memoryLimitBytes };
    if (args.flag('dry-run')) return dryRun(trace, options, ctx);
    const out = requireOut(args, `workset replay ${trace} -o results`);
    // Under a limit the plan says who may be there.
    if (ctx.memoryLimitBytes === undefined) await startHelpers(trace, options.jobs ?? 1);
    const engine = await import('@workset/replay');
    const progress = ctx.progress('replay');
    ctx.out.note(`seed ${options.seed}`);
    try {
      const summary = await engine.replay(trace, {
        ...options,
        out,
        version: version(),
        argv: ctx.argv,
        signal: ctx.signal,
        onProgress: (done, total) => progress.update({ done, total, unit: 'events' }),
      });
      progress.end();
      if (ctx.json) return ctx.out.json(summary);
      const skipped = new Set(summary.skipped);
      await printRuns(summary.runs, ctx, (run) => (skipped.has(run.runId) ? 'was there' : 'done'));
      ctx.out.line(`\n${summary.runs.length - skipped.size} runs done, ${skipped.size} were there already, in ${out}`);
      ctx.out.line(`next: workset score ${shellQuote(out)}   or: workset report ${shellQuote(out)} -o report.html`);
    } finally {
      progress.end();
    }
  },
};

type Chosen = Omit<ReplayOptions, 'out'> & { readonly seed: number };

function replayOptions(args: Args): Chosen {
  return {
    schemes: chosenSchemes(args.list('scheme')),
    windowNs: durationOption(args, 'window'),
    space: args.text('space') as SpaceId | undefined,
    addr: named('addr', args.text('addr'), parseAddressRange),
    time: timeRangeOption(args, 'time'),
    profile: args.text('cost-profile'),
    worlds: args.list('world').map((text) => text.split('+')),
    mmu: args.text('mmu') as ReplayOptions['mmu'],
    backing: args.text('backing') as ReplayOptions['backing'],
    thp: args.text('thp') as ReplayOptions['thp'],
    folioBytes: named('folio', args.text('folio'), (text) => parseSize(text)),
    evict: args.list('evict').length === 0 ? undefined : args.list('evict'),
    observed: args.off('observed') ? false : undefined,
    seed: countOption(args, 'seed', 0) ?? 1,
    seeds: countOption(args, 'seeds', 1),
    jobs: countOption(args, 'jobs', 1),
  };
}

/** Where they are sure to be worth it, threads start while this one loads the engine, opens the trace and plans. */
async function startHelpers(trace: string, jobs: number): Promise<void> {
  const threads = Math.min(jobs, availableParallelism());
  if (threads < 2 || bytesIn(trace) < LARGE_TRACE_BYTES) return;
  const { startWorkers } = await import('@workset/replay/workers');
  startWorkers(threads - 1, 'help');
}
const LARGE_TRACE_BYTES = 256 << 20;

/** 0 for what is no directory: opening it says what is wrong. */
function bytesIn(trace: string): number {
  if (statSync(trace, { throwIfNoEntry: false })?.isDirectory() !== true) return 0;
  return readdirSync(trace).reduce((sum, name) => sum + (statSync(join(trace, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** What is not named keeps its default. */
async function tlbOption(text: string | undefined): Promise<ReplayOptions['tlb']> {
  if (text === undefined || text === 'off') return undefined;
  const { DEFAULT_TLB } = await import('@workset/replay');
  if (text === 'on') return DEFAULT_TLB;
  const entries = (help: string, value: number): Param => ({
    kind: 'count',
    default: value,
    min: 0,
    unit: 'entries',
    help,
    source: 'replay',
  });
  const spec = {
    entries: entries('entries for 4 KiB pages', DEFAULT_TLB.entries),
    huge: entries('entries for 2 MiB pages', DEFAULT_TLB.hugeEntries),
    ways: entries('ways', DEFAULT_TLB.ways),
    flush: entries('frames between flushes by context switches, 0 = never', DEFAULT_TLB.flushFrames),
  };
  const [choice, ...more] = parseSchemeFlag(`--tlb:${text}`);
  if (more.length > 0) throw new UsageError(`--tlb ${text} has several values for one parameter`);
  const values = parseParams('--tlb', spec, choice!.params) as Readonly<Record<keyof typeof spec, number>>;
  return { entries: values.entries, hugeEntries: values.huge, ways: values.ways, flushFrames: values.flush };
}

/** undefined = every scheme, which `--scheme all` says too. */
function chosenSchemes(flags: readonly string[]): SchemeSpec[] | undefined {
  if (flags.length === 0 || (flags.length === 1 && flags[0] === 'all')) return undefined;
  return flags.flatMap((flag) => parseSchemeFlag(flag)).map(({ id, params }) => ({ ...params, id }));
}

async function dryRun(trace: string, options: Chosen, ctx: CommandContext): Promise<void> {
  const { planReplay } = await import('@workset/replay');
  const plan = await planReplay(trace, options);
  if (ctx.json) return ctx.out.json(plan);
  await printRuns(plan.runs, ctx, () => 'planned');
  ctx.out.line(
    `\n${plan.runs.length} runs in ${plan.passes} passes over ${count(plan.touches)} touches, up to about ${formatBytes(plan.memoryBytes)} of memory; nothing was written`,
  );
}

async function printRuns(runs: readonly RunPlan[], ctx: CommandContext, state: (run: RunPlan) => string): Promise<void> {
  const { schemes } = await import('@workset/replay');
  const rows = runs.map((run) => [
    state(run),
    run.scheme,
    run.stream ?? '',
    run.space,
    paramsText(run, schemes),
    String(run.seed),
    run.runId,
  ]);
  ctx.out.table(['state', 'scheme', 'stream', 'space', 'parameters', 'seed', 'run'], rows);
}

/** A run that repeats a real tracker's cycles takes its times from there. */
function paramsText(run: RunPlan, schemes: Registry<TrackingScheme>): string {
  if (run.kind === 'observed') return 'as reported';
  const { config } = schemes.get(run.scheme);
  const own = Object.entries(run.params).filter(([name]) => run.stream === null || name !== 'interval');
  const texts = own.map(([name, value]) => `${name}=${formatParam(config[name]!, value)}`);
  if (run.evict !== undefined) texts.push(`evict ${run.evict}`);
  return [...texts, ...(run.stream === null ? [] : [`cycles as ${run.stream}`])].join(' ');
}
