/** Replay under few and many schemes, on several workloads and sizes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_TLB, replay, schemes, type ReplayOptions } from '@workset/replay';
import { startWorkers } from '@workset/replay/workers';
import { openTrace } from '@workset/store';
import { typical, type Bar, type Bench, type Limit, type Scale, type TimedWork, type Turns } from '../lib/bench.ts';
import { hashResults } from '../lib/hash.ts';
import { burstsPath, prepareBursts, prepareSynth, synthPath, type BurstInput, type SynthInput } from '../lib/inputs.ts';
import { stampLoop, twoThreadSpeedUp } from '../lib/limits.ts';

/** Schemes that work page by page on the shared stamps. */
export const EIGHT = ['uffd-rwp', 'uffd-wp', 'idle-page', 'soft-dirty', 'clear-refs', 'mm-young', 'ept-young', 'kvm-dirty-log'] as const;
const FOUR = ['uffd-rwp', 'uffd-wp', 'idle-page', 'damon-paddr'] as const;

/** Trace seconds; 10 million accesses in each, windows of 1 s. */
const SECONDS: Readonly<Record<Scale, number>> = { tiny: 0.05, small: 2, full: 10 };
const RATE = 1e7;

export function zipfInput(scale: Scale, fullSeconds = SECONDS.full): SynthInput {
  return scale === 'tiny'
    ? { pattern: 'zipf', pages: 4096, seconds: SECONDS.tiny, rate: 1e6 }
    : { pattern: 'zipf', pages: 1 << 20, seconds: scale === 'full' ? fullSeconds : SECONDS.small, rate: RATE };
}

interface ReplayBench {
  readonly id: string;
  readonly title: string;
  readonly input: (scale: Scale) => SynthInput;
  readonly options: Omit<ReplayOptions, 'out'>;
  readonly scales?: readonly Scale[];
  readonly byNameOnly?: boolean;
  readonly bars?: readonly Bar[];
}

function windowOf(scale: Scale): number {
  return scale === 'tiny' ? 1e7 : 1e9;
}

/** @param passes of the plain loop: one takes a sixth of a second, in which the machine may do anything */
export async function traceFacts(path: string, passes = 1): Promise<{ nAccesses: number; nTouches: number; limits: Limit[] }> {
  const trace = await openTrace(path);
  try {
    const space = trace.space('gpa');
    const { nAccesses, nTouches } = space.info;
    const loop = stampLoop(space, passes);
    // Stored touches stand for more accesses: the plain loop in the unit of the bars.
    const inAccesses: Limit = { name: 'plain stamp loop', unit: 'accesses', unitsPerCpuS: (loop.unitsPerCpuS * nAccesses) / nTouches };
    return { nAccesses, nTouches, limits: [inAccesses] };
  } finally {
    trace.close();
  }
}

function replayBench({ id, title, input, options, scales, byNameOnly, bars }: ReplayBench): Bench {
  return {
    id: `replay-${id}`,
    title,
    ...(scales && { scales }),
    ...(byNameOnly && { byNameOnly }),
    ...(bars && { bars }),
    prepare: ({ scale, inputs }) => prepareSynth(inputs, input(scale)),
    async run({ scale, inputs, scratch, step }) {
      const path = synthPath(inputs, input(scale));
      const manifest = (await openTrace(path)).manifest;
      const { nAccesses } = manifest.spaces[0]!;
      const out = join(scratch, 'results');
      await step('replay', 'accesses', nAccesses, () => replay(path, { windowNs: windowOf(scale), ...options, out }));
      const { limits, nTouches } = await traceFacts(path);
      return { hash: hashResults(out), limits, facts: { accesses: nAccesses, touches: nTouches } };
    },
  };
}

