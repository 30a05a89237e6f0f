/** Engine against a machine with real bits: every scheme, alone and in shared worlds, with TLBs, huge pages, a secondary MMU, remaps. */
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  arbitraryCycles,
  arbitraryTrace,
  blocksOf,
  pagesOf,
  PLAIN_WORLD,
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
const RUNS = { numRuns: Number(process.env['WORKSET_PROPERTY_RUNS'] ?? 25), endOnFailure: process.env['WORKSET_PROPERTY_SHRINK'] === '0' };

const ANY_WORLD = [
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
const interval = fc.oneof(
  fc.integer({ min: 1, max: 8 }).map((n) => n * QUANTUM_NS),
  fc.integer({ min: QUANTUM_NS, max: 5 * QUANTUM_NS }),
);

/** One tracker for both sides. */
interface Pair {
  readonly run: EngineRun;
  readonly tracker: WorldTracker;
}

function markAndLook(scheme: MarkAndLookId): fc.Arbitrary<Pair> {
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

const mglru: fc.Arbitrary<Pair> = fc.tuple(interval, fc.boolean()).map(([intervalNs, force]) => ({
  run: { scheme: 'mglru', params: { interval: intervalNs, force } },
  tracker: { scheme: 'mglru', interval: intervalNs, force },
}));

const numaHint: fc.Arbitrary<Pair> = fc
  .record({
    interval,
    size: fc.constantFrom(4096 * 8, 4096 * 100, 4096 * 512, 4096 * 5000),
    periodMin: fc.constantFrom(1, 150, 300).map((n) => n * QUANTUM_NS),
    periodMax: fc.constantFrom(100, 1000).map((n) => n * QUANTUM_NS),
  })
  .map((params) => ({ run: { scheme: 'numa-hint', params }, tracker: { scheme: 'numa-hint', ...params } }));

function damonPaddr(name = 'damon-paddr'): fc.Arbitrary<Pair> {
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

function anyOf(schemes: readonly MarkAndLookId[]): fc.Arbitrary<Pair> {
  return fc.constantFrom(...schemes).chain(markAndLook);
}

async function compare(
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

const tlb: fc.Arbitrary<OracleTlbConfig> = fc.record({
  entries: fc.constantFrom(2, 4, 8),
  hugeEntries: fc.constantFrom(1, 2),
  ways: fc.constantFrom(1, 2, 3),
  flushFrames: fc.constantFrom(0, 0, 3),
});
const plainTrace = arbitraryTrace();
/** A process without memory has no three regions. */
const withMemory = plainTrace.filter((trace) => blocksOf(trace).length > 0);
/** Without gaps: nobody knows what a TLB holds after one. */
const oneSpan = (options: Parameters<typeof arbitraryTrace>[0] = {}): fc.Arbitrary<PlainTrace> =>
  arbitraryTrace(options).filter(({ spans }) => spans.length === 1);

function hugeOf(trace: PlainTrace): fc.Arbitrary<number[]> {
  const blocks = blocksOf(trace);
  return fc.subarray(blocks, { minLength: Math.min(1, blocks.length) });
}
function remapsOf(trace: PlainTrace): fc.Arbitrary<OracleRemap[]> {
  const last = trace.frames.at(-1)!.t1Ns;
  const touched = [...new Set(trace.frames.flatMap(({ touches }) => touches.map(({ page }) => page)))];
  const remap = fc.record({
    tNs: fc.integer({ min: 0, max: last }),
    page: fc.constantFrom(...touched, ...pagesOf(trace).slice(0, 1)),
    kind: fc.constantFrom('migrate' as const, 'swap' as const),
  });
  return fc.array(remap, { maxLength: 6 }).map((remaps) => remaps.sort((a, b) => a.tNs - b.tNs));
}

describe('alone in a plain world', () => {
  for (const scheme of ANY_WORLD) {
    it(scheme, () =>
      fc.assert(
        fc.asyncProperty(plainTrace, markAndLook(scheme), (trace, pair) => compare(trace, [pair], PLAIN_WORLD)),
        RUNS,
      ),
    );
  }
  it('mglru', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, mglru, (trace, pair) => compare(trace, [pair], PLAIN_WORLD)),
      RUNS,
    ));
  it('numa-hint', () =>
    fc.assert(
      fc.asyncProperty(slow(plainTrace), slowly(numaHint), (trace, pair) => compare(trace, [pair], PLAIN_WORLD)),
      RUNS,
    ));
  it('damon-paddr', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, damonPaddr(), (trace, pair) => compare(trace, [pair], PLAIN_WORLD)),
      RUNS,
    ));
  it('damon-vaddr, three regions', () =>
    fc.assert(
      fc.asyncProperty(withMemory, damonPaddr('damon-vaddr'), fc.constantFrom('6.1', '7.3'), (trace, pair, kernel) =>
        compare(trace, [vaddrOf(trace, pair, kernel)], PLAIN_WORLD),
      ),
      RUNS,
    ));
  it('the write trackers at recorded times', () =>
    fc.assert(
      fc.asyncProperty(
        plainTrace,
        arbitraryCycles(),
        fc.constantFrom('soft-dirty', 'uffd-wp', 'kvm-dirty-log', 'clear-refs', 'mm-young'),
        (trace, cycles, scheme) => compare(trace, [{ run: { scheme, cycles }, tracker: { scheme, cycles } as WorldTracker }], PLAIN_WORLD),
      ),
      RUNS,
    ));
});

