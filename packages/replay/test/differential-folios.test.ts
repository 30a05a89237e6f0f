/** Engine against a machine with real bits: folios of any order mapped by PTEs, beside PMDs, and memory of hugetlb; all schemes. */
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PLAIN_WORLD, type OracleWorldConfig, type PlainTrace } from '@workset/testkit';
import {
  ANY_WORLD,
  anyOf,
  compare,
  damonPaddr,
  hugeOf,
  markAndLook,
  mglru,
  numaHintOfBlocks,
  oneSpan,
  plainTrace,
  remapsOf,
  RUNS,
  slow,
  slowly,
  tlb,
  vaddrOf,
  withMemory,
  type Pair,
} from './worlds-harness.ts';

type Placed = readonly [PlainTrace, OracleWorldConfig];

/** A trace with a world around it: any order of folios, some blocks mapped by PMDs, or all of it hugetlb. */
function placed(traces: fc.Arbitrary<PlainTrace>): fc.Arbitrary<Placed> {
  return traces.chain((trace) =>
    fc
      .record({
        mmu: fc.constantFrom('guest' as const, 'host' as const),
        backing: fc.constantFrom('anon' as const, 'shmem' as const, 'hugetlb' as const),
        order: fc.constantFrom(1, 2, 3, 4, 5, 6, 8, 9),
        huge: fc.oneof(fc.constant([]), hugeOf(trace)),
        zapKeepsYoung: fc.boolean(),
      })
      .map(({ mmu, backing, order, huge, zapKeepsYoung }): Placed => {
        const isHugetlb = backing === 'hugetlb';
        return [trace, { mmu, backing, zapKeepsYoung, folioOrder: isHugetlb ? 0 : order, hugeBlocks: isHugetlb ? [] : huge }];
      }),
  );
}

const several = fc.uniqueArray(
  fc.oneof(anyOf(['uffd-rwp', 'soft-dirty', 'idle-page', 'clear-refs', 'mm-young', 'ept-young', 'kvm-dirty-log']), mglru),
  { minLength: 2, maxLength: 4, selector: ({ run }) => run.scheme },
);
const alone: Readonly<Record<string, fc.Arbitrary<Pair>>> = {
  ...Object.fromEntries(ANY_WORLD.map((scheme) => [scheme, markAndLook(scheme)])),
  mglru,
  'damon-paddr': damonPaddr(),
};

describe('large folios and hugetlb: alone', () => {
  for (const [scheme, pairs] of Object.entries(alone)) {
    it(scheme, () =>
      fc.assert(
        fc.asyncProperty(placed(plainTrace), pairs, ([trace, config], pair) => compare(trace, [pair], config)),
        RUNS,
      ),
    );
  }
  it('damon-vaddr', () =>
    fc.assert(
      fc.asyncProperty(placed(withMemory), damonPaddr('damon-vaddr'), fc.constantFrom('6.1', '7.3'), ([trace, config], pair, kernel) =>
        compare(trace, [vaddrOf(trace, pair, kernel)], config),
      ),
      RUNS,
    ));
  it('numa-hint', () =>
    fc.assert(
      fc.asyncProperty(placed(slow(plainTrace)), slowly(numaHintOfBlocks), ([trace, config], pair) => compare(trace, [pair], config)),
      RUNS,
    ));
});

describe('large folios and hugetlb: shared worlds', () => {
  it('trackers of one page table', () =>
    fc.assert(
      fc.asyncProperty(placed(plainTrace), several, ([trace, config], pairs) => compare(trace, pairs, config)),
      RUNS,
    ));
  // Of anon memory that a write splits later, last touches do not hold what was used before.
  it('uffd-wp, which takes the PMDs of file memory, with trackers of A bits and folio flags', () =>
    fc.assert(
      fc.asyncProperty(placed(plainTrace), markAndLook('uffd-wp'), several, ([trace, config], wp, pairs) =>
        compare(trace, [wp, ...pairs.filter(({ run }) => run.scheme !== 'uffd-rwp')], {
          ...config,
          hugeBlocks: config.backing === 'anon' ? [] : config.hugeBlocks,
        }),
      ),
      RUNS,
    ));
  it('DAMON with other users of PG_idle and A', () =>
    fc.assert(
      fc.asyncProperty(placed(plainTrace), damonPaddr(), anyOf(['idle-page', 'mm-young', 'clear-refs']), ([trace, config], damon, other) =>
        compare(trace, [damon, other], config),
      ),
      RUNS,
    ));
  it('DAMON by virtual address with idle tracking: an entry of its own, a flag of the folio', () =>
    fc.assert(
      fc.asyncProperty(
        placed(withMemory),
        damonPaddr('damon-vaddr'),
        anyOf(['idle-page', 'mm-young', 'clear-refs']),
        ([trace, config], pair, other) => compare(trace, [vaddrOf(trace, pair, '7.3'), other], config),
      ),
      RUNS,
    ));
  it('NUMA balancing, which restores whole folios, with trackers of A bits and RW-protection', () =>
    fc.assert(
      fc.asyncProperty(
        placed(slow(plainTrace)),
        slowly(numaHintOfBlocks),
        slowly(anyOf(['uffd-rwp', 'mm-young', 'idle-page', 'clear-refs', 'soft-dirty'])),
        ([trace, config], numa, other) => compare(trace, [numa, other], config),
      ),
      RUNS,
    ));
  it('NUMA balancing, when folios move', () =>
    fc.assert(
      fc.asyncProperty(
        placed(slow(withMemory)).chain((world) => fc.tuple(fc.constant(world), remapsOf(world[0]))),
        slowly(numaHintOfBlocks),
        slowly(anyOf(['uffd-rwp', 'mm-young', 'idle-page', 'clear-refs'])),
        ([[trace, config], remaps], numa, other) => compare(trace, [numa, other], { ...config, hugeBlocks: [] }, remaps),
      ),
      RUNS,
    ));
  it('folios that move', () =>
    fc.assert(
      fc.asyncProperty(
        placed(withMemory).chain((world) => fc.tuple(fc.constant(world), remapsOf(world[0]))),
        several,
        ([[trace, config], remaps], pairs) => compare(trace, pairs, { ...config, hugeBlocks: [] }, remaps),
      ),
      RUNS,
    ));
  it('behind a TLB', () =>
    fc.assert(
      fc.asyncProperty(
        placed(oneSpan({ classBits: 0 })),
        fc.array(anyOf(['uffd-rwp', 'mm-young', 'idle-page', 'clear-refs', 'soft-dirty']), { minLength: 1, maxLength: 3 }),
        tlb,
        ([trace, config], pairs, cache) => compare(trace, pairs, { ...config, tlb: cache }),
      ),
      RUNS,
    ));
  it('all actors', () =>
    fc.assert(
      fc.asyncProperty(placed(oneSpan({ classBits: 4 })), several, ([trace, config], pairs) =>
        compare(trace, pairs, { ...config, hugeBlocks: [] }),
      ),
      RUNS,
    ));
  it('orders of no folio at all change nothing', () =>
    fc.assert(
      fc.asyncProperty(plainTrace, several, (trace, pairs) => compare(trace, pairs, PLAIN_WORLD)),
      RUNS,
    ));
});
