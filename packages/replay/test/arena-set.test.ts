/** Sets whose words lie in an arena are sets like others, whatever they are combined with. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PageBitmap, Prng } from '@workset/model';
import { setIn } from '../src/memory/arena-set.ts';
import { Arena } from '../src/memory/arena.ts';

/** From less than a word to many rounds of the loops, whole ones and not. */
const SIZES = [1, 31, 32, 1000, 1024, 1025, 5000, 40_000, 1 << 17];
const OPERATIONS = ['and', 'or', 'andNot', 'copy'] as const;

function fill(set: PageBitmap, random: Prng): PageBitmap {
  for (let i = 0; i < set.words.length; i++) set.words[i] = random.below(2 ** 32) | 0;
  return set;
}

describe('sets in an arena', () => {
  for (const nPages of SIZES) {
    it(`${nPages} pages`, () => {
      const random = new Prng(`arena sets ${nPages}`);
      const arena = new Arena(nPages, true);
      const own = setIn(arena, nPages);
      assert.ok(arena.owns(own.words));
      const others = {
        'of the same arena': setIn(arena, nPages),
        'of another arena': setIn(new Arena(nPages, true), nPages),
        'of no arena': setIn(new Arena(nPages, false), nPages),
        plain: new PageBitmap(nPages),
      };
      for (const [which, other] of Object.entries(others)) {
        for (const operation of OPERATIONS) {
          fill(own, random);
          fill(other, random);
          const wanted = new PageBitmap(nPages, own.words.slice());
          wanted[operation](new PageBitmap(nPages, other.words.slice()));
          const before = other.words.slice();
          assert.equal(own[operation](other), own);
          assert.deepEqual([...own.words], [...wanted.words], `${operation} ${which}`);
          assert.deepEqual([...other.words], [...before]);
          assert.equal(own.count(), wanted.count());
        }
        // The other way round.
        for (const operation of OPERATIONS) {
          const wanted = new PageBitmap(nPages, fill(other, random).words.slice());
          wanted[operation](new PageBitmap(nPages, fill(own, random).words.slice()));
          assert.deepEqual([...other[operation](own).words], [...wanted.words], `${operation} to one ${which}`);
        }
      }
      own.clear();
      assert.equal(own.count(), 0);
      assert.ok(own.words.every((word) => word === 0));
      assert.ok(
        fill(others['of the same arena'], random).words.some((word) => word !== 0),
        'its neighbour is not cleared with it',
      );
    });
  }

  it('of as many pages as the other, or word by word', () => {
    const arena = new Arena(1 << 17, true);
    const [large, small] = [setIn(arena, 1 << 17), setIn(arena, 1 << 10)];
    large.addRange(0, 1 << 17);
    small.add(5);
    assert.deepEqual(
      [...small.or(large).words],
      Array.from({ length: 32 }, () => -1),
    );
    assert.equal(large.count(), 1 << 17);
  });

  it('given back to the arena, their room is zeros for the next', () => {
    const arena = new Arena(5000, true);
    const random = new Prng('again');
    const first = fill(setIn(arena, 5000), random);
    arena.release(first.words);
    const again = setIn(arena, 5000);
    assert.equal(again.words, first.words);
    assert.equal(again.count(), 0);
  });
});
