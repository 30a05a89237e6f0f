/** Engine against a machine with real bits: every scheme alone, with a secondary MMU, TLBs, huge pages. */
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitraryCycles, PLAIN_WORLD, type OracleWorldConfig, type WorldTracker } from '@workset/testkit';
import {
  ANY_WORLD,
  anyOf,
  compare,
  damonPaddr,
  followingVaddrOf,
  hugeOf,
  markAndLook,
  mglru,
  numaHint,
  oneSpan,
  plainTrace,
  RUNS,
  slow,
  slowly,
  tlb,
  vaddrOf,
  withMemory,
} from './worlds-harness.ts';

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
  it('damon-vaddr, mappings that grow', () =>
    fc.assert(
      fc.asyncProperty(
        withMemory,
        damonPaddr('damon-vaddr'),
        fc.constantFrom('6.1', '7.3'),
        fc.double({ min: 1, max: 9, noNaN: true }),
        fc.constantFrom(0, 0.05, 0.5),
        (trace, pair, kernel, samples, goal) => compare(trace, [followingVaddrOf(trace, pair, kernel, samples, goal)], PLAIN_WORLD),
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
