/**
 * The claims of the linux-mm thread "userfaultfd: working set tracking for VM guest memory" (C1 to C20 as design/thread.md numbers
 * them): does the model say so, on traces made for the question?
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grid, type OracleRemap, type PlainTrace } from '@workset/testkit';
import { countsOf, type EngineRun } from './engine-harness.ts';
import { alone, bigTlb, host, ms, pages, sum, together, type Setting } from './small-runs.ts';

describe('C2: uffd-wp cannot do proper working-set discovery', () => {
  const trace = pages(8, () => 'R.R.R.R.');
  it('misses a read-only working set that RWP sees', async () => {
    assert.deepEqual((await alone(trace, 2, 'uffd-wp')).last(), []);
    assert.deepEqual((await alone(trace, 2, 'uffd-rwp')).last(), [0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('C3: a per-mm access-bit tracker does as well as RWP', () => {
  const trace = pages(4, (page) => ['RRRRRRRR', 'R.......', 'RWRWRWRW', 'RR..RR..'][page]!);
  it('reports the same sets when every access walks', async () => {
    assert.deepEqual((await alone(trace, 2, 'mm-young')).sets(), (await alone(trace, 2, 'uffd-rwp')).sets());
  });
  it('a TLB-resident hot set looks idle to schemes of A bits, not to schemes of protections', async () => {
    const hot = pages(4, () => 'RRRRRRRR');
    const setting = { world: { tlb: bigTlb } };
    for (const scheme of ['mm-young', 'idle-page', 'clear-refs'])
      assert.deepEqual((await alone(hot, 2, scheme, setting)).last(), [], scheme);
    for (const scheme of ['uffd-rwp']) assert.deepEqual((await alone(hot, 2, scheme, setting)).last(), [0, 1, 2, 3], scheme);
    const writes = pages(4, () => 'WWWWWWWW');
    for (const scheme of ['uffd-wp', 'soft-dirty'])
      assert.deepEqual((await alone(writes, 2, scheme, setting)).last(), [0, 1, 2, 3], scheme);
  });
  it('a flush after clearing gives the hot set back', async () => {
    const hot = pages(4, () => 'RRRRRRRR');
    assert.deepEqual(
      (await alone(hot, 2, { scheme: 'mm-young', params: { flush: true } }, { world: { tlb: bigTlb } })).last(),
      [0, 1, 2, 3],
    );
  });
  it('under KVM it needs the secondary A bits: the primary ones alone see nothing', async () => {
    assert.deepEqual((await alone(trace, 2, 'mm-young', { world: host })).last(), [0, 2]);
    assert.deepEqual((await alone(trace, 2, 'clear-refs', { world: host })).last(), []);
  });
});

describe('C4: hardware tracking costs no fault', () => {
  const trace = pages(8, () => 'RRRRRRRR');
  it('mm-young pays entries scanned, RWP pays faults', async () => {
    const young = await alone(trace, 2, 'mm-young');
    const rwp = await alone(trace, 2, 'uffd-rwp');
    assert.deepEqual([young.total('rwp-fault'), young.total('ept-violation'), rwp.total('rwp-fault')], [0, 0, 3 * 8]);
    assert.ok(young.total('pte-scan') > 0);
  });
  it('arming RWP zaps SPTEs, and every page touched after costs an EPT violation too', async () => {
    const rwp = await alone(trace, 2, 'uffd-rwp', { world: host });
    const young = await alone(trace, 2, 'mm-young', { world: host });
    assert.deepEqual([rwp.total('ept-violation'), young.total('ept-violation')], [3 * 8, 0]);
  });
});

describe('C5: page_idle scales with all folios, RWP with the working set', () => {
  /** Ten pages are used throughout, the others only at the start. */
  const footprint = (n: number): PlainTrace => pages(n, (page) => (page < 10 ? 'RRRRRRRR' : 'R.......'));
  it('twice the footprint is twice the reverse-map walks, and not one fault more', async () => {
    const cost = async (n: number): Promise<number[]> => [
      (await alone(footprint(n), 2, 'idle-page')).part.costs
        .filter(({ w, op }) => w === 3 && op === 'rmap-walk')
        .reduce((all, { count }) => all + count, 0),
      countsOf((await alone(footprint(n), 2, 'uffd-rwp')).part, 'rwp-fault').at(-1)!,
    ];
    assert.deepEqual(await cost(100), [200, 10]);
    assert.deepEqual(await cost(200), [400, 10]);
  });
});

