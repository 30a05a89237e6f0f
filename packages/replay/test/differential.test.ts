/** Engine against oracle, both ways: every window, every set, on random traces. */
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap } from '@workset/model';
import {
  arbitraryCycles,
  arbitraryTrace,
  grid,
  observe,
  pagesOf,
  QUANTUM_NS,
  simulate,
  type OracleCycle,
  type PlainTrace,
} from '@workset/testkit';
import { assertSame, countsOf, observeWithEngine, printEngine, printOracle, randomOf, runEngine, trackedPages } from './engine-harness.ts';

/** More for a soak: WORKSET_PROPERTY_RUNS=5000. */
const RUNS = { numRuns: Number(process.env['WORKSET_PROPERTY_RUNS'] ?? 150) };
const MARK_AND_LOOK = ['uffd-rwp', 'uffd-wp', 'idle-page'] as const;
const interval = fc.oneof(
  fc.integer({ min: 1, max: 8 }).map((n) => n * QUANTUM_NS),
  fc.integer({ min: QUANTUM_NS, max: 5 * QUANTUM_NS }),
);

function arbitraryRange(trace: PlainTrace): fc.Arbitrary<{ from: number; to: number } | undefined> {
  const n = pagesOf(trace).length;
  const bounds = fc.tuple(fc.nat({ max: n }), fc.nat({ max: n })).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
  return fc.option(bounds, { nil: undefined });
}
const traceAndRange = arbitraryTrace().chain((trace) => fc.tuple(fc.constant(trace), arbitraryRange(trace)));

describe('engine and oracle agree', () => {
  for (const scheme of MARK_AND_LOOK) {
    it(`${scheme} on its own interval`, async () => {
      await fc.assert(
        fc.asyncProperty(traceAndRange, interval, async ([trace, range], intervalNs) => {
          const [part] = await runEngine(trace, [{ scheme, params: { interval: intervalNs }, ...(range && { range }) }]);
          assertSame(
            trace,
            printEngine(trace, part!),
            printOracle(simulate(trace, { scheme, interval: intervalNs }, trackedPages(trace, range))),
          );
        }),
        RUNS,
      );
    });

    it(`${scheme} at the recorded times of a capture`, async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryTrace(), arbitraryCycles(), async (trace, cycles) => {
          const [part] = await runEngine(trace, [{ scheme, cycles }]);
          assertSame(trace, printEngine(trace, part!), printOracle(simulate(trace, { scheme, cycles })));
        }),
        RUNS,
      );
    });
  }

  it('the faults and arms that uffd-rwp is charged for', async () => {
    await fc.assert(
      fc.asyncProperty(traceAndRange, interval, async ([trace, range], intervalNs) => {
        const [part] = await runEngine(trace, [{ scheme: 'uffd-rwp', params: { interval: intervalNs }, ...(range && { range }) }]);
        const oracle = simulate(trace, { scheme: 'uffd-rwp', interval: intervalNs }, trackedPages(trace, range)).map(
          ({ counts }) => counts,
        );
        assertSame(
          trace,
          countsOf(part!, 'rwp-fault'),
          oracle.map(({ rwpFault }) => rwpFault),
        );
        assertSame(
          trace,
          countsOf(part!, 'rwp-arm'),
          oracle.map(({ rwpArm }) => rwpArm),
        );
      }),
      RUNS,
    );
  });

  it('several trackers in one pass do not disturb one another', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryTrace(),
        fc.array(fc.tuple(fc.constantFrom(...MARK_AND_LOOK), interval), { minLength: 2, maxLength: 5 }),
        async (trace, trackers) => {
          const parts = await runEngine(
            trace,
            trackers.map(([scheme, intervalNs]) => ({ scheme, params: { interval: intervalNs } })),
          );
          trackers.forEach(([scheme, intervalNs], i) => {
            assertSame(trace, printEngine(trace, parts[i]!), printOracle(simulate(trace, { scheme, interval: intervalNs })));
          });
        },
      ),
      RUNS,
    );
  });

  it('truth of reports made by a real tracker', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTrace(), arbitraryCycles(), async (trace, cycles) => {
        const part = await observeWithEngine(
          trace,
          cycles.map((cycle) => ({ ...windowOf(cycle), reported: new PageBitmap(pagesOf(trace).length) })),
        );
        assertSame(
          trace,
          printEngine(trace, part),
          printOracle(
            observe(
              trace,
              cycles.map((cycle) => ({ ...windowOf(cycle), reported: new Set<number>() })),
            ),
          ),
        );
      }),
      RUNS,
    );
  });
});

