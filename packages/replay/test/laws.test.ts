/** What must hold whatever the trace: laws of perfect trackers, and of time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap } from '@workset/model';
import { arbitraryTrace, printGrid, QUANTUM_NS, type PlainTrace } from '@workset/testkit';
import { runEngine, type RecordingPart } from './engine-harness.ts';

const RUNS = { numRuns: 200 };
const aligned = arbitraryTrace({ aligned: true });
const quanta = fc.integer({ min: 1, max: 6 });
const ACCESS_BIT_SCHEMES = ['uffd-rwp', 'idle-page', 'uffd-wp'] as const;

async function runScheme(trace: PlainTrace, scheme: string, nQuanta: number): Promise<RecordingPart> {
  return (await runEngine(trace, [{ scheme, params: { interval: nQuanta * QUANTUM_NS } }]))[0]!;
}

/** The sets of a kind in scored windows. */
function each(part: RecordingPart, check: (set: (kind: string, scope?: string) => PageBitmap, w: number) => void): void {
  for (const { w, scored } of part.windows)
    if (scored) check((kind, scope = '') => part.sets.get(`${w} ${kind} ${scope}`) ?? emptyEdge(kind, part.sets.get(`${w} reported `)!), w);
}

function assertEqualSets(trace: PlainTrace, actual: PageBitmap, expected: PageBitmap): void {
  assert.deepEqual([...actual.ids()], [...expected.ids()], printGrid(trace));
}

function isSubset(inner: PageBitmap, outer: PageBitmap): boolean {
  return inner.clone().andNot(outer).count() === 0;
}

describe('laws', () => {
  it('with ticks on quanta, uffd-rwp reports the mapped truth: precision and recall 1, eligible or not', async () => {
    await fc.assert(
      fc.asyncProperty(aligned, quanta, async (trace, n) => {
        each(await runScheme(trace, 'uffd-rwp', n), (set) => assertEqualSets(trace, set('reported'), set('truth', 'mapped')));
      }),
      RUNS,
    );
  });

  it('with ticks on quanta, uffd-wp reports the writes through the mapping', async () => {
    await fc.assert(
      fc.asyncProperty(aligned, quanta, async (trace, n) => {
        each(await runScheme(trace, 'uffd-wp', n), (set) => assertEqualSets(trace, set('reported'), set('truth_writes', 'mapped')));
      }),
      RUNS,
    );
  });

  it('with ticks on quanta, idle-page reports the mapped truth among eligible pages', async () => {
    await fc.assert(
      fc.asyncProperty(aligned, quanta, async (trace, n) => {
        each(await runScheme(trace, 'idle-page', n), (set) =>
          assertEqualSets(trace, set('reported'), set('truth', 'mapped').clone().and(set('eligible'))),
        );
      }),
      RUNS,
    );
  });

  it('with any clock, uffd-rwp misses nothing that surely happened and reports nothing that could not have happened', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTrace(), fc.integer({ min: QUANTUM_NS, max: 4 * QUANTUM_NS }), async (trace, interval) => {
        const [part] = await runEngine(trace, [{ scheme: 'uffd-rwp', params: { interval } }]);
        each(part!, (set) => {
          assert.ok(isSubset(set('truth', 'mapped'), set('reported')), printGrid(trace));
          assert.ok(isSubset(set('reported'), set('truth', 'mapped').clone().or(set('edge', 'mapped'))), printGrid(trace));
        });
      }),
      RUNS,
    );
  });

  it('scopes and targets nest: mapped within any, written within touched; edge and truth are apart', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTrace(), quanta, async (trace, n) => {
        each(await runScheme(trace, 'uffd-rwp', n), (set) => {
          assert.ok(isSubset(set('truth', 'mapped'), set('truth', 'any')));
          for (const scope of ['any', 'mapped']) {
            assert.ok(isSubset(set('truth_writes', scope), set('truth', scope)));
            assert.equal(set('truth', scope).clone().and(set('edge', scope)).count(), 0);
          }
        });
      }),
      RUNS,
    );
  });

  for (const scheme of ACCESS_BIT_SCHEMES) {
    it(`${scheme}: over the same claim, looking twice as often never lowers recall`, async () => {
      await fc.assert(
        fc.asyncProperty(aligned, quanta, async (trace, n) => {
          const often = await runScheme(trace, scheme, n);
          const seldom = await runScheme(trace, scheme, 2 * n);
          each(seldom, (set, w) => assert.ok(isSubset(hits(set), unionOf(often, seldom.windows[w]!)), printGrid(trace)));
        }),
        RUNS,
      );
    });
  }

  it('DAMON with one region per page never reports a page that was not touched', async () => {
    await fc.assert(
      fc.asyncProperty(aligned, fc.integer({ min: 1, max: 4 }), async (trace, samples) => {
        const params = { sample: QUANTUM_NS, aggr: samples * QUANTUM_NS, min: 40, max: 40, end: 40 * 4096, kernel: '7.3' };
        const [part] = await runEngine(trace, [{ scheme: 'damon-paddr', params }]);
        each(part!, (set, w) => {
          assert.ok(part!.regions.get(w)!.every(({ nPages }) => nPages === 1));
          assert.ok(isSubset(set('reported'), set('truth', 'mapped')), printGrid(trace));
        });
      }),
      RUNS,
    );
  });
});

/** Reported pages that are right. */
function hits(set: (kind: string, scope?: string) => PageBitmap): PageBitmap {
  return set('reported').clone().and(set('truth', 'mapped'));
}

/** Everything reported for windows inside the claim of another. */
function unionOf(part: RecordingPart, claim: { claimT0Ns: number; claimT1Ns: number }): PageBitmap {
  const inside = part.windows.filter(({ claimT0Ns, claimT1Ns }) => claimT0Ns >= claim.claimT0Ns && claimT1Ns <= claim.claimT1Ns);
  const sets = inside.map(({ w }) => part.sets.get(`${w} reported `)!);
  return sets.slice(1).reduce((union, set) => union.or(set), sets[0]!.clone());
}

/** An empty edge set need not be written; every other set must be. */
function emptyEdge(kind: string, { nPages }: PageBitmap): PageBitmap {
  assert.match(kind, /^edge/);
  return new PageBitmap(nPages);
}