/** The same trace with quanta of 40 ms: scan periods of NUMA balancing are at least 100 ms. */
function slow(traces: fc.Arbitrary<PlainTrace>): fc.Arbitrary<PlainTrace> {
  return traces.map((trace) => ({
    ...trace,
    quantumNs: trace.quantumNs * 40,
    frames: trace.frames.map((frame) => ({ ...frame, t0Ns: frame.t0Ns * 40, t1Ns: frame.t1Ns * 40 })),
    spans: trace.spans.map((span) => ({ ...span, t0Ns: span.t0Ns * 40, t1Ns: span.t1Ns * 40 })),
  }));
}
function slowly(pairs: fc.Arbitrary<Pair>): fc.Arbitrary<Pair> {
  return pairs.map(({ run, tracker }) => {
    const intervalNs = Number(run.params!['interval']) * 40;
    return {
      run: { ...run, params: { ...run.params, interval: intervalNs } },
      tracker: { ...tracker, interval: intervalNs } as WorldTracker,
    };
  });
}

/** damon-vaddr takes its regions from the memory: all of it but the two largest gaps. */
function vaddrOf(trace: PlainTrace, { run, tracker }: Pair, kernel: string): Pair {
  const { start: _start, end: _end, ...params } = run.params!;
  const regions = threeRegions(trace);
  const monitored = kernel === '6.1' ? evenPieces(regions, Number(params['min'])) : regions;
  return {
    run: { scheme: 'damon-vaddr', params: { ...params, kernel } },
    tracker: { ...tracker, scheme: 'damon-vaddr', monitored, config: { ...(params as object), kernel } } as unknown as WorldTracker,
  };
}
function threeRegions(trace: PlainTrace): { startPage: number; nPages: number }[] {
  const blocks = blocksOf(trace);
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

describe('under KVM, the host looking', () => {
  const host = fc.boolean().map((zapKeepsYoung): OracleWorldConfig => ({ ...PLAIN_WORLD, mmu: 'host', zapKeepsYoung }));
  for (const scheme of ANY_WORLD) {
    it(scheme, () =>
      fc.assert(
        fc.asyncProperty(plainTrace, markAndLook(scheme), host, (trace, pair, config) => compare(trace, [pair], config)),
        RUNS,
      ),
    );
  }
  it('mglru', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, mglru, host, (trace, pair, config) => compare(trace, [pair], config)),
      RUNS,
    ));
  it('damon-paddr', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, damonPaddr(), host, (trace, pair, config) => compare(trace, [pair], config)),
      RUNS,
    ));
  it('several trackers that zap one another’s SPTEs', () =>
    fc.assert(
      fc.asyncProperty(
        plainTrace,
        fc.array(anyOf(['uffd-rwp', 'soft-dirty', 'mm-young', 'ept-young', 'clear-refs', 'idle-page', 'kvm-dirty-log']), {
          minLength: 2,
          maxLength: 4,
        }),
        host,
        (trace, pairs, config) => compare(trace, pairs, config),
      ),
      RUNS,
    ));
});