/** One core, then two; and what a ninth scheme adds. */
const scaling: Bench = {
  id: 'replay-8-jobs',
  title: 'truth + 8 page-granular schemes on zipf over 1 M pages, one and two threads; a ninth scheme',
  bars: [
    { step: '8 schemes', what: 'units/cpu-s', atLeast: 120e6 },
    { step: '8 schemes', what: 'of limit', atLeast: 0.4 },
    { step: 'ninth scheme', what: 'fact', atMost: 0.05 },
    // Against one core, and against one job that has a second core for its garbage collector and for writing, which is harder.
    { step: 'two threads to one core', what: 'fact', atLeast: 1.6 },
    { step: 'two jobs to one', what: 'fact', atLeast: 1.6 },
  ],
  prepare: ({ scale, inputs }) => prepareSynth(inputs, zipfInput(scale, 30)),
  async run({ scale, inputs, scratch, inTurn }) {
    const path = synthPath(inputs, zipfInput(scale, 30));
    const { limits, nAccesses, nTouches } = await traceFacts(path, scale === 'tiny' ? 1 : 9);
    const outOf = (name: string, round: number): string => join(scratch, `${name} ${round}`);
    // It stays from one replay to the next.
    startWorkers(1, 'help');
    const rounds: Record<string, number> = {};
    const work = (name: string, ids: readonly string[], jobs: number): TimedWork => ({
      name,
      unit: 'accesses',
      units: nAccesses,
      work: async () => {
        await replay(path, { windowNs: windowOf(scale), schemes: ids, jobs, out: outOf(name, (rounds[name] = (rounds[name] ?? 0) + 1)) });
      },
      // The first results are compared.
      clean: () => {
        if (rounds[name]! > 1) rmSync(outOf(name, rounds[name]!), { recursive: true });
      },
    });
    const [eight, nine, two] = (await inTurn(scale === 'tiny' ? 1 : 19, [
      work('8 schemes', EIGHT, 1),
      work('9 schemes', [...EIGHT, 'pml'], 1),
      work('8 schemes, 2 jobs', EIGHT, 2),
    ])) as [Turns, Turns, Turns];
    const hash = hashResults(outOf('8 schemes', 1));
    if (hash !== hashResults(outOf('8 schemes, 2 jobs', 1))) throw new Error('two threads gave other results than one');
    const facts = {
      accesses: nAccesses,
      touches: nTouches,
      'ninth scheme': typical(nine, 'cpuS') / typical(eight, 'cpuS') - 1,
      // One job has a core, and V8 and the thread pool use others beside it: the CPU time of all is what a single core needs.
      'two threads to one core': typical(eight, 'cpuS') / typical(two, 'wallS'),
      'two jobs to one': typical(eight, 'wallS') / typical(two, 'wallS'),
      "machine's two threads": scale === 'tiny' ? 'not measured' : await twoThreadSpeedUp(),
    };
    return { hash, limits, facts };
  },
};

interface BurstyBench extends Pick<Bench, 'id' | 'title' | 'bars' | 'scales' | 'byNameOnly'> {
  readonly input: (scale: Scale) => BurstInput;
  readonly windowNs: (scale: Scale) => number;
}

function burstyBench({ input, windowNs, ...bench }: BurstyBench): Bench {
  return {
    ...bench,
    prepare: ({ scale, inputs }) => prepareBursts(inputs, input(scale)),
    async run({ scale, inputs, scratch, step }) {
      const path = burstsPath(inputs, input(scale));
      const nAccesses = (await openTrace(path)).manifest.spaces[0]!.nAccesses;
      const out = join(scratch, 'results');
      await step('replay', 'accesses', nAccesses, () => replay(path, { windowNs: windowNs(scale), schemes: EIGHT, out }));
      const { nTouches, limits } = await traceFacts(path);
      return { hash: hashResults(out), limits, facts: { accesses: nAccesses, touches: nTouches } };
    },
  };
}

const BURST_FRAMES: Readonly<Record<Scale, number>> = { tiny: 50, small: 2000, full: 10_000 };

/** 500 accesses to each page of a burst. */
const bursty = burstyBench({
  id: 'replay-8-bursty',
  title: '8 schemes on bursts over 1 M pages, stored as touches per page and quantum',
  bars: [{ step: 'replay', what: 'units/cpu-s', atLeast: 1e9 }],
  input: (scale) => ({ pages: 1 << 20, accesses: 500, frames: BURST_FRAMES[scale] }),
  windowNs: windowOf,
});

/** 5 accesses to each page of a burst: 10 M accesses in a second of trace, for 200 s. */
const burstyHuge = burstyBench({
  id: 'replay-8-bursty-64m-2g',
  title: '8 schemes on 2 G accesses in bursts over 64 M pages, windows of 30 s',
  scales: ['full'],
  byNameOnly: true,
  bars: [
    { step: 'replay', what: 'units/cpu-s', atLeast: 80e6 },
    { step: 'replay', what: 'peak-rss', atMost: 6 * 2 ** 30 },
  ],
  input: () => ({ pages: 1 << 26, accesses: 5, frames: 200_000 }),
  windowNs: () => 30e9,
});

