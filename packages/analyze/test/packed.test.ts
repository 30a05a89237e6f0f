import assert from 'node:assert/strict';
import { readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { materialiseScores, Results } from '@workset/analyze';
import { packedSource, packParts } from '../src/results/packed.ts';
import { withDuckDb } from '../src/scores/score-by-sql.ts';
import { replayRuns, scratch, windowRow } from './results-dir.ts';

const pack = (dir: string): Promise<void> => withDuckDb({ threads: 1 }, (connection) => packParts(dir, (sql) => connection.run(sql), 2));

async function addRun(dir: string, id: string, nPages: number): Promise<void> {
  const pages = Array.from({ length: nPages }, (_, i) => i);
  const sets = [
    { w: 0, kind: 'reported', pages },
    { w: 0, kind: 'truth', scope: 'any', pages },
  ];
  await replayRuns(dir, 512, [{ run: { run_id: id }, windows: [windowRow(id, 0, { n_pages: 512 })], sets }]);
}

/** Run and pages of every score, and how many rows the other packed tables have. */
async function contents(dir: string): Promise<unknown> {
  using results = await Results.open(dir);
  const { rows } = await results.query(`SELECT run_id, tp FROM score_all WHERE "scope" = 'any' ORDER BY 1`);
  const counts = await results.query('SELECT (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM windows) AS windows');
  return [...rows.map((row) => `${row['run_id']} ${row['tp']}`), counts.rows[0]];
}

test('a packed directory answers as its parts do, through runs that are added, redone and removed', async (t) => {
  const dir = scratch(t);
  for (const [i, id] of ['a', 'b', 'c-000', 'd'].entries()) await addRun(dir, id, i + 1);
  await materialiseScores(dir);
  const before = await contents(dir);
  assert.deepEqual(before, ['a 1', 'b 2', 'c-000 3', 'd 4', { runs: 4, windows: 4 }]);
  await pack(dir);
  assert.equal(packedSource(dir, 'scores')?.packed.size, 4);
  assert.deepEqual(packedSource(dir, 'scores')?.rest, []);
  assert.deepEqual(await contents(dir), before);
  assert.deepEqual(await materialiseScores(dir), { scored: 0, skipped: 4, rows: 0 });

  await addRun(dir, 'e', 5);
  assert.deepEqual(await materialiseScores(dir), { scored: 1, skipped: 4, rows: 2 });
  await addRun(dir, 'c-000', 20);
  assert.deepEqual(await materialiseScores(dir), { scored: 1, skipped: 4, rows: 2 });
  for (const table of ['runs', 'windows', 'page_sets']) rmSync(join(dir, table, 'a-000.parquet'));
  rmSync(join(dir, 'scores', 'a.parquet'));
  const after = ['b 2', 'c-000 20', 'd 4', 'e 5', { runs: 4, windows: 4 }];
  assert.deepEqual(await contents(dir), after);
  await pack(dir);
  assert.deepEqual(await contents(dir), after);
  assert.equal(packedSource(dir, 'runs')?.packed.size, 4);
  assert.deepEqual(packedSource(dir, 'runs')?.staleRuns, []);
});

test('a pack is only a cache: damaged, foreign or copied, the parts decide', async (t) => {
  const dir = scratch(t);
  for (const id of ['a', 'b']) await addRun(dir, id, 3);
  await materialiseScores(dir);
  const expected = await contents(dir);
  await pack(dir);
  const part = join(dir, 'scores', 'a.parquet');
  utimesSync(part, new Date(), new Date(Date.now() + 1000)); // as a copy would have it
  assert.deepEqual(packedSource(dir, 'scores')?.staleRuns, ['a']);
  assert.deepEqual(await contents(dir), expected);
  for (const name of readdirSync(join(dir, 'packed'))) if (name.startsWith('scores')) rmSync(join(dir, 'packed', name));
  assert.equal(packedSource(dir, 'scores'), undefined);
  assert.deepEqual(await contents(dir), expected);
  writeFileSync(join(dir, 'packed', 'parts.json'), '{"version": 1');
  assert.equal(packedSource(dir, 'runs'), undefined);
  assert.deepEqual(await contents(dir), expected);
  await pack(dir);
  assert.equal(packedSource(dir, 'scores')?.packed.size, 2);
});
