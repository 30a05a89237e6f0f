/** Random worlds and trackers, for comparing the engine with a machine of real bits. */
import fc from 'fast-check';
import {
  arbitraryTrace,
  blocksOf,
  pagesOf,
  QUANTUM_NS,
  simulateWorld,
  type MarkAndLookId,
  type OracleRemap,
  type OracleTlbConfig,
  type OracleWorldConfig,
  type PlainTrace,
  type WorldTracker,
} from '@workset/testkit';
import { assertSame, engineRemaps, engineWorld, printEngine, printOracle, randomOf, runEngine, type EngineRun } from './engine-harness.ts';

/** More for a soak: WORKSET_PROPERTY_RUNS=5000; the first counterexample as it was found: WORKSET_PROPERTY_SHRINK=0. */
export const RUNS = {
  numRuns: Number(process.env['WORKSET_PROPERTY_RUNS'] ?? 25),
  endOnFailure: process.env['WORKSET_PROPERTY_SHRINK'] === '0',
};

export const ANY_WORLD = [
  'uffd-rwp',
  'uffd-rwp-sync',
  'uffd-wp',
  'uffd-wp-sync',
  'soft-dirty',
  'idle-page',
  'clear-refs',
  'mm-young',
  'pebs',
  'kvm-dirty-log',
  'kvm-dirty-ring',
  'pml',
  'ept-young',
] as const;
export const interval = fc.oneof(
  fc.integer({ min: 1, max: 8 }).map((n) => n * QUANTUM_NS),
  fc.integer({ min: QUANTUM_NS, max: 5 * QUANTUM_NS }),
);

/** One tracker for both sides. */
export interface Pair {
  readonly run: EngineRun;
  readonly tracker: WorldTracker;
}

export function markAndLook(scheme: MarkAndLookId): fc.Arbitrary<Pair> {
  const flags: Partial<Record<MarkAndLookId, fc.Arbitrary<Record<string, boolean | number>>>> = {
    'mm-young': fc.record({ flush: fc.boolean() }),
    'uffd-rwp-sync': fc.record({ missing: fc.boolean() }),
    'ept-young': fc.record({ ad: fc.boolean() }),
    pebs: fc.record({ period: fc.integer({ min: 1, max: 5 }) }),
  };
  return fc.tuple(interval, flags[scheme] ?? fc.constant({})).map(([intervalNs, given]) => ({
    run: { scheme, params: { interval: intervalNs, ...given } },
    tracker: { scheme, interval: intervalNs, flags: given },
  }));
}

export const mglru: fc.Arbitrary<Pair> = fc.tuple(interval, fc.boolean()).map(([intervalNs, force]) => ({
  run: { scheme: 'mglru', params: { interval: intervalNs, force } },
  tracker: { scheme: 'mglru', interval: intervalNs, force },
}));

export const numaHint = numaHintOf([8, 100, 512, 5000]);
/** Scan windows that cut no huge page. */
export const numaHintOfBlocks = numaHintOf([512, 1024, 5120]);

function numaHintOf(sizes: readonly number[]): fc.Arbitrary<Pair> {
  return fc
    .record({
      interval,
      size: fc.constantFrom(...sizes).map((pages) => 4096 * pages),
      periodMin: fc.constantFrom(1, 150, 300).map((n) => n * QUANTUM_NS),
      periodMax: fc.constantFrom(100, 1000).map((n) => n * QUANTUM_NS),
    })
    .map((params) => ({ run: { scheme: 'numa-hint', params }, tracker: { scheme: 'numa-hint', ...params } }));
}

export function damonPaddr(name = 'damon-paddr'): fc.Arbitrary<Pair> {
  return fc
    .record({
      sample: fc.constantFrom(QUANTUM_NS / 2, QUANTUM_NS, 2 * QUANTUM_NS),
      samples: fc.double({ min: 1, max: 6, noNaN: true }),
      kernel: fc.constantFrom('6.1', '7.3'),
      startPage: fc.constantFrom(0, 500),
      nPages: fc.constantFrom(3, 77, 600),
    })
    .map(({ sample, samples, kernel, startPage, nPages }) => {
      const config = { sample, aggr: Math.floor(sample * samples), min: 3, max: 40, threshold: 1, kernel };
      return {
        run: { scheme: name, params: { ...config, start: startPage * 4096, end: (startPage + nPages) * 4096 } },
        tracker: { scheme: 'damon-paddr', config, monitored: [{ startPage, nPages }], random: randomOf(name) },
      };
    });
}

export function anyOf(schemes: readonly MarkAndLookId[]): fc.Arbitrary<Pair> {
  return fc.constantFrom(...schemes).chain(markAndLook);
}

export async function compare(
  trace: PlainTrace,
  pairs: readonly Pair[],
  config: OracleWorldConfig,
  remaps: readonly OracleRemap[] = [],
): Promise<void> {
  const world = engineWorld(trace, config);
  const parts = await runEngine(
    trace,
    pairs.map(({ run }) => ({ ...run, world })),
    engineRemaps(trace, remaps),
  );
  const oracle = simulateWorld(
    trace,
    pairs.map(({ tracker }) => tracker),
    { config, remaps },
  );
  pairs.forEach((_, i) => assertSame(trace, printEngine(trace, parts[i]!), printOracle(oracle[i]!)));
}

