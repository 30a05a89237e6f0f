/** Batches read in parts are checked as whole ones are: every way to cut them, damage anywhere, parts that are missing or out of order. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { SpaceReader } from '@workset/store';
import { BATCH_ROWS, TouchSums } from '@workset/store/touches';
import { BatchChecks } from '../src/batch-checks.ts';

const ROWS = 2 * BATCH_ROWS + 1000;
const TOUCHES = Int32Array.from({ length: ROWS }, (_, i) => Math.imul(i, 2_654_435_761) >>> 12);
const sumsOf = (from: number, to: number): TouchSums => new TouchSums().add(TOUCHES, from, to);
const batchesIn = Math.ceil(ROWS / BATCH_ROWS);
const SUMS = Array.from({ length: batchesIn }, (_, i) => sumsOf(i * BATCH_ROWS, Math.min(ROWS, (i + 1) * BATCH_ROWS)).toString());

function checksOf(sums = SUMS): { readonly checks: BatchChecks; readonly reread: number[] } {
  const reread: number[] = [];
  const space = { info: { nTouches: ROWS }, touchPlaces: () => ({ fd: -1, offsets: new Float64Array(batchesIn), sums }) };
  return { checks: new BatchChecks(space as unknown as SpaceReader, (batch) => void reread.push(batch)), reread };
}

/** Hands over rows [from, to), cut where batches end. */
function read(checks: BatchChecks, from: number, to: number): void {
  while (from < to) {
    const batch = Math.floor(from / BATCH_ROWS);
    const stop = Math.min(to, (batch + 1) * BATCH_ROWS);
    const { a, b } = sumsOf(from, stop);
    checks.part({ batch, before: from - batch * BATCH_ROWS, rows: stop - from, a, b });
    from = stop;
  }
}

describe('batches read in parts', () => {
  it('need no second look when the parts are all there, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: ROWS }), { maxLength: 6 }), (cuts) => {
        const { checks, reread } = checksOf();
        const ends = [...cuts, ROWS].sort((a, b) => a - b);
        ends.reduce((from, to) => (read(checks, from, to), to), 0);
        checks.finish();
        assert.deepEqual(reread, []);
      }),
      { numRuns: 10 },
    );
  });

  it('are read again when their sums differ', () => {
    for (let bad = 0; bad < batchesIn; bad++) {
      const { checks, reread } = checksOf(SUMS.with(bad, '0'.repeat(32)));
      assert.throws(() => read(checks, 0, ROWS), new RegExp(`batch ${bad} has other sums in parts`));
      assert.deepEqual(reread, [bad]);
    }
  });

  it('are read again when the end is not read, or the start was not', () => {
    const { checks, reread } = checksOf();
    read(checks, 0, BATCH_ROWS + 5);
    assert.deepEqual(reread, []);
    checks.finish();
    assert.deepEqual(reread, [1]);
    checks.finish();
    read(checks, BATCH_ROWS + 5, 2 * BATCH_ROWS);
    assert.deepEqual(reread, [1]);
    read(checks, 2 * BATCH_ROWS + 1, ROWS);
    assert.deepEqual(reread, [1, 2]);
  });

  it('are not read again when they were read as a whole', () => {
    const { checks, reread } = checksOf();
    checks.whole(0);
    read(checks, 17, BATCH_ROWS);
    checks.finish();
    assert.deepEqual(reread, []);
  });
});
