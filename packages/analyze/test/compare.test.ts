import assert from 'node:assert/strict';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { compareResults, materialiseScores, pairedDifferences, Results } from '@workset/analyze';
import type { WindowCounts } from '@workset/analyze';
import { scratch, windowRow, writeRows, writeSets } from './results-dir.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const N = 12;

/** One run of N windows; of 20 touched pages `hits(w)` are reported. */
async function made(t: TestContext, hits: (w: number) => number, scheme = 'uffd-rwp', nWindows = N): Promise<Results> {
  const dir = scratch(t);
  await writeRows(dir, 'runs', [{ run_id: 'r', scheme }]);
  await writeRows(
    dir,
    'windows',
    range(0, nWindows).map((w) => windowRow('r', w)),
  );
  await writeSets(
    dir,
    'r',
    range(0, nWindows).flatMap((w) => [
      { w, kind: 'truth', scope: 'mapped', pages: range(0, 20) },
      { w, kind: 'reported', pages: range(0, hits(w)) },
    ]),
  );
  await materialiseScores(dir);
  const results = await Results.open(dir);
  t.after(() => results.close());
  return results;
}

const of = async (a: Results, b: Results, metric: string, tolerance?: number) =>
  (await compareResults(a, b, tolerance === undefined ? {} : { tolerance })).changes.find(
    (c) => c.metric === metric && c.run.includes('mapped'),
  )!;

test('the same results differ in nothing', async (t) => {
  const a = await made(t, (w) => 10 + (w % 5));
  for (const change of (await compareResults(a, a)).changes)
    assert.deepEqual([change.verdict, change.difference || 0], ['same', 0], change.metric);
});

test('a loss in every window is a regression; within the tolerance, or in either direction by chance, it is not', async (t) => {
  const a = await made(t, () => 20);
  const worse = await made(t, (w) => 15 + (w % 2));
  const change = await of(a, worse, 'recall');
  assert.deepEqual([change.verdict, change.a, change.windows], ['worse', 1, N]);
  assert.ok(change.low! <= change.difference && change.difference <= change.high! && change.high! < 0, JSON.stringify(change));
  assert.equal((await of(worse, a, 'recall')).verdict, 'better');
  assert.equal((await of(a, worse, 'false_cold_rate')).verdict, 'worse');
  assert.equal((await of(a, worse, 'recall', 0.5)).verdict, 'same');
  const early = await made(t, (w) => (w < 6 ? 10 : 15));
  const late = await made(t, (w) => (w < 6 ? 14 : 12));
  assert.equal((await of(early, late, 'recall')).verdict, 'same');
});

test('runs without a partner are named; two windows have no interval', async (t) => {
  const a = await made(t, () => 20, 'uffd-rwp', 2);
  const b = await made(t, () => 10, 'uffd-rwp', 2);
  const change = await of(a, b, 'recall');
  assert.deepEqual([change.low, change.high, change.verdict], [null, null, 'worse']);
  const other = await made(t, () => 10, 'mm-young', 2);
  const { changes, onlyInA, onlyInB } = await compareResults(a, other);
  assert.deepEqual([changes.length, onlyInA.length > 0, onlyInB[0]!.includes('mm-young')], [0, true, true]);
});

test('undefined figures are not a number, and resamples without them are left out', () => {
  const none: WindowCounts = { tp: 0, fp: 0, fn: 0, truth: 0, reported: 0 };
  const some: WindowCounts = { tp: 4, fp: 0, fn: 4, truth: 8, reported: 4 };
  const empty = pairedDifferences([none, none, none], [none, none, none], 's');
  assert.deepEqual([empty.recall.a, empty.recall.low, empty.f1.a, empty.jaccard.difference], [Number.NaN, null, Number.NaN, 0]);
  const mixed = pairedDifferences([none, some, some], [none, some, some], 's');
  assert.deepEqual([mixed.recall.a, mixed.recall.low, mixed.recall.high], [0.5, 0, 0]);
});