function windowOf({ setBeginNs, setEndNs, readBeginNs, readEndNs }: OracleCycle) {
  return { outerT0Ns: setBeginNs, claimT0Ns: setEndNs, claimT1Ns: readBeginNs, outerT1Ns: readEndNs };
}

const damonParams = fc.record({
  sample: fc.oneof(fc.constantFrom(QUANTUM_NS / 4, QUANTUM_NS / 2, QUANTUM_NS), fc.integer({ min: QUANTUM_NS / 5, max: 2 * QUANTUM_NS })),
  samples: fc.integer({ min: 1, max: 12 }),
  min: fc.integer({ min: 3, max: 12 }),
  extra: fc.integer({ min: 0, max: 30 }),
  threshold: fc.integer({ min: 1, max: 3 }),
  startPage: fc.constantFrom(0, 5, 500, 2500),
  nPages: fc.constantFrom(1, 2, 3, 20, 77, 512, 3000),
});

describe('engine and oracle agree on DAMON, region for region', () => {
  for (const kernel of ['6.1', '7.3']) {
    it(`with the rules of ${kernel}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          traceAndRange,
          damonParams,
          async ([trace, range], { sample, samples, min, extra, threshold, startPage, nPages }) => {
            const config = { sample, aggr: sample * samples, min, max: min + extra, threshold, kernel };
            const params = { ...config, start: startPage * 4096, end: (startPage + nPages) * 4096 };
            const scheme = 'damon-paddr';
            const [part] = await runEngine(trace, [{ scheme, params, ...(range && { range }) }]);
            const oracle = simulate(
              trace,
              { scheme, config, monitored: { startPage, nPages }, random: randomOf(scheme) },
              trackedPages(trace, range),
            );
            assertSame(trace, printEngine(trace, part!), printOracle(oracle));
          },
        ),
        RUNS,
      );
    });
  }

  it('with intervals that tune themselves', async () => {
    const tuning = fc.record({
      goal: fc.constantFrom(0.01, 0.04, 0.3, 1),
      goalAggrs: fc.integer({ min: 1, max: 3 }),
      minSample: fc.constantFrom(QUANTUM_NS / 4, QUANTUM_NS),
      maxSample: fc.constantFrom(QUANTUM_NS, 4 * QUANTUM_NS),
      samples: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(arbitraryTrace(), tuning, fc.constantFrom(20, 77), async (trace, { samples, ...tune }, nPages) => {
        const config = { sample: QUANTUM_NS / 2, aggr: (samples * QUANTUM_NS) / 2, min: 3, max: 30, threshold: 1, kernel: '7.3', ...tune };
        const scheme = 'damon-paddr';
        const [part] = await runEngine(trace, [{ scheme, params: { ...config, end: nPages * 4096 } }]);
        const monitored = { startPage: 0, nPages };
        assertSame(trace, printEngine(trace, part!), printOracle(simulate(trace, { scheme, config, monitored, random: randomOf(scheme) })));
      }),
      RUNS,
    );
  });

  it('with as many regions as allowed, each of another heat', async () => {
    const params = fc.record({
      samples: fc.integer({ min: 3, max: 12 }),
      max: fc.integer({ min: 3, max: 12 }),
      kernel: fc.constantFrom('6.1', '7.3'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 12 }), { minLength: 20, maxLength: 20 }), params, async (heats, { samples, max, kernel }) => {
        const trace = heatTrace(heats, samples, 8);
        const config = { sample: QUANTUM_NS, aggr: samples * QUANTUM_NS, min: 3, max, threshold: 1, kernel };
        const scheme = 'damon-paddr';
        const [part] = await runEngine(trace, [{ scheme, params: { ...config, end: heats.length * 4096 } }]);
        const monitored = { startPage: 0, nPages: heats.length };
        assertSame(trace, printEngine(trace, part!), printOracle(simulate(trace, { scheme, config, monitored, random: randomOf(scheme) })));
      }),
      RUNS,
    );
  });
});

/** Page i is read in the first heats[i] quanta of every aggregation. */
function heatTrace(heats: readonly number[], samples: number, nAggregations: number): PlainTrace {
  const rowOf = (heat: number): string =>
    ('R'.repeat(Math.min(heat, samples)) + '.'.repeat(Math.max(0, samples - heat))).repeat(nAggregations);
  return grid(heats.map((heat, page) => `p${page}: ${rowOf(heat)}`).join('|'));
}
