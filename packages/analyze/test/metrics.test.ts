/** Metrics against an oracle that lists every page and pair: random data and the degenerate cases. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { materialiseScores, measure, METRICS, Results } from '@workset/analyze';
import { Prng, UsageError } from '@workset/model';
import type { Row } from '@workset/model';
import { scratch, windowRow, writeRows, writeSets } from './results-dir.ts';
import type { SetRow } from './results-dir.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

function near(actual: unknown, expected: number | null, what: string): void {
  if (expected === null || actual === null || actual === undefined) assert.equal(actual, expected, what);
  else assert.ok(Math.abs((actual as number) - expected) < 1e-9, `${what}: ${actual} ≠ ${expected}`);
}

interface Page {
  readonly score: number;
  readonly age: number;
  readonly hot: boolean;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const div = (a: number, b: number): number | null => (b === 0 ? null : a / b);

function rocAuc(pages: readonly Page[]): number | null {
  const hot = pages.filter((p) => p.hot);
  const cold = pages.filter((p) => !p.hot);
  return div(sum(hot.flatMap((h) => cold.map((c) => (h.score > c.score ? 1 : h.score === c.score ? 0.5 : 0)))), hot.length * cold.length);
}

/** Mean, over the pages in W, of the precision among all pages that score at least as high. */
function averagePrecision(pages: readonly Page[]): number | null {
  const hot = pages.filter((p) => p.hot);
  if (hot.length === pages.length) return null;
  const at = (score: number): number => {
    const above = pages.filter((p) => p.score >= score);
    return above.filter((p) => p.hot).length / above.length;
  };
  return div(sum(hot.map((h) => at(h.score))), hot.length);
}

function kendall(pages: readonly Page[]): number | null {
  let [s, tx, ty, pairs] = [0, 0, 0, 0];
  for (let i = 0; i < pages.length; i++) {
    for (let j = 0; j < i; j++) {
      const x = Math.sign(pages[i]!.score - pages[j]!.score);
      const y = Math.sign(Number(pages[i]!.hot) - Number(pages[j]!.hot));
      s += x * y;
      tx += x === 0 ? 1 : 0;
      ty += y === 0 ? 1 : 0;
      pairs++;
    }
  }
  return div(s, Math.sqrt((pairs - tx) * (pairs - ty)));
}

/** Pearson correlation of mid-ranks. */
function spearman(pages: readonly Page[]): number | null {
  const ranks = (values: readonly number[]): number[] =>
    values.map((v) => values.filter((u) => u < v).length + (values.filter((u) => u === v).length + 1) / 2);
  const x = ranks(pages.map((p) => p.score));
  const y = ranks(pages.map((p) => Number(p.hot)));
  const mean = (pages.length + 1) / 2;
  const cov = sum(x.map((a, i) => (a - mean) * (y[i]! - mean)));
  return div(cov, Math.sqrt(sum(x.map((a) => (a - mean) ** 2)) * sum(y.map((b) => (b - mean) ** 2))));
}

/** Sum of weight(rank) over the hot pages, each page of a tie having the mean weight of the tie's ranks. */
function expected(pages: readonly Page[], order: (p: Page) => string, sorted: readonly Page[], weight: (rank: number) => number): number {
  let total = 0;
  for (const page of pages.filter((p) => p.hot)) {
    const tied = [...sorted.keys()].filter((i) => order(sorted[i]!) === order(page));
    total += sum(tied.map((i) => weight(i + 1))) / tied.length;
  }
  return total;
}

function ndcg(pages: readonly Page[], k: number): number | null {
  const gain = (rank: number): number => (rank <= k ? 1 / Math.log2(rank + 1) : 0);
  const best = sum(range(1, pages.filter((p) => p.hot).length + 1).map(gain));
  return div(
    expected(
      pages,
      (p) => String(p.score),
      pages.toSorted((a, b) => b.score - a.score),
      gain,
    ),
    best,
  );
}

function coldest(pages: readonly Page[], k: number): number | null {
  const sorted = pages.toSorted((a, b) => a.score - b.score || (a.score === 0 ? b.age - a.age : a.age - b.age));
  return div(
    expected(
      pages,
      (p) => `${p.score} ${p.age}`,
      sorted,
      (rank) => (rank <= k ? 1 : 0),
    ),
    k,
  );
}

