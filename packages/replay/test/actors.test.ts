/** What each actor's touch sets, and whom it is hidden from (kernel-semantics 1.2, 1.4). Letters as in the grid of the testkit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grid, type OracleWorldConfig, type PlainTrace } from '@workset/testkit';
import type { EngineRun } from './engine-harness.ts';
import { alone, host, ms, pages, together } from './small-runs.ts';

const run = (scheme: string, params: EngineRun['params'] = {}): EngineRun => ({ scheme, params });
const damon = run('damon-paddr', { sample: ms(2), aggr: ms(2), min: 3, max: 9, start: 0, end: 4096 });

/** True when the scheme reports page 0 in its last window. */
async function sees(trace: PlainTrace, scheme: string | EngineRun, world: Partial<OracleWorldConfig> = {}): Promise<boolean> {
  return (await alone(trace, 2, scheme, { world })).last().includes(0);
}
async function seenBy(trace: PlainTrace, schemes: readonly (string | EngineRun)[], world: Partial<OracleWorldConfig>): Promise<string[]> {
  const names: string[] = [];
  for (const scheme of schemes) if (await sees(trace, scheme, world)) names.push(typeof scheme === 'string' ? scheme : scheme.scheme);
  return names;
}
const READERS = ['uffd-rwp', 'uffd-rwp-sync', 'idle-page', 'clear-refs', 'mm-young', 'ept-young', run('pebs', { period: 1 }), damon];
const WRITE_TRACKERS = ['uffd-wp', 'uffd-wp-sync', 'soft-dirty', 'kvm-dirty-log', 'kvm-dirty-ring', 'pml'];

describe('a VMM or vhost thread, through the host’s page tables', () => {
  /** The vCPU uses the page once; afterwards the host alone does. */
  const trace = grid`p0: R.h.`;
  it('sets the primary A bit and takes the faults: every tracker of the host sees it but EPT aging', async () => {
    assert.deepEqual(await seenBy(trace, READERS, host), [
      'uffd-rwp',
      'uffd-rwp-sync',
      'idle-page',
      'clear-refs',
      'mm-young',
      'pebs',
      'damon-paddr',
    ]);
  });
  it('writes behind KVM’s back: the dirty log, the ring and PML miss it', async () => {
    assert.deepEqual(await seenBy(grid`p0: W.H.`, WRITE_TRACKERS, host), ['uffd-wp', 'uffd-wp-sync', 'soft-dirty']);
  });
  it('is a device to the guest', async () => {
    assert.deepEqual(
      await seenBy(
        trace,
        [...READERS, ...WRITE_TRACKERS].filter((s) => typeof s === 'string'),
        {},
      ),
      [],
    );
  });
  it('resolves an armed page without an EPT violation', async () => {
    const rwp = await alone(trace, 2, 'uffd-rwp', { world: host });
    assert.deepEqual([rwp.total('rwp-fault'), rwp.total('ept-violation')], [1, 0]);
  });
  it('is truth in scope any, not in scope mapped', async () => {
    const { last } = await alone(trace, 2, 'uffd-rwp', { world: host }).then((result) => ({
      last: (scope: string) => result.last('truth', scope),
    }));
    assert.deepEqual([last('any'), last('mapped')], [[0], []]);
  });
  it('idle-page finds the vCPU’s use in the secondary bit and the host’s in the primary one', async () => {
    const both = grid`p0: R.h. | p1: R.R. | p2: R...`;
    assert.deepEqual((await alone(both, 2, 'idle-page', { world: host })).last(), [0, 1]);
    assert.deepEqual((await alone(both, 2, 'clear-refs', { world: host })).last(), [0]);
    assert.deepEqual((await alone(both, 2, 'ept-young', { world: host })).last(), [1]);
  });
});

describe('GUP', () => {
  for (const mmu of ['guest', 'host'] as const) {
    it(`with FOLL_TOUCH sets no A bit and clears PG_idle (${mmu})`, async () => {
      const trace = grid`p0: R.g.`;
      assert.deepEqual(await seenBy(trace, ['mm-young', 'ept-young', 'idle-page', damon], { mmu }), ['idle-page', 'damon-paddr']);
    });
    it(`fast sets PG_referenced alone, which smaps counts (${mmu})`, async () => {
      const trace = grid`p0: R.q.`;
      assert.deepEqual(await seenBy(trace, ['mm-young', 'idle-page', damon, 'clear-refs'], { mmu }), ['clear-refs']);
    });
    it(`takes the fault of an armed page, fast or not, and leaves A set (${mmu})`, async () => {
      for (const trace of [grid`p0: R.g...`, grid`p0: R.q...`]) {
        assert.equal((await alone(trace, 2, 'uffd-rwp', { world: { mmu } })).sets()[1]!.includes(0), true);
        const [young] = await together(trace, 2, ['mm-young', 'uffd-rwp'], { world: { mmu } });
        assert.deepEqual([young!.sets()[1], (await alone(trace, 2, 'mm-young', { world: { mmu } })).sets()[1]], [[0], []]);
      }
    });
    it(`for writing is a write to uffd-wp and soft-dirty, a read is none (${mmu})`, async () => {
      assert.deepEqual(await seenBy(grid`p0: W.G.`, ['uffd-wp', 'soft-dirty'], { mmu }), ['uffd-wp', 'soft-dirty']);
      assert.deepEqual(await seenBy(grid`p0: W.g.`, ['uffd-wp', 'soft-dirty'], { mmu }), []);
    });
  }
  it('under MGLRU leaves PG_idle alone', async () => {
    const trace = grid`p0: R.g.`;
    const [idle] = await together(trace, 2, ['idle-page', run('mglru', { interval: ms(4) })]);
    assert.deepEqual(idle!.last(), []);
  });
});

