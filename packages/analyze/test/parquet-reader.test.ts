/** The reader of our own Parquet files takes everything that replay writes: what it refuses is scored by DuckDB, at half the speed. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Prng } from '@workset/model';
import { packedCodes } from '../../store/src/parquet/codes.ts';
import { codesOf } from '../src/parquet/codes.ts';
import { ParquetReader, type ColumnChunk } from '../src/parquet/parquet-reader.ts';
import { replayRuns, scratch } from './results-dir.ts';

const PAGES = 1 << 16;

for (const nWindows of [1, 30, 700]) {
  test(`parts of a run of ${nWindows} windows are read as they were written`, async (t) => {
    const dir = scratch(t);
    const random = new Prng('parts');
    const all = Array.from({ length: nWindows }, (_, w) => w);
    const sets = all.map((w) => ({ w, kind: 'reported', pages: Array.from({ length: 20_000 }, () => random.below(PAGES)) }));
    await replayRuns(dir, PAGES, [{ run: { run_id: 'r' }, windows: all.map((w) => ({ w })), sets }]);
    const column = <Value>(table: string, name: string, of: (reader: ParquetReader, chunk: ColumnChunk) => Iterable<Value>): Value[] =>
      readdirSync(join(dir, table)).flatMap((file) => {
        const reader = ParquetReader.open(join(dir, table, file));
        assert.ok(reader !== undefined, `${table}/${file} is refused`);
        const values = reader.groups.flatMap(({ columns }) => [...of(reader, columns.get(name)!)]);
        reader.close();
        return values;
      });
    const integers = (reader: ParquetReader, chunk: ColumnChunk): Float64Array => reader.integers(chunk);
    const texts = (reader: ParquetReader, chunk: ColumnChunk): string[] => reader.texts(chunk);
    assert.deepEqual(column('windows', 'w', integers), all);
    assert.deepEqual(column('page_sets', 'w', integers), all);
    assert.deepEqual(
      column('page_sets', 'kind', texts),
      all.map(() => 'reported'),
    );
    assert.deepEqual(column('runs', 'run_id', texts), ['r']);
  });
}

test('indices are read as they were packed, and what cannot be one is refused', () => {
  const random = new Prng('indices');
  for (const nValues of [1, 2, 3, 200, 257, 70_000]) {
    for (const n of [1, 8, 9, 4001]) {
      const codes = Int32Array.from({ length: n }, () => random.below(nValues));
      const bytes = packedCodes(codes, n, nValues);
      const read = new Int32Array(n);
      codesOf(bytes, read, nValues);
      assert.deepEqual(read, codes);
      assert.throws(() => codesOf(bytes.subarray(0, -1), read, nValues), RangeError);
      assert.throws(() => codesOf(bytes.subarray(0, 1), read, nValues), RangeError);
      const most = codes.reduce((a, b) => Math.max(a, b));
      assert.throws(() => codesOf(bytes, read, most), RangeError);
    }
  }
  // No indices at all, indices of no bits, and a run of one index, which our writer does not make.
  for (const bytes of [[], [0, 3, 0], [40, 3, 0, 0, 0, 0, 0], [1, 16, 0]])
    assert.throws(() => codesOf(Uint8Array.from(bytes), new Int32Array(8), 2), RangeError);
});