test('ranking metrics equal page-by-page counting, degenerate windows included', async (t) => {
  const dir = scratch(t);
  const random = new Prng('ranking');
  const nWindows = 24;
  const worlds: Page[][] = [];
  const regions: Row[] = [];
  const sets: SetRow[] = [];
  for (let w = 0; w < nWindows; w++) {
    const truth = new Set<number>();
    const edge = new Set<number>();
    const pages: Page[] = [];
    let page = 65536 - 20 + random.below(8); // regions cross a chunk border
    for (let i = 0; i < 1 + random.below(6); i++) {
      const n = 1 + random.below(12);
      const region = { score: w === 2 ? 1 : random.below(4), age: random.below(3) };
      regions.push({ run_id: 'r', w, start_page: page, n_pages: n, score: region.score, age_ns: region.age });
      for (const p of range(page, page + n)) {
        const roll = random.below(10);
        if (w !== 1 && roll === 0) edge.add(p);
        else {
          const hot = w === 0 ? false : w === 1 ? true : roll < 5;
          if (hot) truth.add(p);
          pages.push({ ...region, hot });
        }
      }
      page += n + random.below(3);
    }
    worlds.push(pages);
    // touches outside every region do not count
    sets.push({ w, kind: 'truth', scope: 'mapped', pages: [...truth, 7] }, { w, kind: 'edge', scope: 'mapped', pages: edge });
  }
  await writeRows(dir, 'runs', [{ run_id: 'r' }]);
  await writeRows(
    dir,
    'windows',
    range(0, nWindows).map((w) => windowRow('r', w, { n_pages: 131072 })),
  );
  await writeRows(dir, 'regions', regions);
  await writeSets(dir, 'r', sets);
  await materialiseScores(dir);
  using results = await Results.open(dir);
  const mapped = (rows: readonly object[]): Row[] => (rows as Row[]).filter((row) => row['scope'] === 'mapped');
  const rank = mapped((await measure(results, 'ranking')).rows);
  const atK = mapped((await measure(results, 'ranking-at-k', { budget: '30%' })).rows);
  assert.equal(rank.length, nWindows);
  assert.equal(atK.length, nWindows);
  for (const [i, row] of rank.entries()) {
    const pages = worlds[row['w'] as number]!;
    const k = Math.floor(pages.length * 0.3);
    near(row['positives'], pages.filter((p) => p.hot).length, `w ${i} positives`);
    near(row['negatives'], pages.filter((p) => !p.hot).length, `w ${i} negatives`);
    near(row['roc_auc'], rocAuc(pages), `w ${i} roc`);
    near(row['pr_auc'], averagePrecision(pages), `w ${i} pr`);
    near(row['kendall_tau_b'], kendall(pages), `w ${i} tau`);
    near(row['spearman_rho'], spearman(pages), `w ${i} rho`);
    near(atK[i]!['k'], k, `w ${i} k`);
    near(atK[i]!['ndcg_at_k'], ndcg(pages, k), `w ${i} ndcg`);
    near(atK[i]!['coldest_k_touched'], coldest(pages, k), `w ${i} coldest`);
  }
});

test('prediction: the report and the cold set against the truth of the next window', async (t) => {
  const dir = scratch(t);
  await writeRows(dir, 'runs', [{ run_id: 'a' }, { run_id: 'b' }]);
  await writeRows(
    dir,
    'windows',
    ['a', 'b'].flatMap((id) => [windowRow(id, 0), windowRow(id, 1), windowRow(id, 2), windowRow(id, 3, { span: 1 })]),
  );
  const truth = [range(0, 10), range(5, 15), [], range(0, 4)].map((pages, w) => ({ w, kind: 'truth', scope: 'mapped', pages }));
  const reported = [range(0, 8), range(5, 15), range(0, 2), []].map((pages, w) => ({ w, kind: 'reported', pages }));
  await writeSets(dir, 'a', [...truth, ...reported]);
  await writeSets(dir, 'b', [...truth, ...reported, { w: 0, kind: 'cold', pages: range(14, 24) }]);
  await materialiseScores(dir);
  using results = await Results.open(dir);
  const rows = (await measure(results, 'prediction')).rows.filter((row) => row['scope'] === 'mapped');
  assert.deepEqual(
    rows.map((r) => [
      r['run_id'],
      r['w'],
      r['next_truth'],
      r['cold'],
      r['next_use_recall'],
      r['premature_eviction_rate'],
      r['reclaimable_fraction'],
    ]),
    [
      ['a', 0, 10, 56, 3 / 10, 7 / 56, 56 / 64],
      ['a', 1, 0, 54, null, 0, 54 / 64],
      ['b', 0, 10, 10, 3 / 10, 1 / 10, 10 / 64],
      ['b', 1, 0, 0, null, null, 0],
    ],
  );
});

test('phase-lag: windows until Jaccard is back at 90% of its level', async (t) => {
  const dir = scratch(t);
  await writeRows(dir, 'runs', [{ run_id: 'r' }]);
  await writeRows(
    dir,
    'windows',
    range(0, 6).map((w) => windowRow('r', w)),
  );
  const truth = [range(0, 10), range(0, 10), range(20, 30), range(20, 30), range(20, 30), range(40, 44)];
  const reported = [range(0, 10), range(0, 10), range(0, 10), range(15, 30), range(20, 30), []];
  await writeSets(
    dir,
    'r',
    range(0, 6).flatMap((w) => [
      { w, kind: 'truth', scope: 'mapped', pages: truth[w]! },
      { w, kind: 'reported', pages: reported[w]! },
    ]),
  );
  await materialiseScores(dir);
  using results = await Results.open(dir);
  const rows = (await measure(results, 'phase-lag')).rows.filter((row) => row['scope'] === 'mapped');
  assert.deepEqual(
    rows.map((row) => [row['w'], row['changed'], row['jaccard_before'], row['lag_windows']]),
    [
      [2, 2, 1, 2],
      [5, 3.5, 1, null],
    ],
  );
});

test('every metric runs on empty results and gives the columns it names', async (t) => {
  using results = await Results.open(scratch(t));
  for (const { descriptor } of METRICS.all) {
    const { columns, rows } = await measure(results, descriptor.id);
    assert.deepEqual(
      columns.map(({ name, type }) => [name, type]),
      descriptor.columns.map(({ name, type }) => [name, type]),
      descriptor.id,
    );
    assert.equal(rows.length, 0);
  }
  assert.throws(
    () => measure(results, 'rankin'),
    (error) => error instanceof UsageError && (error.hint ?? '').includes('ranking'),
  );
});