describe('behind a TLB', () => {
  for (const scheme of ['uffd-rwp', 'uffd-wp', 'soft-dirty', 'idle-page', 'clear-refs', 'mm-young', 'kvm-dirty-log'] as const) {
    it(scheme, () =>
      fc.assert(
        fc.asyncProperty(
          oneSpan(),
          markAndLook(scheme),
          tlb,
          fc.constantFrom('guest' as const, 'host' as const),
          (trace, pair, cache, mmu) => compare(trace, [pair], { ...PLAIN_WORLD, mmu, tlb: cache }),
        ),
        RUNS,
      ),
    );
  }
  it('mglru', () =>
    fc.assert(
      fc.asyncProperty(oneSpan(), mglru, tlb, (trace, pair, cache) => compare(trace, [pair], { ...PLAIN_WORLD, tlb: cache })),
      RUNS,
    ));
  it('damon-paddr', () =>
    fc.assert(
      fc.asyncProperty(oneSpan(), damonPaddr(), tlb, (trace, pair, cache) => compare(trace, [pair], { ...PLAIN_WORLD, tlb: cache })),
      RUNS,
    ));
  it('several trackers, some of which flush', () =>
    fc.assert(
      fc.asyncProperty(
        oneSpan({ classBits: 0 }),
        fc.array(anyOf(['uffd-rwp', 'mm-young', 'idle-page', 'clear-refs', 'soft-dirty']), { minLength: 2, maxLength: 4 }),
        tlb,
        (trace, pairs, cache) => compare(trace, pairs, { ...PLAIN_WORLD, tlb: cache }),
      ),
      RUNS,
    ));
});

describe('mapped by PMDs', () => {
  const huge = plainTrace.chain((trace) => fc.tuple(fc.constant(trace), hugeOf(trace)));
  const backing = fc.constantFrom('anon' as const, 'shmem' as const);
  const mmu = fc.constantFrom('guest' as const, 'host' as const);
  for (const scheme of ANY_WORLD) {
    it(scheme, () =>
      fc.assert(
        fc.asyncProperty(huge, markAndLook(scheme), backing, mmu, ([trace, hugeBlocks], pair, b, m) =>
          compare(trace, [pair], { ...PLAIN_WORLD, hugeBlocks, backing: b, mmu: m }),
        ),
        RUNS,
      ),
    );
  }
  it('mglru', () =>
    fc.assert(
      fc.asyncProperty(huge, mglru, ([trace, hugeBlocks], pair) => compare(trace, [pair], { ...PLAIN_WORLD, hugeBlocks })),
      RUNS,
    ));
  it('damon-paddr', () =>
    fc.assert(
      fc.asyncProperty(huge, damonPaddr(), ([trace, hugeBlocks], pair) => compare(trace, [pair], { ...PLAIN_WORLD, hugeBlocks })),
      RUNS,
    ));
  it('behind a TLB', () =>
    fc.assert(
      fc.asyncProperty(
        oneSpan().chain((trace) => fc.tuple(fc.constant(trace), hugeOf(trace))),
        anyOf(['mm-young', 'idle-page', 'clear-refs', 'uffd-rwp']),
        tlb,
        ([trace, hugeBlocks], pair, cache) => compare(trace, [pair], { ...PLAIN_WORLD, hugeBlocks, tlb: cache }),
      ),
      RUNS,
    ));
});

