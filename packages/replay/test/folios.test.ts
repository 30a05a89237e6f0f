/** What large folios and hugetlb do to each scheme (kernel-semantics 1.4, 2.1, 3, 6 to 9), on traces made for the question. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grid } from '@workset/testkit';
import type { EngineRun } from './engine-harness.ts';
import { alone, host, ms, pages, together, type Setting } from './small-runs.ts';

const of16K: Setting = { world: { folioOrder: 2 } };
const hugetlb: Setting = { world: { backing: 'hugetlb' } };
const block = Array.from({ length: 512 }, (_, page) => page);

describe('PTE-mapped large folios', () => {
  /** Two folios of four pages, mapped at first; then one page of the first is used. */
  const trace = pages(8, (page) => (page === 1 ? 'RRRRRR' : 'R.....'));

  it('entries have A bits and protections of their own', async () => {
    for (const scheme of ['uffd-rwp', 'uffd-rwp-sync', 'mm-young', 'clear-refs', 'ept-young'])
      assert.deepEqual((await alone(trace, 2, scheme, of16K)).last(), [1], scheme);
    const writes = pages(8, (page) => (page === 1 ? 'WWWWWW' : 'W.....'));
    for (const scheme of ['uffd-wp', 'soft-dirty', 'kvm-dirty-log'])
      assert.deepEqual((await alone(writes, 2, scheme, of16K)).last(), [1], scheme);
  });
  it('RWP resolves one entry per fault', async () => {
    const all = pages(4, () => 'RRRRRR');
    assert.equal((await alone(all, 2, 'uffd-rwp', of16K)).total('rwp-fault'), 2 * 4);
  });
  it('page_idle looks at the whole folio, in one reverse-map walk', async () => {
    const idle = await alone(trace, 2, 'idle-page', of16K);
    assert.deepEqual(idle.last(), [0, 1, 2, 3]);
    const small = await alone(trace, 2, 'idle-page');
    assert.equal(small.total('rmap-walk'), 4 * idle.total('rmap-walk'));
  });
  it('page_idle lists and reports pages of a folio that nothing has mapped yet', async () => {
    const one = grid`p1: RRRRRR`;
    assert.deepEqual((await alone(one, 2, 'idle-page', of16K)).last(), [0, 1, 2, 3]);
    assert.deepEqual((await alone(one, 2, 'mm-young', of16K)).last(), [1]);
  });
  const onePage = (kernel: string): EngineRun => ({
    scheme: 'damon-paddr',
    params: { sample: ms(2), aggr: ms(2), min: 3, max: 9, start: 4096 * 2, end: 4096 * 3, kernel },
  });
  it('DAMON by physical address sees an access to another page of the folio', async () => {
    assert.deepEqual((await alone(trace, 2, onePage('7.3'), of16K)).last(), [2]);
    assert.deepEqual((await alone(trace, 2, onePage('7.3'))).last(), []);
  });
  it('and before 6.15 nothing at all of a tail page', async () => {
    const tail = pages(8, (page) => (page === 2 ? 'RRRRRR' : 'R.....'));
    assert.deepEqual((await alone(tail, 2, onePage('6.1'), of16K)).last(), []);
    assert.deepEqual((await alone(tail, 2, onePage('6.1'))).last(), [2]);
  });
  it('MGLRU sees a folio once per walk: two pages used once each promote it', async () => {
    const turns = grid`p0: R.R..... | p1: R...R... | p2: R....... | p3: R.......`;
    // Aged at 0 (nothing used yet), 2, 4 and 6 ms: the folio is seen at 2, 4 and 6, no page more than twice.
    assert.deepEqual(
      (await alone(turns, 2, 'mglru', of16K)).sets().map((set) => set.length),
      [0, 4, 4, 0],
    );
    assert.deepEqual((await alone(turns, 2, 'mglru')).sets(), [[], [0], [1], []]);
  });
  it('clear_refs counts PG_young, which somebody left on the folio, for every mapped page', async () => {
    const [clear] = await together(trace, 6, ['clear-refs', { scheme: 'idle-page', params: { interval: ms(2) } }], of16K);
    assert.deepEqual(clear!.last(), [0, 1, 2, 3, 4, 5, 6, 7]);
    const later = grid`p0: R......R.... | p1: R...........`;
    const setting = { world: { folioOrder: 1 } };
    const runs = ['clear-refs', { scheme: 'idle-page', params: { interval: ms(2) } }];
    assert.deepEqual((await together(later, 6, runs, setting))[0]!.last(), [0, 1]);
    assert.deepEqual((await together(later, 6, runs))[0]!.last(), [0]);
  });

  describe('NUMA balancing', () => {
    const numa: EngineRun = { scheme: 'numa-hint', params: { interval: ms(150), periodMin: ms(100) } };
    // Protected at 100 ms, page 1 used at 120.
    const used = pages(4, (page) => `R${'.'.repeat(119)}${page === 1 ? 'R' : '.'}${'.'.repeat(29)}`);
    it('one fault restores all entries of the folio', async () => {
      const large = await alone(used, 150, numa, of16K);
      assert.deepEqual([large.last(), large.total('numa-fault')], [[0, 1, 2, 3], 1]);
      const small = await alone(used, 150, numa);
      assert.deepEqual([small.last(), small.total('numa-fault')], [[1], 1]);
    });
    it('and leaves them young, touched or not', async () => {
      const young: EngineRun = { scheme: 'mm-young', params: { interval: ms(75) } };
      const seen = async (setting: Setting): Promise<number[]> => (await together(used, 150, [young, numa], setting))[0]!.last();
      assert.deepEqual([await seen(of16K), await seen({})], [[0, 1, 2, 3], [1]]);
    });
  });
});

