/** What is done with the reports of a tracker does not change them: eviction runs of one scheme report the same pages, whatever the swapper. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { NS_PER_MS } from '@workset/model';
import { synthesise } from '@workset/ingest';
import { replay } from '@workset/replay';

test('DAMON draws the same regions under every swapper and memory limit', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-same-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const trace = join(dir, 'zipf.trace');
  await synthesise('zipf', { out: trace, pages: 4096, seconds: 1, rate: 2e5 });
  const out = join(dir, 'results');
  const evict = ['uffd-wp:limit=50%', 'uffd-wp:limit=70%', 'rwp-sync:limit=50%,low=45%'];
  const { runs } = await replay(trace, { out, schemes: [{ id: 'damon-paddr', sample: NS_PER_MS, aggr: 20 * NS_PER_MS, min: 10 }], evict });
  assert.equal(runs.length, evict.length);
  const instance = await DuckDBInstance.create(':memory:');
  t.after(() => instance.closeSync());
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(`
    SELECT count(DISTINCT regions), min(n) FROM (
      SELECT run_id, count(*) AS n, list((w, start_page, n_pages, score) ORDER BY w, start_page)::VARCHAR AS regions
      FROM read_parquet('${out}/regions/*.parquet') GROUP BY run_id)`);
  const [[distinct, fewest]] = reader.getRows() as [[bigint, bigint]];
  assert.equal(distinct, 1n);
  assert.ok(fewest > 40n, `${fewest} regions`);
});
