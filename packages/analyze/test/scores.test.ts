import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { Prng, RunError } from '@workset/model';
import { materialiseScores, Results } from '@workset/analyze';
import { countAnd, countAnd3, countBits } from '../src/scores/popcount.ts';
import { oracleScores } from './oracle.ts';
import type { World } from './oracle.ts';
import { replayRuns, scratch, windowRow, writeRows, writeSets } from './results-dir.ts';
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

/** Sets of 25 windows over three chunks, and what their scores must be; window 25 has none, window 7 is not scored. */
function randomWorlds(random: Prng, nPages: number): { sets: SetRow[]; worlds: Map<string, World> } {
  const worlds = new Map<string, World>();
  const sets: SetRow[] = [];
  for (let w = 0; w < 25; w++) {
    const reported = w === 3 ? new Set<number>() : randomPages(random, nPages);
    const eligible = w % 2 === 0 ? null : new Set([...randomPages(random, nPages), ...reported]);
    sets.push({ w, kind: 'reported', pages: reported });
    if (eligible !== null) sets.push({ w, kind: 'eligible', pages: eligible });
    for (const [target, truthKind, edgeKind] of [
      ['touched', 'truth', 'edge'],
      ['written', 'truth_writes', 'edge_writes'],
    ] as const) {
      let [truth, edge] = [new Set<number>(), new Set<number>()];
      const both: SetRow[][] = [[], []];
      for (const scope of ['any', 'mapped']) {
        if (scope === 'any' || w % 3 > 0) {
          const hits = new Set([...reported].filter(() => random.below(3) > 0));
          truth = w === 5 ? new Set<number>() : new Set([...hits, ...randomPages(random, nPages)]);
          edge = without(new Set([...randomPages(random, nPages), ...[...reported].slice(0, 5)]), truth);
        }
        both[0]!.push({ w, kind: truthKind, scope, pages: truth });
        both[1]!.push({ w, kind: edgeKind, scope, pages: edge });
        worlds.set(`${w} ${scope} ${target}`, { nPages, reported, truth, edge, eligible: eligible?.size === 0 ? null : eligible });
      }
      sets.push(...both.flat());
    }
  }
  return { sets, worlds };
}

async function assertScores(dir: string, runId: string, nPages: number, worlds: ReadonlyMap<string, World>): Promise<void> {
  using results = await Results.open(dir);
  const { rows } = await results.query('FROM scores WHERE run_id = $run ORDER BY ALL', { bind: { run: runId } });
  assert.equal(rows.length, 25 * 4);
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
    for (const [name, value] of Object.entries(oracleScores(world))) close(row[name], value, `${runId} w ${row['w']} ${name}`);
  }
}

const windowsOf = (runId: string, nPages: number) =>
  Array.from({ length: 26 }, (_, w) => windowRow(runId, w, { n_pages: nPages, scored: w !== 7 }));

test('scores equal the oracle on random sets, every scope and target', async (t) => {
  const dir = scratch(t);
  const nPages = 3 * 65536;
  const { sets, worlds } = randomWorlds(new Prng('scores'), nPages);
  await writeRows(dir, 'runs', [{ run_id: 'r' }]);
  await writeSets(dir, 'r', sets);
  await writeRows(dir, 'windows', windowsOf('r', nPages));
  const summary = await materialiseScores(dir);
  assert.deepEqual(summary, { scored: 1, skipped: 0, rows: 25 * 4 });
  await assertScores(dir, 'r', nPages, worlds);
});

test('scores of parts as replay writes them equal the oracle, for any number of runs side by side and workers', async (t) => {
  const dir = scratch(t);
  const nPages = 3 * 65536;
  const random = new Prng('parts');
  const made = Array.from({ length: 2 }, () => randomWorlds(random, nPages));
  // two more runs that share every set, and every set but the report, with the first
  const ids = ['a', 'b', 'twin', 'sister'];
  const sister = made[0]!.sets.filter(({ kind }) => kind !== 'reported');
  const lists = [...made.map(({ sets }) => sets), made[0]!.sets, sister];
  await replayRuns(
    dir,
    nPages,
    ids.map((id, i) => ({ run: { run_id: id }, windows: windowsOf(id, nPages), sets: lists[i]! })),
  );
  const worlds = [...made.map((one) => one.worlds), made[0]!.worlds];
  worlds.push(new Map([...made[0]!.worlds].map(([key, world]) => [key, { ...world, reported: new Set<number>() }])));
  for (const how of [{ workers: 1 }, { workers: 3 }, { memoryLimitBytes: 512 * 2 ** 20 }]) {
    const seen: string[] = [];
    const summary = await materialiseScores(dir, { ...how, force: true, onRun: (id) => seen.push(id) });
    assert.deepEqual(summary, { scored: 4, skipped: 0, rows: 4 * 25 * 4 });
    assert.deepEqual(seen.toSorted(), ids.toSorted());
    for (const [i, id] of ids.entries()) await assertScores(dir, id, nPages, worlds[i]!);
  }
});

