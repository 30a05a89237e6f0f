import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { Prng, RunError } from '@workset/model';
import { materialiseScores, Results } from '@workset/analyze';
import { countAnd, countAnd3, countBits } from '../src/scores/popcount.ts';
import { oracleScores } from './oracle.ts';
import type { World } from './oracle.ts';
import { scratch, windowRow, writeRows, writeSets } from './results-dir.ts';
import type { SetRow } from './results-dir.ts';

const CLOSE = 1e-12;

function close(actual: unknown, expected: number | null, what: string): void {
  if (expected === null || actual === null) assert.equal(actual, expected, what);
  else assert.ok(Math.abs((actual as number) - expected) <= CLOSE * Math.max(1, Math.abs(expected)), `${what}: ${actual} ≠ ${expected}`);
}

/** Random page numbers over three chunks, in clusters, so that chunks are shared, missing and full. */
function randomPages(random: Prng, nPages: number): Set<number> {
  const pages = new Set<number>();
  const clusters = random.below(5);
  for (let i = 0; i < clusters; i++) {
    const start = random.below(nPages);
    const length = random.below(2) === 0 ? random.below(20) : random.below(3000);
    for (let page = start; page < Math.min(start + length, nPages); page++) if (random.below(4) > 0) pages.add(page);
  }
  return pages;
}

const without = (a: Set<number>, b: Set<number>): Set<number> => new Set([...a].filter((page) => !b.has(page)));

test('scores equal the oracle on random sets, every scope and target', async (t) => {
  const dir = scratch(t);
  const random = new Prng('scores');
  const nPages = 3 * 65536;
  const worlds = new Map<string, World>();
  await writeRows(dir, 'runs', [{ run_id: 'r' }]);
  const sets: SetRow[] = [];
  const nWindows = 25;
  for (let w = 0; w < nWindows; w++) {
    const reported = w === 3 ? new Set<number>() : randomPages(random, nPages);
    const eligible = w % 2 === 0 ? null : new Set([...randomPages(random, nPages), ...reported]);
    sets.push({ w, kind: 'reported', pages: reported });
    if (eligible !== null) sets.push({ w, kind: 'eligible', pages: eligible });
    for (const scope of ['any', 'mapped']) {
      for (const [target, truthKind, edgeKind] of [
        ['touched', 'truth', 'edge'],
        ['written', 'truth_writes', 'edge_writes'],
      ] as const) {
        const hits = new Set([...reported].filter(() => random.below(3) > 0));
        const truth = w === 5 ? new Set<number>() : new Set([...hits, ...randomPages(random, nPages)]);
        const edge = without(new Set([...randomPages(random, nPages), ...[...reported].slice(0, 5)]), truth);
        sets.push({ w, kind: truthKind, scope, pages: truth }, { w, kind: edgeKind, scope, pages: edge });
        worlds.set(`${w} ${scope} ${target}`, { nPages, reported, truth, edge, eligible: eligible?.size === 0 ? null : eligible });
      }
    }
  }
  await writeSets(dir, 'r', sets);
  await writeRows(
    dir,
    'windows',
    Array.from({ length: nWindows + 1 }, (_, w) => windowRow('r', w, { n_pages: nPages, scored: w !== 7 })),
  );
  const summary = await materialiseScores(dir);
  assert.deepEqual(summary, { scored: 1, skipped: 0, rows: nWindows * 4 });
  using results = await Results.open(dir);
  const { rows } = await results.query('FROM scores ORDER BY ALL');
  assert.equal(rows.length, nWindows * 4);
  for (const row of rows) {
    assert.notEqual(row['w'], 7, 'unscored window');
    const none = new Set<number>();
    const world = worlds.get(`${row['w']} ${row['scope']} ${row['target']}`) ?? {
      nPages,
      reported: none,
      truth: none,
      edge: none,
      eligible: null,
    };
    for (const [name, value] of Object.entries(oracleScores(world))) close(row[name], value, `w ${row['w']} ${name}`);
  }
});

test('scores equal DuckDB bit operations on the same Parquet', async (t) => {
  const dir = scratch(t);
  const random = new Prng('sql');
  await writeRows(dir, 'runs', [{ run_id: 'r' }]);
  const sets: SetRow[] = [];
  for (let w = 0; w < 6; w++) {
    const truth = randomPages(random, 131072);
    sets.push(
      { w, kind: 'truth', scope: 'any', pages: truth },
      { w, kind: 'edge', scope: 'any', pages: without(randomPages(random, 131072), truth) },
    );
    sets.push({ w, kind: 'reported', pages: randomPages(random, 131072) });
  }
  await writeSets(dir, 'r', sets);
  await writeRows(
    dir,
    'windows',
    Array.from({ length: 6 }, (_, w) => windowRow('r', w, { n_pages: 131072 })),
  );
  await materialiseScores(dir);
  using results = await Results.open(dir);
  const { rows } = await results.query(`
    WITH cell AS (
      SELECT w, chunk, coalesce(any_value(bits) FILTER (kind = 'reported')::BIT, no_pages()) AS d,
             coalesce(any_value(bits) FILTER (kind = 'truth')::BIT, no_pages()) AS t, coalesce(any_value(bits) FILTER (kind = 'edge')::BIT, no_pages()) AS e
      FROM page_sets GROUP BY ALL),
    sums AS (SELECT w, sum(bit_count(d & t)) AS tp, sum(bit_count(d & ~t & ~e)) AS fp, sum(bit_count(d & e)) AS edge, sum(bit_count(t & ~d)) AS fn,
                    131072 - sum(bit_count(d | t | e)) AS tn FROM cell GROUP BY w)
    SELECT s.w FROM scores s JOIN sums m USING (w) WHERE s."scope" = 'any' AND s."target" = 'touched' AND (s.tp, s.fp, s.edge, s.fn, s.tn) = (m.tp, m.fp, m.edge, m.fn, m.tn)`);
  assert.equal(rows.length, 6);
});