const small =
  (pattern: string, pages = 1 << 20) =>
  (scale: Scale): SynthInput => ({ ...zipfInput(scale), pattern, ...(scale !== 'tiny' && { pages }) });
const huge = (): SynthInput => ({ ...zipfInput('full', 200), pages: 1 << 26 });
const big =
  (pages: number) =>
  (scale: Scale): SynthInput => ({ ...zipfInput(scale), ...(scale !== 'tiny' && { pages }) });

export const benches: readonly Bench[] = [
  scaling,
  bursty,
  burstyHuge,
  replayBench({ id: '1', title: 'truth + uffd-rwp, zipf, 1 M pages', input: zipfInput, options: { schemes: ['uffd-rwp'] } }),
  replayBench({ id: '4', title: 'truth + four schemes, zipf, 1 M pages', input: zipfInput, options: { schemes: FOUR } }),
  replayBench({
    id: 'all',
    title: `all ${schemes.ids.length} schemes, zipf, 1 M pages`,
    input: zipfInput,
    options: {},
    bars: [{ step: 'replay', what: 'units/cpu-s', atLeast: 30e6 }],
  }),
  replayBench({
    id: 'all-tlb',
    title: `all ${schemes.ids.length} schemes behind a TLB, zipf, 1 M pages`,
    input: zipfInput,
    options: { tlb: DEFAULT_TLB },
    bars: [{ step: 'replay', what: 'units/cpu-s', atLeast: 12e6 }],
  }),
  replayBench({ id: '8-scan', title: '8 schemes, sequential passes over 1 M pages', input: small('scan'), options: { schemes: EIGHT } }),
  replayBench({
    id: '8-phases',
    title: '8 schemes, phases of all kinds over 1 M pages',
    input: small('mixed'),
    options: { schemes: EIGHT },
  }),
  replayBench({ id: '4-tlb', title: 'four schemes behind a TLB', input: zipfInput, options: { schemes: FOUR, tlb: DEFAULT_TLB } }),
  replayBench({ id: '8-2m', title: '8 schemes, all memory in 2 MiB mappings', input: zipfInput, options: { schemes: EIGHT, thp: 'all' } }),
  replayBench({
    id: '8-16m',
    title: '8 schemes, zipf over 16 M pages',
    input: big(1 << 24),
    options: { schemes: EIGHT },
    scales: ['full'],
  }),
  replayBench({
    id: '8-64m',
    title: '8 schemes, zipf over 64 M pages, windows of 5 s',
    input: big(1 << 26),
    options: { schemes: EIGHT, windowNs: 5e9 },
    scales: ['full'],
    bars: [{ step: 'replay', what: 'peak-rss', atMost: 6 * 2 ** 30 }],
  }),
  replayBench({
    id: '8-64m-2g',
    title: '8 schemes, 2 G accesses over 64 M pages, windows of 30 s',
    input: huge,
    options: { schemes: EIGHT, windowNs: 30e9 },
    scales: ['full'],
    byNameOnly: true,
    bars: [
      { step: 'replay', what: 'units/cpu-s', atLeast: 20e6 },
      { step: 'replay', what: 'peak-rss', atMost: 6 * 2 ** 30 },
    ],
  }),
  replayBench({
    id: '8-64m-2g-limit',
    title: 'the same with a memory limit of 2 GiB',
    input: huge,
    options: { schemes: EIGHT, windowNs: 30e9, memoryLimitBytes: 2 * 2 ** 30 },
    scales: ['full'],
    byNameOnly: true,
    bars: [{ step: 'replay', what: 'peak-rss', atMost: 2 * 2 ** 30 }],
  }),
  replayBench({
    id: 'all-64m-1g',
    title: `all ${schemes.ids.length} schemes, 1 G accesses over 64 M pages, windows of 30 s`,
    input: () => ({ ...huge(), seconds: 100 }),
    options: { windowNs: 30e9 },
    scales: ['full'],
    byNameOnly: true,
    bars: [{ step: 'replay', what: 'peak-rss', atMost: 12 * 2 ** 30 }],
  }),
];