describe('all actors: kernel, devices, host threads, GUP, other processes', () => {
  const mmus = fc.constantFrom('guest' as const, 'host' as const);
  const backing = fc.constantFrom('anon' as const, 'shmem' as const);
  const actors = oneSpan({ classBits: 4 });
  const caches = fc.option(tlb, { nil: undefined });
  const worldOf = (mmu: 'guest' | 'host', b: 'anon' | 'shmem', cache: OracleTlbConfig | undefined): OracleWorldConfig => ({
    ...PLAIN_WORLD,
    mmu,
    backing: b,
    ...(cache && { tlb: { ...cache, flushFrames: 0 } }),
  });
  for (const scheme of ANY_WORLD) {
    it(scheme, () =>
      fc.assert(
        fc.asyncProperty(actors, markAndLook(scheme), mmus, backing, caches, (trace, pair, mmu, b, cache) =>
          compare(trace, [pair], worldOf(mmu, b, scheme === 'pebs' ? undefined : cache)),
        ),
        RUNS,
      ),
    );
  }
  it('mglru', () =>
    fc.assert(
      fc.asyncProperty(actors, mglru, mmus, backing, caches, (trace, pair, mmu, b, cache) =>
        compare(trace, [pair], worldOf(mmu, b, cache)),
      ),
      RUNS,
    ));
  it('damon-paddr and damon-vaddr', () =>
    fc.assert(
      fc.asyncProperty(
        actors.filter((trace) => blocksOf(trace).length > 0),
        damonPaddr(),
        damonPaddr('damon-vaddr'),
        mmus,
        async (trace, paddr, vaddr, mmu) => {
          await compare(trace, [paddr], worldOf(mmu, 'anon', undefined));
          await compare(trace, [vaddrOf(trace, vaddr, '7.3')], worldOf(mmu, 'anon', undefined));
        },
      ),
      RUNS,
    ));
  it('several trackers in one world, with remaps', () =>
    fc.assert(
      fc.asyncProperty(
        actors.filter((trace) => blocksOf(trace).length > 0).chain((trace) => fc.tuple(fc.constant(trace), remapsOf(trace))),
        fc.uniqueArray(
          fc.oneof(anyOf(['uffd-rwp', 'soft-dirty', 'idle-page', 'clear-refs', 'mm-young', 'ept-young', 'kvm-dirty-log']), mglru),
          { minLength: 1, maxLength: 4, selector: ({ run }) => run.scheme },
        ),
        mmus,
        backing,
        ([trace, remaps], pairs, mmu, b) => compare(trace, pairs, worldOf(mmu, b, undefined), remaps),
      ),
      RUNS,
    ));
});

describe('uffd-rwp as registered and scanned', () => {
  const given = fc.record({ cold: fc.boolean(), minor: fc.boolean(), chunk: fc.constantFrom(0, 512, 1024) });
  const pair = fc.tuple(interval, given).map(([intervalNs, flags]): Pair => ({
    run: {
      scheme: 'uffd-rwp',
      params: { interval: intervalNs, scan: flags.cold ? 'cold' : 'hot', minor: flags.minor, chunk: flags.chunk * 4096 },
    },
    tracker: { scheme: 'uffd-rwp', interval: intervalNs, flags },
  }));
  it('on small pages', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, pair, (trace, rwp) => compare(trace, [rwp], PLAIN_WORLD)),
      RUNS,
    ));
  it('on huge pages', () =>
    fc.assert(
      fc.asyncProperty(
        plainTrace.chain((trace) => fc.tuple(fc.constant(trace), hugeOf(trace))),
        pair,
        ([trace, hugeBlocks], rwp) => compare(trace, [rwp], { ...PLAIN_WORLD, hugeBlocks }),
      ),
      RUNS,
    ));
});