test('a scope or target without any stored truth is unknown, not zero; the run’s own is always scored', async (t) => {
  const dir = scratch(t);
  await writeRows(dir, 'runs', [{ run_id: 'r', scope: 'any', target: 'touched' }]);
  await writeRows(dir, 'windows', [windowRow('r', 0)]);
  await writeSets(dir, 'r', [{ w: 0, kind: 'truth', scope: 'any', pages: [1, 2] }]);
  await materialiseScores(dir);
  using results = await Results.open(dir);
  assert.deepEqual((await results.query('SELECT "scope", "target", truth, "precision" FROM scores')).rows, [
    { scope: 'any', target: 'touched', truth: 2, precision: null },
  ]);
});

test('scores are written once, redone on force, and contradictions are refused whole', async (t) => {
  const dir = scratch(t);
  await writeRows(dir, 'runs', [{ run_id: 'r' }]);
  await writeRows(dir, 'windows', [windowRow('r', 0, { n_pages: 8 })]);
  await writeSets(dir, 'r', [{ w: 0, kind: 'truth', scope: 'any', pages: [1, 2] }]);
  assert.equal((await materialiseScores(dir)).scored, 1);
  assert.deepEqual(await materialiseScores(dir), { scored: 0, skipped: 1, rows: 0 });
  assert.equal((await materialiseScores(dir, { force: true })).scored, 1);
  rmSync(join(dir, 'scores'), { recursive: true });
  await writeSets(dir, 'r', [
    { w: 0, kind: 'reported', pages: [1] },
    { w: 0, kind: 'truth', scope: 'any', pages: [1] },
    { w: 0, kind: 'edge', scope: 'any', pages: [1] },
  ]);
  await assert.rejects(materialiseScores(dir), (error) => error instanceof RunError && error.message.includes('contradict'));
  assert.ok(!existsSync(join(dir, 'scores')) || readdirSync(join(dir, 'scores')).length === 0);
});

test('rows out of window order, over several parts, give the same scores', async (t) => {
  const dir = scratch(t);
  await writeRows(dir, 'runs', [{ run_id: 'r' }]);
  await writeRows(
    dir,
    'windows',
    [1, 0, 2].map((w) => windowRow('r', w)),
  );
  await writeSets(
    dir,
    'r',
    [2, 0, 1].map((w) => ({ w, kind: 'truth', scope: 'any', pages: Array.from({ length: w + 1 }, (_, i) => i) })),
  );
  await materialiseScores(dir);
  using results = await Results.open(dir);
  const { rows } = await results.query(`SELECT truth FROM scores WHERE "scope" = 'any' ORDER BY w`);
  assert.deepEqual(
    rows.map((row) => row['truth']),
    [1, 2, 3],
  );
});

test('popcounts equal counting bit by bit', () => {
  const naive = (words: Iterable<number>): number =>
    [...words].reduce((n, word) => n + [...(word >>> 0).toString(2)].filter((c) => c === '1').length, 0);
  const word = fc.oneof(fc.constantFrom(0, -1, 1, -2147483648), fc.integer());
  const words = fc.array(word, { minLength: 16, maxLength: 16 }).map((list) => Int32Array.from(list));
  fc.assert(
    fc.property(words, words, words, (a, b, c) => {
      assert.equal(countBits(a), naive(a));
      assert.equal(countAnd(a, b), naive(a.map((x, i) => x & b[i]!)));
      assert.equal(countAnd3(a, b, c), naive(a.map((x, i) => x & b[i]! & c[i]!)));
    }),
  );
  assert.equal(countBits(new Int32Array(2048).fill(-1)), 65536);
});

test('worker threads write the same scores, pass on failures and stop when told', async (t) => {
  const dirs = [scratch(t), scratch(t)];
  const ids = ['a', 'b', 'c'];
  for (const dir of dirs) {
    await writeRows(
      dir,
      'runs',
      ids.map((id) => ({ run_id: id })),
    );
    await writeRows(
      dir,
      'windows',
      ids.flatMap((id) => [0, 1].map((w) => windowRow(id, w))),
    );
    for (const [i, id] of ids.entries()) {
      await writeSets(dir, id, [
        { w: 0, kind: 'truth', scope: 'mapped', pages: [1, 2, 3 + i] },
        { w: 1, kind: 'reported', pages: [2, 9 + i] },
      ]);
    }
  }
  const seen: string[] = [];
  const alone = await materialiseScores(dirs[0]!);
  const pooled = await materialiseScores(dirs[1]!, { workers: 2, onRun: (id) => seen.push(id) });
  assert.deepEqual(pooled, alone);
  assert.deepEqual(seen.toSorted(), ids);
  const [a, b] = [await Results.open(dirs[0]!), await Results.open(dirs[1]!)];
  const rows = async (results: Results): Promise<unknown> => (await results.query('FROM scores ORDER BY ALL')).rows;
  assert.deepEqual(await rows(b), await rows(a));
  a.close();
  b.close();
  await assert.rejects(materialiseScores(dirs[1]!, { workers: 2, force: true, signal: AbortSignal.abort() }), { name: 'InterruptedError' });
  await writeSets(dirs[1]!, 'c', [
    { w: 0, kind: 'truth', scope: 'mapped', pages: [1] },
    { w: 0, kind: 'edge', scope: 'mapped', pages: [1] },
    { w: 0, kind: 'reported', pages: [1] },
  ]);
  await assert.rejects(materialiseScores(dirs[1]!, { workers: 2, force: true }), {
    name: 'RunError',
    message: /run c, window 0: page sets contradict/,
  });
});
