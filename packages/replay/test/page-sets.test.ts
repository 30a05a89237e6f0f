/** Ranges of page sets against sets of numbers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap } from '@workset/model';
import { addInRange, countInRange, holdsAny, keepRange, rangeSet, removeRange } from '../src/memory/page-sets.ts';

const N = 160;
const cases = fc.record({
  ids: fc.uniqueArray(fc.nat({ max: N - 1 })),
  other: fc.uniqueArray(fc.nat({ max: N - 1 })),
  a: fc.nat({ max: N }),
  b: fc.nat({ max: N }),
});

describe('ranges of page sets', () => {
  it('are what filtering numbers gives', () =>
    fc.assert(
      fc.property(cases, ({ ids, other, a, b }) => {
        const range = { from: Math.min(a, b), to: Math.max(a, b) };
        const inside = (id: number): boolean => id >= range.from && id < range.to;
        const set = (of: readonly number[]): PageBitmap => PageBitmap.of(N, of);
        const same = (actual: PageBitmap, expected: readonly number[]): void =>
          assert.deepEqual(
            [...actual.ids()],
            [...new Set(expected)].sort((x, y) => x - y),
          );
        same(rangeSet(N, range), Array.from({ length: N }, (_, i) => i).filter(inside));
        const removed = set(ids);
        removeRange(removed, range);
        same(
          removed,
          ids.filter((id) => !inside(id)),
        );
        same(keepRange(set(ids), range), ids.filter(inside));
        const added = set(ids);
        addInRange(added, set(other), range);
        same(added, [...ids, ...other.filter(inside)]);
        assert.equal(countInRange(set(ids), range), ids.filter(inside).length);
        assert.equal(holdsAny(set(ids), range), ids.some(inside));
      }),
      { numRuns: 500 },
    ));

  it('count every bit once, however many words there are', () =>
    fc.assert(
      fc.property(fc.int32Array({ maxLength: 70 }), (words) => {
        const set = new PageBitmap(32 * words.length, words);
        const bits = [...words].map((word) => (word >>> 0).toString(2).replaceAll('0', '').length);
        assert.equal(
          set.count(),
          bits.reduce((sum, n) => sum + n, 0),
        );
      }),
      { numRuns: 500 },
    ));
});