describe('shared worlds', () => {
  // One of each: two of a kind would share one set of generations.
  const shared = fc.uniqueArray(
    fc.oneof(anyOf(['uffd-rwp', 'soft-dirty', 'idle-page', 'clear-refs', 'mm-young', 'ept-young', 'kvm-dirty-log']), mglru),
    {
      minLength: 2,
      maxLength: 4,
      selector: ({ run }) => run.scheme,
    },
  );
  it('trackers of one page table', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, shared, (trace, pairs) => compare(trace, pairs, PLAIN_WORLD)),
      RUNS,
    ));
  it('uffd-wp with trackers of A bits', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, markAndLook('uffd-wp'), shared, (trace, wp, pairs) =>
        compare(trace, [wp, ...pairs.filter(({ run }) => run.scheme !== 'uffd-rwp')], PLAIN_WORLD),
      ),
      RUNS,
    ));
  it('DAMON with idle tracking', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, damonPaddr(), anyOf(['idle-page', 'mm-young', 'clear-refs']), (trace, damon, other) =>
        compare(trace, [damon, other], PLAIN_WORLD),
      ),
      RUNS,
    ));
  it('DAMON with idle tracking, mapped by PMDs', () =>
    fc.assert(
      fc.asyncProperty(
        plainTrace.chain((trace) => fc.tuple(fc.constant(trace), hugeOf(trace))),
        damonPaddr(),
        anyOf(['idle-page', 'mm-young', 'clear-refs']),
        ([trace, hugeBlocks], damon, other) => compare(trace, [damon, other], { ...PLAIN_WORLD, hugeBlocks }),
      ),
      RUNS,
    ));
  it('trackers of one page table with PMDs, in a guest and under KVM', () =>
    fc.assert(
      fc.asyncProperty(
        plainTrace.chain((trace) => fc.tuple(fc.constant(trace), hugeOf(trace))),
        shared,
        fc.record({
          mmu: fc.constantFrom('guest' as const, 'host' as const),
          backing: fc.constantFrom('anon' as const, 'shmem' as const),
          zapKeepsYoung: fc.boolean(),
        }),
        ([trace, hugeBlocks], pairs, config) => compare(trace, pairs, { ...config, hugeBlocks }),
      ),
      RUNS,
    ));
  it('trackers of one page table under KVM, behind a TLB', () =>
    fc.assert(
      fc.asyncProperty(oneSpan({ classBits: 0 }), shared, tlb, fc.boolean(), (trace, pairs, cache, zapKeepsYoung) =>
        compare(trace, pairs, { ...PLAIN_WORLD, mmu: 'host', zapKeepsYoung, tlb: cache }),
      ),
      RUNS,
    ));
  it('frames that change under several trackers', () =>
    fc.assert(
      fc.asyncProperty(
        plainTrace.filter((trace) => blocksOf(trace).length > 0).chain((trace) => fc.tuple(fc.constant(trace), remapsOf(trace))),
        shared,
        fc.record({ mmu: fc.constantFrom('guest' as const, 'host' as const), backing: fc.constantFrom('anon' as const, 'shmem' as const) }),
        ([trace, remaps], pairs, config) => compare(trace, pairs, { ...PLAIN_WORLD, ...config }, remaps),
      ),
      RUNS,
    ));
  it('NUMA balancing with RW-protection', () =>
    fc.assert(
      fc.asyncProperty(slow(plainTrace), slowly(numaHint), slowly(markAndLook('uffd-rwp')), (trace, numa, rwp) =>
        compare(trace, [numa, rwp], PLAIN_WORLD),
      ),
      RUNS,
    ));
});

describe('pages whose frames change', () => {
  const moving = plainTrace.filter((trace) => blocksOf(trace).length > 0).chain((trace) => fc.tuple(fc.constant(trace), remapsOf(trace)));
  for (const scheme of [
    'uffd-rwp',
    'uffd-wp',
    'soft-dirty',
    'idle-page',
    'mm-young',
    'clear-refs',
    'kvm-dirty-log',
    'ept-young',
  ] as const) {
    it(scheme, () =>
      fc.assert(
        fc.asyncProperty(
          moving,
          markAndLook(scheme),
          fc.constantFrom('anon' as const, 'shmem' as const),
          fc.constantFrom('guest' as const, 'host' as const),
          ([trace, remaps], pair, backing, mmu) => compare(trace, [pair], { ...PLAIN_WORLD, backing, mmu }, remaps),
        ),
        RUNS,
      ),
    );
  }
});