describe('hugetlb', () => {
  const reads = grid`p1: RRRRRR`;
  const writes = grid`p1: WWWWWW`;
  it('RWP arms and resolves a huge page at a time, in every cycle', async () => {
    const rwp = await alone(reads, 2, 'uffd-rwp', hugetlb);
    assert.deepEqual(rwp.sets(), [block, block, block]);
    // Armed at 2, 4 and 6 ms; touched after the arms at 2 and 4.
    assert.deepEqual([rwp.total('rwp-arm'), rwp.total('rwp-fault')], [2, 2]);
    const sync = await alone(reads, 2, 'uffd-rwp-sync', hugetlb);
    assert.deepEqual([sync.last(), sync.total('uffd-message')], [block, 3]);
  });
  it('an arm costs an entry, be it of hugetlb or of a PMD of anon memory, and 512 of small pages', async () => {
    const all = pages(512, () => 'RRRRRR');
    const arms = async (setting: Setting): Promise<number> => (await alone(all, 2, 'uffd-rwp', setting)).total('rwp-arm');
    const anon: Setting = { world: { backing: 'anon', hugeBlocks: [0] } };
    assert.deepEqual([await arms(hugetlb), await arms(anon), await arms({})], [2, 2, 1024]);
    const protects = async (setting: Setting): Promise<number> => (await alone(all, 2, 'uffd-wp', setting)).total('wp-arm');
    assert.deepEqual([await protects(hugetlb), await protects(anon), await protects({})], [1, 1, 512]);
  });
  it('MINOR may be registered, and unmaps nothing', async () => {
    const minor = await alone(reads, 2, { scheme: 'uffd-rwp', params: { minor: true } }, hugetlb);
    assert.deepEqual([minor.last(), minor.total('uffd-message')], [block, 0]);
  });
  it('uffd-wp never splits it: reports stay at 2 MiB, one fault each; anon huge pages are split by their first write', async () => {
    const wp = await alone(writes, 2, 'uffd-wp', hugetlb);
    assert.deepEqual([wp.sets(), wp.total('wp-fault')], [[block, block, block], 3]);
    assert.deepEqual((await alone(writes, 2, 'uffd-wp', { world: { backing: 'anon', hugeBlocks: [0] } })).last(), [1]);
    assert.equal((await alone(writes, 2, 'uffd-wp-sync', hugetlb)).total('uffd-message'), 3);
  });
  it('a hole that nobody writes is not written', async () => {
    const hole = grid`p1: WWWWWW | p600: ......`;
    assert.deepEqual((await alone(hole, 2, 'uffd-wp', hugetlb)).last(), block);
    assert.deepEqual((await alone(grid`p1: RRRRRR`, 2, 'uffd-wp', hugetlb)).last(), []);
  });
  it('on no LRU list, passed over by clear_refs and NUMA balancing: trackers that see nothing', async () => {
    const both = grid`p1: ${'B'.repeat(300)}`;
    const one: EngineRun = { scheme: 'damon-paddr', params: { sample: ms(2), aggr: ms(2), min: 3, max: 9, start: 0, end: 4096 * 3 } };
    for (const run of ['idle-page', 'mglru', 'clear-refs', 'soft-dirty', one])
      for (const mmu of ['guest', 'host'] as const) {
        const result = await alone(both, 100, run, { world: { ...hugetlb.world, mmu } });
        assert.ok(result.sets().length > 1);
        assert.deepEqual(result.sets().flat(), [], typeof run === 'string' ? run : run.scheme);
      }
    const numa = await alone(both, 100, 'numa-hint', hugetlb);
    assert.deepEqual([numa.sets().flat(), numa.total('numa-arm')], [[], 0]);
    assert.deepEqual((await alone(both, 100, 'idle-page', hugetlb)).sets('eligible').flat(), []);
  });
  it('DAMON by virtual address has a path of its own', async () => {
    const vaddr: EngineRun = { scheme: 'damon-vaddr', params: { sample: ms(1), aggr: ms(2), min: 3, max: 9 } };
    assert.deepEqual((await alone(reads, 2, vaddr, hugetlb)).last(), block);
  });
  it('A-bit walks see an entry of 2 MiB; the dirty log of KVM stays at 4 KiB', async () => {
    assert.deepEqual((await alone(reads, 2, 'mm-young', hugetlb)).last(), block);
    const underKvm = { world: { ...hugetlb.world, ...host } };
    assert.deepEqual((await alone(reads, 2, 'ept-young', underKvm)).last(), block);
    for (const scheme of ['kvm-dirty-log', 'kvm-dirty-ring', 'pml'])
      assert.deepEqual((await alone(writes, 2, scheme, underKvm)).last(), [1], scheme);
  });
  it('is never swapped: a trace that says so moved it', async () => {
    const remaps = [{ tNs: ms(5), page: 1, kind: 'swap' as const }];
    const once = grid`p1: R...R.`;
    assert.deepEqual((await alone(once, 2, 'uffd-rwp', { ...hugetlb, remaps })).last(), block);
    assert.deepEqual((await alone(once, 2, 'mm-young', { ...hugetlb, remaps })).last(), block);
  });
});
