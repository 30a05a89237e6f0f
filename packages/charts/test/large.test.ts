import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildReport } from '../src/index.ts';
import { pageSetsOf, loadContext } from '../src/context.ts';
import { askingOnce, detailNote, detailOf, detailRuns } from '../src/report/large.ts';
import { html } from '../src/report/html.ts';
import { LIGHT } from '../src/style.ts';
import { sampleResults } from './fixture.ts';
import type { QuerySource } from '../src/index.ts';

const look = { theme: LIGHT, width: 960 };

test('page sets of large traces are read for some runs of each scheme in turn, and the report says which', async () => {
  const db = await sampleResults({}, 4);
  const all = await loadContext(db, {}, look);
  const tables = new Set(['page_sets']);
  assert.equal((await detailRuns(db, tables, all)).size, 0, 'small results are shown whole');
  const sized = (n: number): QuerySource => ({
    query: async () => ({ columns: [], rows: all.allRuns.map(({ runId }) => ({ run_id: runId, n })) }),
  });
  const detail = await detailRuns(sized(9000), tables, all);
  const kept = detail.get(all.trace)!;
  assert.equal(kept.length, 3, 'three times 9000 rows fit');
  assert.equal(new Set(kept.map((run) => `${run.kind} ${run.family}`)).size, 3, 'of three schemes');
  assert.deepEqual(detailOf(detail, all.trace), { runs: kept.map((run) => run.runId) });
  assert.deepEqual(detailOf(detail, 'another'), {});
  const note = html`${detailNote(detail, all)}`.text;
  assert.match(note, new RegExp(`has ${all.allRuns.length} runs\\. .*shows 3 of them`, 's'));
  for (const run of kept) assert.ok(note.includes(run.label));
  assert.equal((await detailRuns(sized(1e6), tables, all)).get(all.trace)!.length, 2, 'two at least');
  db.close();
});

test('what every chart asks first is asked once per report', async () => {
  const db = await sampleResults({}, 4);
  const asked: string[] = [];
  const counting: QuerySource = { query: (sql) => (asked.push(sql), db.query(sql)) };
  await buildReport(counting);
  assert.equal(asked.filter((sql) => sql.includes('information_schema')).length, 1);
  const once = askingOnce(counting);
  await once.query('SELECT 1');
  await once.query('SELECT 1');
  assert.equal(asked.filter((sql) => sql === 'SELECT 1').length, 2, 'other questions are not kept');
  db.close();
});

test('a few of many runs are read one by one, and give the same rows', async () => {
  const db = await sampleResults({}, 4);
  const ids = (await loadContext(db, {}, look)).allRuns.map((run) => run.runId);
  const count = async (from: string): Promise<unknown> =>
    (await db.query(`SELECT run_id, count(*)::INTEGER AS n FROM ${from} GROUP BY run_id ORDER BY 1`)).rows;
  const some = ids.slice(0, 2);
  const few = pageSetsOf(some, ids.length, "kind = 'reported'");
  assert.match(few, /UNION ALL/);
  assert.doesNotMatch(pageSetsOf(ids, ids.length, 'true'), /UNION ALL/);
  assert.deepEqual(await count(few), await count(pageSetsOf(some, some.length, "kind = 'reported'")));
  assert.ok(((await count(few)) as unknown[]).length > 0);
  assert.deepEqual(await count(pageSetsOf([], 9, 'true')), []);
  db.close();
});