test('sets of more chunks than a page holds, and a part that is damaged', async (t) => {
  const dir = scratch(t);
  const nPages = 70 * 65536;
  const every = (step: number): number[] => Array.from({ length: Math.ceil(nPages / step) }, (_, i) => i * step);
  const pages = every(1000);
  const sets: SetRow[] = [
    { w: 0, kind: 'reported', pages: every(3000) },
    { w: 0, kind: 'truth', scope: 'any', pages },
    { w: 0, kind: 'truth', scope: 'mapped', pages },
  ];
  await replayRuns(dir, nPages, [{ run: { run_id: 'r' }, windows: [windowRow('r', 0, { n_pages: nPages })], sets }]);
  await materialiseScores(dir);
  using results = await Results.open(dir);
  const { rows } = await results.query('SELECT "scope", truth, reported, tp, fp FROM scores ORDER BY 1');
  const figures = { truth: 4588, reported: 1530, tp: 1530, fp: 0 };
  assert.deepEqual(rows, [
    { scope: 'any', ...figures },
    { scope: 'mapped', ...figures },
  ]);
  const part = join(dir, 'page_sets', 'r-000.parquet');
  const bytes = readFileSync(part);
  writeFileSync(part, bytes.fill(0x55, bytes.length >> 2, bytes.length >> 1));
  await assert.rejects(materialiseScores(dir, { force: true }), {
    name: 'RunError',
    message: /the stored page sets cannot be read: .*r-000/,
  });
});

test('a part that was cut short is bad data, named with what to do', async (t) => {
  for (const table of ['page_sets', 'windows', 'runs']) {
    const dir = scratch(t);
    await replayRuns(dir, 512, [{ run: { run_id: 'r' }, windows: [windowRow('r', 0)], sets: [{ w: 0, kind: 'reported', pages: [1] }] }]);
    const part = join(dir, table, 'r-000.parquet');
    writeFileSync(part, readFileSync(part).subarray(0, 100));
    await assert.rejects(materialiseScores(dir), (error: { code?: string; message: string; hint?: string }) => {
      assert.equal(error.code, 'bad-data');
      assert.match(error.message, new RegExp(`cannot be read: .*${table}/r-000\\.parquet`));
      assert.match(error.hint ?? '', /the next replay/);
      return true;
    });
  }
});

test('a run without a scored window has no scores, and is not asked again', async (t) => {
  const dir = scratch(t);
  await replayRuns(dir, 512, [
    { run: { run_id: 'r' }, windows: [windowRow('r', 0, { scored: false })], sets: [{ w: 0, kind: 'reported', pages: [1] }] },
  ]);
  assert.deepEqual(await materialiseScores(dir), { scored: 1, skipped: 0, rows: 0 });
  assert.deepEqual(await materialiseScores(dir), { scored: 0, skipped: 1, rows: 0 });
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
  const setsOf = (i: number): SetRow[] => [
    { w: 0, kind: 'truth', scope: 'mapped', pages: [1, 2, 3 + i] },
    { w: 1, kind: 'reported', pages: [2, 9 + i] },
  ];
  const write = (dir: string, id: string, sets: readonly SetRow[]): Promise<void> =>
    replayRuns(dir, 512, [{ run: { run_id: id }, windows: [0, 1].map((w) => windowRow(id, w)), sets }]);
  for (const dir of dirs) for (const [i, id] of ids.entries()) await write(dir, id, setsOf(i));
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
  await write(dirs[1]!, 'c', [
    { w: 0, kind: 'truth', scope: 'mapped', pages: [1] },
    { w: 0, kind: 'edge', scope: 'mapped', pages: [1] },
    { w: 0, kind: 'reported', pages: [1] },
  ]);
  await assert.rejects(materialiseScores(dirs[1]!, { workers: 2, force: true }), {
    name: 'RunError',
    message: /run c, window 0: page sets contradict/,
  });
  const part = join(dirs[1]!, 'page_sets', 'b-000.parquet');
  const bytes = readFileSync(part);
  writeFileSync(part, bytes.fill(0x55, 8, bytes.length >> 2));
  await assert.rejects(materialiseScores(dirs[1]!, { workers: 2, force: true }), { name: 'RunError', message: /cannot be read: .*b-000/ });
});
