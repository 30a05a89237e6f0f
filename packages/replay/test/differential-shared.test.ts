/** Engine against a machine with real bits: several trackers on one machine, all actors, pages whose frames change. */
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blocksOf, PLAIN_WORLD, type OracleTlbConfig, type OracleWorldConfig } from '@workset/testkit';
import {
  ANY_WORLD,
  anyOf,
  compare,
  damonPaddr,
  hugeOf,
  interval,
  markAndLook,
  mglru,
  numaHint,
  oneSpan,
  plainTrace,
  remapsOf,
  RUNS,
  slow,
  slowly,
  tlb,
  type Pair,
  vaddrOf,
} from './worlds-harness.ts';

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
          folioOrder: fc.constant(0),
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
