/** Answers as Arrow IPC and Parquet: read back by apache-arrow and DuckDB, digit for digit. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { tableFromIPC } from 'apache-arrow';
import type { Table } from 'apache-arrow';
import { UsageError } from '@workset/model';
import { Results } from '@workset/analyze';
import { scratch } from './results-dir.ts';

async function arrowOf(results: Results, sql: string, container: 'file' | 'stream'): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of await results.arrow(sql, container)) parts.push(part);
  return Buffer.concat(parts);
}

const typesOf = (table: Table): Record<string, string> =>
  Object.fromEntries(table.schema.fields.map(({ name, type }) => [name, String(type)]));

/** Value of a decimal as apache-arrow holds it: four words, low first, two's complement. */
function decimal(words: Uint32Array): bigint {
  const [a, b, c, d] = [...words].map(BigInt) as [bigint, bigint, bigint, bigint];
  return BigInt.asIntN(128, a | (b << 32n) | (c << 64n) | (d << 96n));
}

const EVERY = `SELECT * FROM (VALUES
  (1::TINYINT, -2::SMALLINT, 3::INTEGER, 9007199254740993::BIGINT, 18446744073709551615::UBIGINT, 1.5::FLOAT, 0.1::DOUBLE, true, 'ä€', '\\x00\\xFF'::BLOB, [1, 2], NULL),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (-1, 2, -3, -9223372036854775808, 0, -0.25, 'nan'::DOUBLE, false, '', ''::BLOB, [], NULL)) t(i8, i16, i32, i64, u64, f32, f64, flag, txt, bytes, list, nothing)`;

for (const container of ['file', 'stream'] as const) {
  test(`${container}: every type of the schema, NULLs and lists`, async (t) => {
    using results = await Results.open(scratch(t));
    const bytes = await arrowOf(results, EVERY, container);
    assert.equal(bytes.subarray(0, 6).toString() === 'ARROW1', container === 'file');
    const table = tableFromIPC(bytes);
    assert.deepEqual(typesOf(table), {
      i8: 'Int8',
      i16: 'Int16',
      i32: 'Int32',
      i64: 'Int64',
      u64: 'Uint64',
      f32: 'Float32',
      f64: 'Float64',
      flag: 'Bool',
      txt: 'Utf8',
      bytes: 'Binary',
      list: 'Utf8',
      nothing: 'Int32',
    });
    const rows = table.toArray().map((row) => (row as { toJSON(): Record<string, unknown> }).toJSON());
    const [first, second, third] = rows as [Record<string, unknown>, Record<string, unknown>, Record<string, unknown>];
    assert.equal(rows.length, 3);
    assert.deepEqual(
      { ...first, bytes: [...(first['bytes'] as Uint8Array)] },
      {
        i8: 1,
        i16: -2,
        i32: 3,
        i64: 9007199254740993n,
        u64: 18446744073709551615n,
        f32: 1.5,
        f64: 0.1,
        flag: true,
        txt: 'ä€',
        bytes: [0, 255],
        list: '[1,2]',
        nothing: null,
      },
    );
    assert.ok(Object.values(second).every((value) => value === null));
    assert.equal(third['i64'], -(2n ** 63n));
    assert.ok(Number.isNaN(third['f64']));
    assert.equal(third['txt'], '');
    assert.equal((third['bytes'] as Uint8Array).length, 0);
  });

  test(`${container}: no rows keep their columns; many rows come in batches`, async (t) => {
    using results = await Results.open(scratch(t));
    const none = tableFromIPC(await arrowOf(results, 'FROM scores', container));
    assert.equal(none.numRows, 0);
    assert.equal(none.schema.fields[3]!.name, 'target');
    const many = tableFromIPC(
      await arrowOf(results, 'SELECT range AS n, if(range % 3 = 0, NULL, range) AS some FROM range(200000)', container),
    );
    assert.equal(many.numRows, 200_000);
    assert.ok(many.batches.length > 1);
    assert.equal(many.getChild('some')!.nullCount, 66_667);
    const n = many.getChild('n')!;
    for (let i = 0; i < 200_000; i += 9973) assert.equal(n.get(i), BigInt(i));
  });
}

test('sums and decimals keep every digit', async (t) => {
  using results = await Results.open(scratch(t));
  const ints = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(ints, async (values) => {
      const sql = `SELECT sum(v) AS s, max(v)::DECIMAL(38, 6) AS d FROM (VALUES ${values.map((v) => `((${v})::HUGEINT::BIGINT)`).join(', ')}) t(v)`;
      const table = tableFromIPC(await arrowOf(results, sql, 'stream'));
      assert.equal(
        decimal(table.getChild('s')!.get(0) as Uint32Array),
        values.reduce((a, b) => a + b, 0n),
      );
      assert.equal(decimal(table.getChild('d')!.get(0) as Uint32Array), values.reduce((a, b) => (a > b ? a : b)) * 1_000_000n);
    }),
    // In SQL the minus of a number binds less than a cast: the smallest one was cast without it.
    { numRuns: 40, examples: [[[-(2n ** 63n)]]] },
  );
  const type = tableFromIPC(await arrowOf(results, 'SELECT sum(range) AS s, 1.25 AS d FROM range(3)', 'file')).schema.fields;
  assert.deepEqual(type.map(({ type: { precision, scale } }) => [precision, scale]), [[38, 0], [3, 2]]); // prettier-ignore
});

test('more digits than Arrow holds are refused, not rounded', async (t) => {
  using results = await Results.open(scratch(t));
  await assert.rejects(arrowOf(results, 'SELECT 170141183460469231731687303715884105727::HUGEINT AS n', 'file'), (error: unknown) => {
    assert.ok(error instanceof UsageError);
    return error.message.startsWith('n: 170141183460469231731687303715884105727 has more than 38 digits');
  });
  await assert.rejects(arrowOf(results, 'DROP VIEW runs', 'file'), UsageError);
});

test('Parquet keeps the digits of a sum too, and text formats those of a decimal', async (t) => {
  const file = join(scratch(t), 's.parquet');
  using results = await Results.open(scratch(t), { allowFiles: [file] });
  const sum = 'SELECT sum(v) AS "a b", [sum(v)] AS l, count(*) AS n FROM (VALUES (9223372036854775807), (9223372036854775807)) t(v)';
  await results.copyTo(sum, file);
  const back = await results.query(`SELECT "a b"::VARCHAR AS s, l::VARCHAR AS l, n, typeof("a b") AS t FROM '${file}'`);
  assert.deepEqual(back.rows, [{ s: '18446744073709551614', l: '[18446744073709551614]', n: 2, t: 'DECIMAL(38,0)' }]);
  await assert.rejects(results.copyTo('SELECT 170141183460469231731687303715884105727::HUGEINT AS n', file), UsageError);
  const { rows } = await results.query('SELECT 0.1::DECIMAL(4, 2) AS short, 12345678901234567.89::DECIMAL(30, 2) AS long');
  assert.deepEqual(rows, [{ short: 0.1, long: '12345678901234567.89' }]);
});
