/** The reader of our own Parquet files takes everything that replay writes: what it refuses is scored by DuckDB, at half the speed. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Prng } from '@workset/model';
import { bigints, ParquetReader, texts } from '../src/parquet/parquet-reader.ts';
import { replayRuns, scratch } from './results-dir.ts';

const PAGES = 1 << 16;

for (const nWindows of [1, 30, 700]) {
  test(`parts of a run of ${nWindows} windows are read as they were written`, async (t) => {
    const dir = scratch(t);
    const random = new Prng('parts');
    const all = Array.from({ length: nWindows }, (_, w) => w);
    const sets = all.map((w) => ({ w, kind: 'reported', pages: Array.from({ length: 20_000 }, () => random.below(PAGES)) }));
    await replayRuns(dir, PAGES, [{ run: { run_id: 'r' }, windows: all.map((w) => ({ w })), sets }]);
    const column = (table: string, name: string): Buffer => {
      const parts = readdirSync(join(dir, table)).map((file) => {
        const reader = ParquetReader.open(join(dir, table, file));
        assert.ok(reader !== undefined, `${table}/${file} is refused`);
        const plain = reader.groups.map(({ columns }) => reader.plain(columns.get(name)!));
        reader.close();
        return Buffer.concat(plain);
      });
      return Buffer.concat(parts);
    };
    assert.deepEqual([...bigints(column('windows', 'w'))], all);
    assert.deepEqual([...bigints(column('page_sets', 'w'))], all);
    assert.deepEqual(
      texts(column('page_sets', 'kind')),
      all.map(() => 'reported'),
    );
    assert.deepEqual(texts(column('runs', 'run_id')), ['r']);
  });
}