describe('C6: the reverse map is pure overhead where every page is mapped once', () => {
  const trace = pages(20, (page) => 'R' + '.'.repeat(page % 4) + 'R'.repeat(7 - (page % 4)));
  it('idle-page and mm-young report equal sets at unequal cost', async () => {
    const idle = await alone(trace, 2, 'idle-page');
    const young = await alone(trace, 2, 'mm-young');
    const eligible = idle.sets('eligible');
    const tracked = young.sets().map((set, w) => set.filter((page) => eligible[w]!.includes(page)));
    assert.deepEqual(idle.sets(), tracked);
    assert.ok(sum(tracked.map((set) => set.length)) > 0);
    assert.ok(idle.total('rmap-walk') > 0);
    assert.equal(young.total('rmap-walk'), 0);
  });
});

describe('C7: a physical tracker loses a page that moves, RWP does not', () => {
  const trace = pages(2, () => 'RRRRRR');
  const remaps: OracleRemap[] = [{ tNs: ms(4), page: 0, kind: 'migrate' }];
  it('page_idle loses a migrated page', async () => {
    assert.deepEqual((await alone(trace, 3, 'idle-page', { remaps })).last(), [1]);
    assert.deepEqual((await alone(trace, 3, 'idle-page')).last(), [0, 1]);
  });
  it('RWP and mm-young keep it: their marks are of the address', async () => {
    assert.deepEqual((await alone(trace, 3, 'uffd-rwp', { remaps })).last(), [0, 1]);
    assert.deepEqual((await alone(trace, 3, 'mm-young', { remaps })).last(), [0, 1]);
  });
});

describe('C8: the A bit can be kept over migration, not over swap', () => {
  /** Touched once in the last window, then moved. */
  const trace = pages(1, () => 'R..R..');
  const moved = (kind: OracleRemap['kind']): OracleRemap[] => [{ tNs: ms(5), page: 0, kind }];
  it('mm-young still sees an access made before a migration', async () => {
    assert.deepEqual((await alone(trace, 3, 'mm-young', { remaps: moved('migrate') })).last(), [0]);
  });
  it('mm-young does not see an access made before a swap-out; RWP does on anon, and not on shmem', async () => {
    assert.deepEqual((await alone(trace, 3, 'mm-young', { remaps: moved('swap') })).last(), []);
    assert.deepEqual((await alone(trace, 3, 'uffd-rwp', { remaps: moved('swap'), world: { backing: 'anon' } })).last(), [0]);
    assert.deepEqual((await alone(trace, 3, 'uffd-rwp', { remaps: moved('swap'), world: { backing: 'shmem' } })).last(), []);
  });
});

describe('C9: clear_refs misses hot pages', () => {
  const trace = pages(2, () => 'RRRRRRRRRRRR');
  it('it is blind to guest accesses under KVM, RWP and EPT aging are not', async () => {
    assert.deepEqual((await alone(trace, 2, 'clear-refs', { world: host })).last(), []);
    for (const scheme of ['uffd-rwp', 'ept-young'])
      assert.deepEqual((await alone(trace, 2, scheme, { world: host })).last(), [0, 1], scheme);
  });
  it('aging that sees a page for the second time takes its A bit and PG_referenced', async () => {
    const once = pages(1, () => 'R..R........');
    const [clear] = await together(once, 6, ['clear-refs', { scheme: 'mglru', params: { interval: ms(2) } }]);
    const undisturbed = await alone(once, 6, 'clear-refs');
    assert.deepEqual([clear!.sets()[0], undisturbed.sets()[0]], [[], [0]]);
  });
});