export const tlb: fc.Arbitrary<OracleTlbConfig> = fc.record({
  entries: fc.constantFrom(2, 4, 8),
  hugeEntries: fc.constantFrom(1, 2),
  ways: fc.constantFrom(1, 2, 3),
  flushFrames: fc.constantFrom(0, 0, 3),
});
export const plainTrace = arbitraryTrace();
/** A process without memory has no three regions. */
export const withMemory = plainTrace.filter((trace) => blocksOf(trace).length > 0);
/** Without gaps: nobody knows what a TLB holds after one. */
export const oneSpan = (options: Parameters<typeof arbitraryTrace>[0] = {}): fc.Arbitrary<PlainTrace> =>
  arbitraryTrace(options).filter(({ spans }) => spans.length === 1);

export function hugeOf(trace: PlainTrace): fc.Arbitrary<number[]> {
  const blocks = blocksOf(trace);
  return fc.subarray(blocks, { minLength: Math.min(1, blocks.length) });
}
export function remapsOf(trace: PlainTrace): fc.Arbitrary<OracleRemap[]> {
  const last = trace.frames.at(-1)!.t1Ns;
  const touched = [...new Set(trace.frames.flatMap(({ touches }) => touches.map(({ page }) => page)))];
  const remap = fc.record({
    tNs: fc.integer({ min: 0, max: last }),
    page: fc.constantFrom(...touched, ...pagesOf(trace).slice(0, 1)),
    kind: fc.constantFrom('migrate' as const, 'swap' as const),
  });
  return fc.array(remap, { maxLength: 6 }).map((remaps) => remaps.sort((a, b) => a.tNs - b.tNs));
}

/** The same trace with quanta of 40 ms: scan periods of NUMA balancing are at least 100 ms. */
export function slow(traces: fc.Arbitrary<PlainTrace>): fc.Arbitrary<PlainTrace> {
  return traces.map((trace) => ({
    ...trace,
    quantumNs: trace.quantumNs * 40,
    frames: trace.frames.map((frame) => ({ ...frame, t0Ns: frame.t0Ns * 40, t1Ns: frame.t1Ns * 40 })),
    spans: trace.spans.map((span) => ({ ...span, t0Ns: span.t0Ns * 40, t1Ns: span.t1Ns * 40 })),
  }));
}
export function slowly(pairs: fc.Arbitrary<Pair>): fc.Arbitrary<Pair> {
  return pairs.map(({ run, tracker }) => {
    const intervalNs = Number(run.params!['interval']) * 40;
    return {
      run: { ...run, params: { ...run.params, interval: intervalNs } },
      tracker: { ...tracker, interval: intervalNs } as WorldTracker,
    };
  });
}

/** damon-vaddr takes its regions from the memory: all of it but the two largest gaps. */
export function vaddrOf(trace: PlainTrace, { run, tracker }: Pair, kernel: string): Pair {
  const { start: _start, end: _end, ...params } = run.params!;
  const regions = threeRegions(blocksOf(trace));
  const monitored = kernel === '6.1' ? evenPieces(regions, Number(params['min'])) : regions;
  return {
    run: { scheme: 'damon-vaddr', params: { ...params, kernel } },
    tracker: { ...tracker, scheme: 'damon-vaddr', monitored, config: { ...(params as object), kernel } } as unknown as WorldTracker,
  };
}
/** The same where memory is mapped by its first touch, 2 MiB at a time, and looked at again every so many samples. */
export function followingVaddrOf(trace: PlainTrace, pair: Pair, kernel: string, samples: number, goal: number): Pair {
  const { run, tracker } = vaddrOf(trace, pair, kernel);
  const update = Math.floor(Number(run.params!['sample']) * samples);
  const mappings = (blocks: readonly number[], isFirst: boolean): { startPage: number; nPages: number }[] => {
    const regions = blocks.length === 0 ? [] : threeRegions(blocks);
    return isFirst && kernel === '6.1' ? evenPieces(regions, Number(run.params!['min'])) : regions;
  };
  const tuned = kernel === '7.3' && goal > 0 ? { goal, goalAggrs: 2, minSample: QUANTUM_NS / 2, maxSample: 8 * QUANTUM_NS } : {};
  const config = { ...(tracker as { config?: object }).config, ...tuned, update };
  return {
    run: { ...run, params: { ...run.params, ...tuned, update, mappings: 'touched' } },
    tracker: { ...tracker, config, mappings } as unknown as WorldTracker,
  };
}
function threeRegions(blocks: readonly number[]): { startPage: number; nPages: number }[] {
  const gaps = blocks.slice(1).map((block, i) => ({ at: i + 1, size: block - blocks[i]! - 1 }));
  const cuts = gaps
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size)
    .slice(0, 2)
    .map(({ at }) => at)
    .sort((a, b) => a - b);
  const starts = [0, ...cuts];
  return starts.map((first, i) => {
    const last = (starts[i + 1] ?? blocks.length) - 1;
    return { startPage: blocks[first]! * 512, nPages: (blocks[last]! - blocks[first]! + 1) * 512 };
  });
}

/** Each region in as many equal pieces of at least the mean size per wanted region as it holds; what remains goes to the last. */
function evenPieces(regions: readonly { startPage: number; nPages: number }[], min: number): { startPage: number; nPages: number }[] {
  const total = regions.reduce((sum, { nPages }) => sum + nPages, 0);
  const least = Math.max(1, Math.floor(total / min));
  return regions.flatMap(({ startPage, nPages }) => {
    const size = Math.floor(nPages / Math.max(1, Math.floor(nPages / least)));
    const pieces: { startPage: number; nPages: number }[] = [];
    for (let at = 0; at + size <= nPages; at += size) pieces.push({ startPage: startPage + at, nPages: size });
    const last = pieces.at(-1)!;
    last.nPages = startPage + nPages - last.startPage;
    return pieces;
  });
}
