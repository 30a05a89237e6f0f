import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { TABLES, UnreadableInputError, UsageError } from '@workset/model';
import { columnComment, LATE_MACROS, MACROS, Results, VIEWS } from '@workset/analyze';
import { scratch, writeRows, writeSets } from './results-dir.ts';

test('an empty directory has every table, typed as in the model, and every view runs', async (t) => {
  using results = await Results.open(scratch(t));
  for (const table of Object.values(TABLES)) {
    const { rows } = await results.query(`DESCRIBE ${table.id}`);
    assert.deepEqual(
      rows.map((row) => [row['column_name'], row['column_type']]),
      table.columns.map((c) => [c.name, c.type]),
    );
    assert.equal((await results.query(`FROM ${table.id}`)).rows.length, 0);
  }
  for (const { descriptor } of VIEWS.all) {
    const { columns, rows } = await results.query(`FROM ${descriptor.id}`);
    assert.deepEqual(
      columns.map(({ name }) => name),
      descriptor.columns.map(({ name }) => name),
      descriptor.id,
    );
    assert.equal(rows.length, 0, descriptor.id);
  }
});

test('parts have the same types as the empty tables', async (t) => {
  const dir = scratch(t);
  for (const id of ['runs', 'windows', 'regions', 'costs', 'inputs', 'diagnostics'] as const) await writeRows(dir, id, [{}]);
  await writeSets(dir, 'r', [{ w: 0, kind: 'reported', pages: [1] }]);
  using results = await Results.open(dir);
  for (const id of ['runs', 'windows', 'regions', 'costs', 'inputs', 'diagnostics', 'page_sets'] as const) {
    const { rows } = await results.query(`DESCRIBE ${id}`);
    assert.deepEqual(
      rows.map((row) => [row['column_name'], row['column_type']]),
      TABLES[id].columns.map((c) => [c.name, c.type]),
    );
    assert.equal((await results.query(`FROM ${id}`)).rows.length, 1);
  }
});

test('every table, view, macro and column carries a comment; columns name their unit', async (t) => {
  using results = await Results.open(scratch(t));
  const { rows } = await results.query('SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal');
  const comments = new Map(rows.map((row) => [`${row['table_name']}.${row['column_name']}`, row['comment']]));
  const relations = [...Object.values(TABLES), ...VIEWS.all.map(({ descriptor }) => descriptor)];
  for (const relation of relations) {
    for (const column of relation.columns) {
      assert.equal(comments.get(`${relation.id}.${column.name}`), columnComment(column));
      assert.ok(column.comment.length > 2);
    }
  }
  const views = await results.query('SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NOT NULL');
  assert.deepEqual(views.rows.map((row) => row['view_name']).toSorted(), relations.map(({ id }) => id).toSorted());
  const macros = await results.query(`SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal AND comment IS NOT NULL`);
  assert.deepEqual(macros.rows.map((row) => row['function_name']).toSorted(), [...MACROS, ...LATE_MACROS].map(({ id }) => id).toSorted());
});

test('values: safe integers are numbers, larger ones text, bytes bytes, lists and structs plain', async (t) => {
  using results = await Results.open(scratch(t));
  const { rows, columns } = await results.query(
    `SELECT 9007199254740991::BIGINT AS safe, 18446744073709551615::UBIGINT AS large, 1.25::DECIMAL(9, 2) AS d, '\\x01\\xFF'::BLOB AS b, [1, NULL] AS l,
            {'a': 2::BIGINT} AS s, NULL AS n, sum(1) AS h, DATE '2026-04-14' AS day, 1 AS safe`,
  );
  assert.deepEqual(rows, [
    {
      safe: 9007199254740991,
      large: '18446744073709551615',
      d: 1.25,
      b: new Uint8Array([1, 255]),
      l: [1, null],
      s: { a: 2 },
      n: null,
      h: 1,
      day: '2026-04-14',
      'safe:1': 1,
    },
  ]);
  assert.equal(columns[0]!.type, 'BIGINT');
});

test('limit, parameters, several statements, streams', async (t) => {
  using results = await Results.open(scratch(t));
  const cut = await results.query('FROM range(5000) r(i)', { limit: 3000 });
  assert.equal(cut.rows.length, 3000);
  assert.equal(cut.truncated, true);
  assert.equal((await results.query('FROM range(3)', { limit: 3 })).truncated, false);
  assert.deepEqual((await results.query('SELECT $x + 1 AS y', { bind: { x: 41 } })).rows, [{ y: 42 }]);
  assert.deepEqual((await results.query('SELECT 1 AS a; SELECT 2 AS a;')).rows, [{ a: 2 }]);
  assert.deepEqual((await results.query(`PIVOT (SELECT 'x' AS k, 1 AS v) ON k USING sum(v)`)).rows, [{ x: 1 }]);
  const { rows } = await results.stream('FROM range(10000)');
  let n = 0;
  for await (const batch of rows) n += batch.length;
  assert.equal(n, 10000);
});

