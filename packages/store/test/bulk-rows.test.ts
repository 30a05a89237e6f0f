/** Rows that arrive as typed columns read back like rows that arrive one by one. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { Prng, type Row } from '@workset/model';
import { createResultsDir, createRunPart, type BulkColumn, type RunPart } from '@workset/store';

const ACCESSES = ['read', 'kernel write', 'write'];

function refault(i: number): Record<string, string | number | boolean> {
  return {
    n: i,
    policy: 'limit',
    primitive: 'uffd-wp',
    t_ns: 1_000_000_000_000 + i * 1700 + 0.4,
    page: (i * 7919) % 5000,
    access: ACCESSES[i % 3]!,
    away_ns: i === 5 ? 0 : 2 ** 40 + i,
    wait_ns: 110_000,
    window_read: i % 5 === 0,
    stale: false,
  };
}

function columnsOf(from: number, rows: number): Record<string, BulkColumn> {
  const all = Array.from({ length: rows }, (_, i) => refault(from + i));
  const numbers = (name: string): Float64Array => Float64Array.from(all, (row) => Number(row[name]));
  return {
    n: { first: from },
    policy: 'limit',
    primitive: 'uffd-wp',
    t_ns: numbers('t_ns'),
    page: Int32Array.from(numbers('page')),
    access: { texts: ACCESSES, codes: Uint8Array.from(all, ({ access }) => ACCESSES.indexOf(access as string)) },
    away_ns: numbers('away_ns'),
    wait_ns: numbers('wait_ns'),
    window_read: Uint8Array.from(numbers('window_read')),
    stale: new Uint8Array(rows),
  };
}

async function partIn(t: TestContext): Promise<{ dir: string; part: RunPart }> {
  const dir = mkdtempSync(join(tmpdir(), 'workset-bulk-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  await createResultsDir(dir, { version: '0', argv: [], traceId: 't' });
  return { dir, part: await createRunPart({ dir, runId: 'r', blocks: new Float64Array(1) }) };
}

const RUN: Row = {
  run_id: 'r',
  trace_id: 't',
  trace: 't',
  scheme: 's',
  kind: 'simulated',
  stream: null,
  params: '{}',
  seed: 1,
  world: null,
  space: 'gpa',
  truth: 'exact',
  scope: 'any',
  target: 'touched',
  cost_profile: 'x',
  status: 'ok',
  error: null,
  n_windows: 0,
  n_pages: 0,
  duration_ns: 0,
  vcpus: 1,
  version: '0',
};

async function refaults(dir: string): Promise<object[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const result = await connection.runAndReadAll(`SELECT * FROM read_parquet('${dir}/refaults/*.parquet') ORDER BY n`);
  return result.getRowObjectsJson();
}

test('columns and rows give the same table', async (t) => {
  const [bulk, single] = [await partIn(t), await partIn(t)];
  bulk.part.columns('refaults', 70, columnsOf(0, 70));
  bulk.part.columns('refaults', 1, columnsOf(70, 1));
  for (let i = 0; i < 71; i++) single.part.row('refaults', refault(i));
  for (const { part } of [bulk, single]) await part.close(RUN);
  const rows = await refaults(bulk.dir);
  assert.equal(rows.length, 71);
  assert.deepEqual(rows, await refaults(single.dir));
});

test('integers of any size, order and number read back exactly', async (t) => {
  const random = new Prng('integers');
  // Widths from no bit to more than differences are packed with; lengths around the blocks of the encoding.
  for (const bits of [0, 1, 7, 24, 25, 31, 32, 33, 45, 47, 48, 53]) {
    for (const rows of [1, 2, 32, 33, 128, 129, 130, 300]) {
      const { dir, part } = await partIn(t);
      const pages = Float64Array.from({ length: rows }, () => random.below(2 ** bits));
      const times = Float64Array.from(pages, (_, i) => (i % 3 === 0 ? -1 : 1) * random.below(2 ** Math.min(bits + 1, 53)));
      part.columns('refaults', rows, { ...columnsOf(0, rows), page: pages, t_ns: times });
      await part.close(RUN);
      const read = (await refaults(dir)) as { page: string; t_ns: string }[];
      const text = `${bits} bits, ${rows} rows`;
      assert.deepEqual(
        Float64Array.from(read, ({ page }) => Number(page)),
        pages,
        text,
      );
      assert.deepEqual(
        Float64Array.from(read, ({ t_ns }) => Number(t_ns)),
        times.map((time) => time + 0),
        text,
      );
    }
  }
});

test('a missing column and a fraction where an integer belongs are refused', async (t) => {
  const { part } = await partIn(t);
  const { access: _, ...rest } = columnsOf(0, 3);
  assert.throws(() => part.columns('refaults', 3, rest), /refaults rows without access/);
  assert.throws(() => part.columns('refaults', 2, { ...columnsOf(0, 2), page: Float64Array.of(1.5, 2) }), /page takes integers, not 1.5/);
  await part.abort();
});