describe('C10: DAMON is good for size, not for which pages', () => {
  /** Twelve hot pages, one in every fifty. */
  const trace = pages(600, (page) => (page % 50 === 25 ? 'R'.repeat(200) : 'R' + '.'.repeat(199)));
  const damon = { scheme: 'damon-paddr', params: { sample: ms(1), aggr: ms(20), min: 10, max: 20, end: 600 * 4096 } };
  it('sampling misses scattered hot pages that every marking tracker sees', async () => {
    assert.ok((await alone(trace, 20, damon)).recall() < 0.5, `recall ${(await alone(trace, 20, damon)).recall()}`);
    assert.equal((await alone(trace, 20, 'idle-page')).recall(), 1);
    assert.equal((await alone(trace, 20, 'uffd-rwp')).recall(), 1);
  });
  it('what it does report is mostly cold', async () => {
    const result = await alone(trace, 20, damon);
    const hits = result.sets().map((set, w) => set.filter((page) => result.sets('truth', 'mapped')[w]!.includes(page)).length);
    assert.ok(
      sum(hits.slice(1)) <
        0.1 *
          sum(
            result
              .sets()
              .slice(1)
              .map((set) => set.length),
          ),
    );
  });
  it('a contiguous hot set of the same size is found', async () => {
    const packed = pages(600, (page) => (page < 60 ? 'R'.repeat(200) : 'R' + '.'.repeat(199)));
    assert.ok((await alone(packed, 20, damon)).recall() > 0.9);
  });
});

describe('C11: reclaim and MGLRU lose or hide accesses', () => {
  it('MGLRU aging makes page_idle go blind in a shared world', async () => {
    const trace = pages(3, () => 'R..RR...RR..');
    const [idle] = await together(trace, 4, ['idle-page', { scheme: 'mglru', params: { interval: ms(1) } }]);
    const undisturbed = await alone(trace, 4, 'idle-page');
    assert.deepEqual(
      [idle!.sets().slice(1), undisturbed.sets().slice(1)],
      [
        [[], []],
        [
          [0, 1, 2],
          [0, 1, 2],
        ],
      ],
    );
  });
});

describe('C12: the VMA is the natural unit', () => {
  it('RWP on the guest’s memory says nothing of the VMM’s own; aging of the memcg mixes the two', async () => {
    // Pages 0 to 3 are guest memory, 512 and 513 the VMM's buffers, hot all the time.
    const trace = grid`p0: R.RRRRRR | p1: R....... | p2: R..RRRRR | p3: R....... | p512: RRRRRRRR | p513: RRRRRRRR`;
    const rwp = await alone(trace, 2, { scheme: 'uffd-rwp', range: { from: 0, to: 512 } });
    const mglru = await alone(trace, 2, 'mglru');
    assert.deepEqual(rwp.last(), [0, 2]);
    assert.deepEqual(mglru.last(), [0, 2, 512, 513]);
  });
});

describe('C19: a cold scan misreads what is cached but mapped by nothing', () => {
  /** Page 2 is in the page cache, written by the kernel alone; page 3 is a hole of the file. */
  const trace = grid`p0: R.R.R. | p1: R..... | p2: w..... | p3: ......`;
  const scan = (how: string): EngineRun => ({ scheme: 'uffd-rwp', params: { scan: how } });
  it('the hot scan leaves every page that was not accessed to reclaim', async () => {
    const hot = (await alone(trace, 2, scan('hot'))).last();
    assert.deepEqual(hot, [0]);
  });
  it('the cold scan finds only entries still armed: the unmapped page is never reclaimed, and counts as hot', async () => {
    const cold = await alone(trace, 2, scan('cold'));
    assert.deepEqual(cold.last('cold'), [1]);
    assert.deepEqual(cold.last().slice(0, 3), [0, 2, 3]);
  });
});

