import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { blockBootstrap, materialiseScores, Results, scoreIntervals } from '@workset/analyze';
import { Prng } from '@workset/model';
import { scratch, windowRow, writeRows, writeSets } from './results-dir.ts';

test('the interval holds the mean, lies within the data, and repeats for the same seed', () => {
  const values = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 3, maxLength: 40 });
  fc.assert(
    fc.property(values, (list) => {
      const a = blockBootstrap([list], { resamples: 200, seed: 'x' });
      assert.ok(a.low! <= a.high! + 1e-9 && a.low! >= Math.min(...list) - 1e-9 && a.high! <= Math.max(...list) + 1e-9);
      assert.deepEqual(blockBootstrap([list], { resamples: 200, seed: 'x' }), a);
    }),
    { numRuns: 50 },
  );
});

test('constants have no spread; fewer than three values have no interval', () => {
  assert.deepEqual(blockBootstrap([[2, 2, 2, 2]]), { mean: 2, low: 2, high: 2, n: 4 });
  assert.deepEqual(blockBootstrap([[1, 3]]), { mean: 2, low: null, high: null, n: 2 });
  assert.throws(() => blockBootstrap([[]]), /no values/);
});

test('independent values: the width is that of the normal interval, and 95% of intervals cover the true mean', () => {
  const random = new Prng('normal');
  const n = 100;
  let covered = 0;
  let width = 0;
  const trials = 300;
  for (let trial = 0; trial < trials; trial++) {
    const { low, high } = blockBootstrap([Array.from({ length: n }, () => random.unit())], {
      resamples: 300,
      seed: `t${trial}`,
      blockLength: 1,
    });
    if (low! <= 0.5 && high! >= 0.5) covered++;
    width += (high! - low!) / trials;
  }
  const normal = (2 * 1.96 * Math.sqrt(1 / 12)) / Math.sqrt(n);
  assert.ok(Math.abs(width / normal - 1) < 0.08, `width ${width}, normal ${normal}`);
  assert.ok(covered / trials > 0.9 && covered / trials < 0.985, `coverage ${covered / trials}`);
});

test('values that stay alike for long need blocks: the interval widens', () => {
  const random = new Prng('blocks');
  const list = Array.from({ length: 20 }, () => random.unit()).flatMap((level) => Array.from({ length: 10 }, () => level));
  const width = (blockLength: number): number => {
    const { low, high } = blockBootstrap([list], { blockLength });
    return high! - low!;
  };
  assert.ok(width(20) > 2 * width(1), `${width(20)} against ${width(1)}`);
});

test('seeds that differ widen the interval beyond each seed alone', () => {
  const series = [Array<number>(20).fill(0), Array<number>(20).fill(1), Array<number>(20).fill(0), Array<number>(20).fill(1)];
  const { mean, low, high } = blockBootstrap(series);
  assert.equal(mean, 0.5);
  assert.ok(low! <= 0.25 && high! >= 0.75);
});

test('scoreIntervals: seeds of one scheme together, undefined windows left out', async (t) => {
  const dir = scratch(t);
  await writeRows(dir, 'runs', [
    { run_id: 'a', seed: 1 },
    { run_id: 'b', seed: 2 },
  ]);
  await writeRows(
    dir,
    'windows',
    ['a', 'b'].flatMap((id) => [windowRow(id, 0, { warmup: true }), windowRow(id, 1), windowRow(id, 2), windowRow(id, 3)]),
  );
  const truth = [0, 1, 2].map((w) => ({ w, kind: 'truth', scope: 'mapped', pages: [1, 2] }));
  await writeSets(dir, 'a', [...truth, { w: 1, kind: 'reported', pages: [1, 2] }, { w: 2, kind: 'reported', pages: [1] }]);
  await writeSets(dir, 'b', [...truth, { w: 1, kind: 'reported', pages: [1] }, { w: 2, kind: 'reported', pages: [1] }]);
  await materialiseScores(dir);
  using results = await Results.open(dir);
  const all = await scoreIntervals(results);
  const recall = all.find((row) => row.metric === 'recall' && row.scope === 'mapped')!;
  assert.deepEqual([recall.runs, recall.n, recall.mean], [2, 4, 0.625]);
  assert.ok(recall.low! >= 0.5 && recall.high! <= 1 && recall.low! < recall.high!);
  assert.deepEqual(await scoreIntervals(results), all);
});
