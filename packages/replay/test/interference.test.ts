/** Which tracker hides evidence from which other one in a shared world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OracleWorldConfig } from '@workset/testkit';
import type { EngineRun } from './engine-harness.ts';
import { alone, bigTlb, host, ms, pages, together } from './small-runs.ts';

/** Kernel-semantics 10.4: the row destroys or hides evidence of the column. One page, seen at the end of the column's first full window. */
describe('the interference matrix', () => {
  interface Cell {
    readonly by: EngineRun;
    readonly of: EngineRun;
    readonly hides: boolean;
    readonly why: string;
    /** One letter per millisecond. */
    readonly row: string;
    readonly world?: Partial<OracleWorldConfig>;
  }
  const aging: EngineRun = { scheme: 'mglru', params: { interval: ms(2) } };
  const marking: EngineRun = { scheme: 'idle-page', params: { interval: ms(2) } };
  const clearing: EngineRun = { scheme: 'clear-refs', params: { interval: ms(2) } };
  const arming: EngineRun = { scheme: 'uffd-rwp', params: { interval: ms(2) } };
  const sampling: EngineRun = { scheme: 'damon-paddr', params: { sample: ms(2), aggr: ms(6), min: 3, max: 9, start: 0, end: 4096 } };
  /** Columns look every 6 ms; the page is used at 6..7 ms alone, early in the second window. */
  const EARLY = 'R.....R.....';
  const column = (scheme: string): EngineRun => ({ scheme, params: { interval: ms(6) } });
  const damon: EngineRun = { scheme: 'damon-paddr', params: { sample: ms(6), aggr: ms(6), min: 3, max: 9, start: 0, end: 4096 } };
  const cells: readonly Cell[] = [
    { by: aging, of: column('idle-page'), hides: true, row: EARLY, why: 'aging clears A, not PG_idle' },
    { by: aging, of: damon, hides: true, row: EARLY, why: 'in the sampling interval' },
    { by: aging, of: column('clear-refs'), hides: false, row: EARLY, why: 'the first sighting leaves PG_referenced, which smaps counts' },
    { by: aging, of: column('clear-refs'), hides: true, row: 'R.....R.R...', why: 'the second sighting clears PG_referenced' },
    { by: aging, of: column('uffd-rwp'), hides: false, row: EARLY, why: 'an armed entry is aged like any other and stays armed' },
    { by: aging, of: column('uffd-wp'), hides: false, row: EARLY.replaceAll('R', 'W'), why: 'W is not A' },
    { by: marking, of: column('idle-page'), hides: true, row: EARLY, why: 'marking again sets PG_idle on a page just seen' },
    { by: sampling, of: column('idle-page'), hides: true, row: EARLY, why: 'mkold sets PG_idle too' },
    { by: marking, of: damon, hides: true, row: EARLY, why: 'in the sampling interval' },
    { by: marking, of: column('clear-refs'), hides: false, row: EARLY, why: 'PG_young is counted by smaps' },
    {
      by: marking,
      of: { scheme: 'mglru', params: { interval: ms(6) } },
      hides: true,
      row: 'R.R...R...R.',
      why: 'A is gone; the page-table walk does not look at PG_young',
    },
    { by: marking, of: column('uffd-rwp'), hides: false, row: EARLY, why: 'A is not the uffd bit' },
    { by: clearing, of: column('idle-page'), hides: true, row: EARLY, why: 'A and PG_young are dropped' },
    { by: clearing, of: damon, hides: true, row: EARLY, why: 'A is dropped' },
    {
      by: clearing,
      of: { scheme: 'mglru', params: { interval: ms(6) } },
      hides: true,
      row: 'R.R...R...R.',
      why: 'A and PG_referenced are dropped',
    },
    { by: clearing, of: column('uffd-rwp'), hides: false, row: EARLY, why: 'A is not the uffd bit' },
    { by: clearing, of: column('uffd-wp'), hides: false, row: EARLY.replaceAll('R', 'W'), why: 'A is not the uffd bit' },
    { by: arming, of: column('ept-young'), hides: true, row: EARLY, world: host, why: 'a zap loses the SPTE’s A bit (since 6.13)' },
    {
      by: arming,
      of: column('uffd-rwp'),
      hides: true,
      row: EARLY,
      why: 'arming again erases what the other has not read: two users of one bit',
    },
    { by: arming, of: column('idle-page'), hides: false, row: EARLY, why: 'arming keeps A of the process’s own entries' },
    { by: arming, of: column('clear-refs'), hides: false, row: EARLY, why: 'arming keeps A' },
    {
      by: { scheme: 'soft-dirty', params: { interval: ms(2) } },
      of: column('mm-young'),
      hides: false,
      row: EARLY,
      why: 'A is not the soft-dirty bit',
    },
  ];
  for (const { by, of, hides, why, row, world = {} } of cells) {
    it(`${by.scheme} ${hides ? 'hides accesses from' : 'leaves evidence of'} ${of.scheme}: ${why}`, async () => {
      const trace = pages(1, () => row);
      const [seen] = await together(trace, 6, [of, by], { world });
      assert.deepEqual((await alone(trace, 6, of, { world })).sets()[1], [0], 'undisturbed');
      assert.deepEqual(seen!.sets()[1], hides ? [] : [0]);
    });
  }
  it('the flush of a scan that protects again shows a TLB-resident page to a tracker of A bits', async () => {
    const trace = pages(1, () => 'W'.repeat(12));
    const setting = { world: { tlb: bigTlb } };
    assert.deepEqual((await alone(trace, 6, 'mm-young', setting)).sets()[1], []);
    const [seen] = await together(trace, 6, ['mm-young', { scheme: 'uffd-wp', params: { interval: ms(2) } }], setting);
    assert.deepEqual(seen!.sets()[1], [0]);
  });
  it('page_idle’s read takes the A bit and leaves PG_idle clear, which DAMON counts', async () => {
    const once = { setBeginNs: ms(6), setEndNs: ms(6), readBeginNs: ms(8), readEndNs: ms(8) };
    const trace = pages(1, () => EARLY);
    const [seen] = await together(trace, 6, [damon, { scheme: 'idle-page', cycles: [once] }]);
    assert.deepEqual(seen!.sets()[1], [0]);
    assert.deepEqual(
      (
        await together(
          pages(1, () => 'R...........'),
          6,
          [damon, { scheme: 'idle-page', cycles: [once] }],
        )
      )[0]!.sets()[1],
      [],
    );
  });
  it('before 6.13 a zap moved the A bit to the page, where page_idle finds it', async () => {
    // Marks are set at 4 ms with the SPTE in place, the page is used at 5, its SPTE zapped at 6, the marks read at 8.
    const trace = pages(1, () => 'R..R.R......');
    const zapping: EngineRun = { scheme: 'soft-dirty', params: { interval: ms(3) } };
    const [lost] = await together(trace, 4, ['idle-page', zapping], { world: { mmu: 'host', zapKeepsYoung: false } });
    const [kept] = await together(trace, 4, ['idle-page', zapping], { world: { mmu: 'host', zapKeepsYoung: true } });
    assert.deepEqual([lost!.sets()[1], kept!.sets()[1]], [[], [0]]);
  });
});