const REFUSED = [
  'CREATE TABLE t (a INT)',
  'DROP VIEW runs',
  "COPY (SELECT 1) TO 'x.parquet'",
  "ATTACH 'x.db'",
  'SET threads = 1',
  'PRAGMA enable_profiling',
  'CHECKPOINT',
  'INSTALL httpfs',
  "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.parquet'",
  '/* hi */ EXPLAIN -- there\n ANALYZE CREATE TABLE t (a INT)',
  'EXPLAIN (ANALYZE) CREATE TABLE t (a INT)',
  'SELECT 1; EXPLAIN ANALYZE CREATE TABLE t (a INT)',
  'SELECT 1; CREATE TABLE t (a INT)',
  '',
  '-- nothing',
];
test('anything but a question is refused, and does nothing', async (t) => {
  using results = await Results.open(scratch(t));
  for (const sql of REFUSED) await assert.rejects(results.query(sql), UsageError, sql);
  assert.deepEqual((await results.query("SELECT 1 FROM duckdb_tables() WHERE table_name = 't'")).rows, []);
});

const ALLOWED = [
  'SELECT 1',
  'FROM runs',
  'WITH a AS (SELECT 1) FROM a',
  'DESCRIBE runs',
  'SHOW TABLES',
  'SUMMARIZE runs',
  'EXPLAIN FROM runs',
  'EXPLAIN ANALYZE FROM runs',
  "PRAGMA table_info('runs')",
  'VALUES (1)',
];
test('questions of every kind are answered', async (t) => {
  using results = await Results.open(scratch(t));
  for (const sql of ALLOWED) assert.ok((await results.query(sql)).columns.length > 0, sql);
});

test('SQL reads the results directory and nothing else', async (t) => {
  const outside = join(scratch(t), 'secret.csv');
  writeFileSync(outside, 'a\n1\n');
  const dir = scratch(t);
  await writeRows(dir, 'runs', [{}]);
  using results = await Results.open(dir);
  for (const sql of [
    `FROM read_csv('${outside}')`,
    `FROM read_text('${dir}/../../etc/passwd')`,
    "FROM glob('/etc/*')",
    `FROM '${outside}'`,
  ]) {
    await assert.rejects(results.query(sql), UsageError, sql);
  }
  assert.equal((await results.query(`FROM glob('${dir}/runs/*')`)).rows.length, 1);
  using wider = await Results.open(dir, { allowFiles: [outside] });
  assert.deepEqual((await wider.query(`FROM read_csv('${outside}')`)).rows, [{ a: 1 }]);
});

test('copyTo writes Parquet to a file opened for it, from a question only', async (t) => {
  const file = join(scratch(t), "o'ut.parquet");
  using results = await Results.open(scratch(t), { allowFiles: [file] });
  await results.copyTo('SELECT 7 AS a -- seven\n;', file);
  assert.deepEqual((await results.query(`FROM '${file.replaceAll("'", "''")}'`)).rows, [{ a: 7 }]);
  await assert.rejects(results.copyTo('SELECT 1', '/elsewhere.parquet'), UsageError);
  await assert.rejects(results.copyTo("SELECT 1) TO 'x'; COPY (SELECT 2", file), UsageError);
});

test("errors carry DuckDB's message and no terminal escapes; the connection stays usable", async (t) => {
  using results = await Results.open(scratch(t));
  await assert.rejects(
    results.query('FROM runz'),
    (error) => error instanceof UsageError && /runz does not exist[\s\S]*runs/.test(error.message),
  );
  await assert.rejects(
    results.query("SELECT '\u001b[31m'::INTEGER"),
    (error) => error instanceof UsageError && !error.message.includes('\u001b'),
  );
  await assert.rejects(results.query("SELECT error('late') FROM range(10)"), UsageError);
  assert.equal((await results.query('SELECT 1')).rows.length, 1);
});

test('interrupt ends a long query with an error, and the next one runs', async (t) => {
  using results = await Results.open(scratch(t));
  const long = results.query('SELECT count(*) FROM range(1000000) a, range(1000000) b');
  setTimeout(() => results.interrupt(), 50);
  await assert.rejects(long, /[Ii]nterrupt/);
  assert.equal((await results.query('SELECT 1')).rows.length, 1);
});

test('a missing directory, and a part that is not Parquet, are unreadable input', async (t) => {
  const dir = scratch(t);
  await assert.rejects(Results.open(join(dir, 'none')), UnreadableInputError);
  await writeRows(dir, 'runs', [{}]);
  writeFileSync(join(dir, 'runs', 'bad.parquet'), 'not parquet');
  await assert.rejects(async () => {
    using results = await Results.open(dir);
    await results.query('FROM runs');
  }, /bad\.parquet/);
});

test('directories with quotes, spaces and glob characters', async (t) => {
  const dir = join(scratch(t), "a [b]* it's?");
  await writeRows(dir, 'runs', [{}]);
  using results = await Results.open(dir);
  assert.equal((await results.query('FROM runs')).rows.length, 1);
});