describe('C20: GUP sets the right marks under RWP', () => {
  it('a guest access with no SPTE reaches the armed entry through GUP and resolves it', async () => {
    const trace = pages(2, (page) => (page === 0 ? 'R.R.' : 'R...'));
    const rwp = await alone(trace, 2, 'uffd-rwp', { world: host });
    assert.deepEqual([rwp.last(), rwp.total('rwp-fault')], [[0], 1]);
  });
  it('a device with a long-term pin is seen by no tracker, in the guest or on the host, and is truth all the same', async () => {
    const trace = grid`p0: R.I. | p1: R.O. | p2: R.R.`;
    for (const scheme of [
      'uffd-rwp',
      'uffd-rwp-sync',
      'idle-page',
      'mm-young',
      'clear-refs',
      'mglru',
      'uffd-wp',
      'kvm-dirty-log',
      'ept-young',
      'pebs',
    ]) {
      for (const mmu of ['guest', 'host'] as const) {
        const result = await alone(trace, 2, { scheme, params: scheme === 'pebs' ? { period: 1 } : {} }, { world: { mmu, tlb: bigTlb } });
        assert.deepEqual(
          result.last().filter((page) => page < 2),
          [],
          `${scheme} ${mmu}`,
        );
        assert.deepEqual([result.last('truth', 'any'), result.last('truth', 'mapped')], [[0, 1, 2], [2]]);
      }
    }
  });
  it('a kernel access of the guest counts under KVM, and not for a tracker inside the guest', async () => {
    const trace = grid`p0: R.r.`;
    assert.deepEqual((await alone(trace, 2, 'uffd-rwp', { world: host })).last(), [0]);
    assert.deepEqual((await alone(trace, 2, 'uffd-rwp')).last(), []);
  });
});

describe('uffd-rwp: chunks, MINOR', () => {
  const busy = pages(8, () => 'RRRRRR');
  it('under KVM every vCPU that needs a page of the call waits for its end: small chunks confine that to pages in use', async () => {
    const half = grid`p0: RRRRRR | p600: R.....`;
    const stall = async (chunk: number): Promise<number> =>
      (await alone(half, 2, { scheme: 'uffd-rwp', params: { chunk } }, { world: host })).total('arm-stall');
    // Armed at 0 (nothing used yet), 2 and 4 ms, and after the last report; 1024 pages in all, of which one is in use.
    assert.deepEqual([await stall(0), await stall(512 * 4096), await stall(64 * 4096)], [2 * 1024, 2 * 512, 2 * 64]);
  });
  it('chunks change what it costs, not what it sees', async () => {
    const whole = await alone(busy, 2, 'uffd-rwp');
    const chunked = await alone(busy, 2, { scheme: 'uffd-rwp', params: { chunk: 3 * 4096 } });
    assert.deepEqual(
      [chunked.sets(), chunked.sets('eligible'), chunked.total('rwp-arm')],
      [whole.sets(), whole.sets('eligible'), whole.total('rwp-arm')],
    );
    assert.equal(chunked.total('syscall') - whole.total('syscall'), 3 * (Math.ceil(512 / 3) - 1));
  });
  it('a plain process never stalls', async () => {
    assert.equal((await alone(busy, 2, 'uffd-rwp')).total('arm-stall'), 0);
  });
  it('without MINOR huge file memory comes back 2 MiB at a time, with it page by page, each first touch a message', async () => {
    const trace = pages(4, (page) => (page < 2 ? 'RRRRRR' : 'R.....'));
    const huge: Setting = { world: { backing: 'shmem', hugeBlocks: [0] } };
    const silent = await alone(trace, 2, 'uffd-rwp', huge);
    const minor = await alone(trace, 2, { scheme: 'uffd-rwp', params: { minor: true } }, huge);
    assert.deepEqual([silent.last().length, silent.total('rwp-fault'), silent.total('uffd-message')], [512, 0, 0]);
    // Unmapped by the arm at 2 ms: two MINOR messages in the next window; armed as small entries at 4 ms: two faults in the last.
    assert.deepEqual(
      [minor.last(), countsOf(minor.part, 'uffd-message'), countsOf(minor.part, 'rwp-fault')],
      [
        [0, 1],
        [0, 2, 0],
        [0, 0, 2],
      ],
    );
  });
  it('MINOR is refused on anonymous memory', async () => {
    await assert.rejects(
      alone(busy, 2, { scheme: 'uffd-rwp', params: { minor: true } }, { world: { backing: 'anon' } }),
      /MINOR cannot be registered on anonymous memory/,
    );
  });
  it('the sync tracker gets no message for PMD-mapped file memory, which is never armed; anon blocks', async () => {
    const trace = pages(4, () => 'RRRRRR');
    const messages = async (backing: 'anon' | 'shmem'): Promise<number[]> =>
      (await alone(trace, 2, 'uffd-rwp-sync', { world: { backing, hugeBlocks: [0] } })).sets().map((set) => set.length);
    assert.deepEqual(await messages('shmem'), [512, 0, 0]);
    assert.deepEqual(await messages('anon'), [512, 512, 512]);
  });
});