describe('KVM reaches the host’s entry by GUP', () => {
  /** Zapped at 2 ms by clearing soft-dirty bits, which leaves the entry readable. */
  const trace = grid`p0: R.R.`;
  it('a rebuilt SPTE over an entry that needs no fault sets no primary A bit', async () => {
    const [idle, refs] = await together(trace, 2, ['idle-page', 'clear-refs', 'soft-dirty'], { world: host });
    // PG_idle is cleared and PG_referenced set when KVM marks the page accessed.
    assert.deepEqual([idle!.last(), refs!.last()], [[0], [0]]);
  });
  it('so aging of the primary page table alone sees it only through PG_referenced', async () => {
    // Without a zap the use goes through the SPTE that is there, and marks nothing.
    const again = grid`p0: R.R.R.`;
    const [refs] = await together(again, 2, ['clear-refs', 'soft-dirty'], { world: host });
    assert.deepEqual(refs!.sets(), [[0], [0], [0]]);
    assert.deepEqual((await alone(again, 2, 'clear-refs', { world: host })).sets(), [[0], [], []]);
  });
  it('PG_idle stays under MGLRU, and the SPTE’s own bit shows the use', async () => {
    const [idle] = await together(trace, 2, ['idle-page', 'soft-dirty', run('mglru', { interval: ms(40) })], { world: host });
    assert.deepEqual(idle!.last(), [0]);
  });
});

describe('another process’s mapping of the same memory', () => {
  const trace = grid`p0: R.x.`;
  for (const mmu of ['guest', 'host'] as const) {
    it(`is found by the reverse map, not by trackers of one mm (${mmu})`, async () => {
      assert.deepEqual(await seenBy(trace, READERS, { mmu }), ['idle-page', 'pebs', 'damon-paddr']);
      assert.deepEqual(await seenBy(grid`p0: W.X.`, WRITE_TRACKERS, { mmu }), []);
    });
  }
  it('keeps a page on the LRU list that the tracked process never used', async () => {
    const shared = await alone(grid`p0: x.x. | p1: R...`, 2, 'idle-page');
    assert.deepEqual([shared.last('eligible'), shared.last()], [[0, 1], [0]]);
  });
  it('DAMON over virtual addresses is blind to it', async () => {
    const vaddr = run('damon-vaddr', { sample: ms(2), aggr: ms(2), min: 3, max: 9 });
    assert.equal(await sees(trace, vaddr), false);
  });
});

describe('a huge page that uffd-wp splits at the first write', () => {
  const huge = { backing: 'anon', hugeBlocks: [0] } as const;
  /** Used as a whole at 2 ms, written at 3 ms; nothing after 4 ms. */
  it('hands its A bit to all 512 entries, when it was set', async () => {
    const trace = pages(3, (page) => (page === 0 ? 'R..W..' : page === 1 ? 'R.R...' : 'R.....'));
    const [young] = await together(trace, 2, ['mm-young', 'uffd-wp'], { world: huge });
    assert.equal(young!.sets()[1]!.length, 512);
  });
  it('hands down nothing when the write came first: one page is young', async () => {
    const trace = pages(3, (page) => (page === 0 ? 'R.W...' : page === 1 ? 'R..R..' : 'R.....'));
    const [young] = await together(trace, 2, ['mm-young', 'uffd-wp'], { world: huge });
    assert.deepEqual(young!.sets()[1], [0, 1]);
  });
  it('makes 512 soft-dirty entries of a soft-dirty one', async () => {
    // Soft-dirty bits are cleared at 0 and 6 ms; uffd-wp is armed from 2 ms on: page 1 was written before that, page 0 after.
    const cycle = { setBeginNs: ms(2), setEndNs: ms(2), readBeginNs: ms(4), readEndNs: ms(4) };
    const wp: EngineRun = { scheme: 'uffd-wp', cycles: [cycle] };
    const before = pages(3, (page) => (page === 0 ? 'R..W..' : page === 1 ? '.W....' : 'R.....'));
    assert.equal((await together(before, 6, ['soft-dirty', wp], { world: huge }))[0]!.sets()[0]!.length, 512);
    const after = pages(3, (page) => (page === 0 ? 'R..W..' : 'R.....'));
    assert.deepEqual((await together(after, 6, ['soft-dirty', wp], { world: huge }))[0]!.sets()[0], [0]);
  });
});
