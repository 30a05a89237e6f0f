/** Stack distances against an LRU stack that is a list, a count over the times of last touches, and what can be said beforehand. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Prng } from '@workset/model';
import { StackDistances } from '../src/curves/stack-distances.ts';

/** Touches between two renumberings in the smallest spaces, at least. */
const AXIS = 32 * 448;

/** Distances of all touches, 0 for first ones. */
function ofList(pages: Int32Array): Int32Array {
  const stack: number[] = [];
  return pages.map((page) => {
    const depth = stack.indexOf(page);
    if (depth >= 0) stack.splice(depth, 1);
    stack.unshift(page);
    return depth + 1;
  });
}

/** The same in logarithmic time: how many last touches there are from one on, by a Fenwick tree over all times. */
function ofTimes(pages: Int32Array, nPages: number): Int32Array {
  const tree = new Int32Array(pages.length + 1);
  const last = new Int32Array(nPages);
  let different = 0;
  const add = (time: number, n: number): void => {
    for (let k = time; k < tree.length; k += k & -k) tree[k]! += n;
  };
  return pages.map((page, i) => {
    let before = 0;
    for (let k = last[page]! - 1; k > 0; k &= k - 1) before += tree[k]!;
    const distance = last[page] === 0 ? 0 : different - before;
    if (last[page] === 0) different++;
    else add(last[page]!, -1);
    last[page] = i + 1;
    add(i + 1, 1);
    return distance;
  });
}

function countsOf(distances: Int32Array, nPages: number): Float64Array {
  const counts = new Float64Array(nPages + 1);
  for (const distance of distances) if (distance > 0) counts[distance]! += 1;
  return counts;
}

const PATTERNS = {
  uniform: (random: Prng, nPages: number) => random.below(nPages),
  skewed: (random: Prng, nPages: number) => Math.floor(nPages * (random.below(1 << 20) / (1 << 20)) ** 6),
  /** Some pages are never touched. */
  sparse: (random: Prng, nPages: number) => nPages - 1 - Math.floor(random.below(nPages) / 7) * 7 * random.below(2),
  /** To and fro. */
  swept: (_: Prng, nPages: number, i: number) => Math.abs((i % (2 * nPages)) - nPages + (i % (2 * nPages) < nPages ? 1 : 0)),
} as const satisfies Record<string, (random: Prng, nPages: number, i: number) => number>;
const patternNames = Object.keys(PATTERNS) as (keyof typeof PATTERNS)[];

function stringOf(pattern: keyof typeof PATTERNS, nPages: number, length: number, random: Prng): Int32Array {
  return Int32Array.from({ length }, (_, i) => PATTERNS[pattern](random, nPages, i));
}

/** Runs the string through `next` and `push`, in turns of up to `turnMax` touches with random classes; checks everything. */
function check(pages: Int32Array, nPages: number, expected: Int32Array, classBits: number, turnMax: number, random: Prng): void {
  const stack = new StackDistances(nPages);
  const touches = pages.map((page) => (page << classBits) | random.below(1 << classBits));
  for (let i = 0; i < pages.length;) {
    const to = Math.min(pages.length, i + 1 + random.below(turnMax));
    if (random.below(2) === 0) stack.push(touches, i, to, classBits);
    else for (let k = i; k < to; k++) assert.equal(stack.next(pages[k]!), expected[k], `touch ${k}`);
    i = to;
    if (random.below(16) === 0) assert.equal(stack.touches, i);
    if (random.below(64) === 0) assert.deepEqual(stack.counts, countsOf(expected.subarray(0, i), nPages));
  }
  assert.equal(stack.touches, pages.length);
  assert.equal(stack.cold, new Set(pages).size);
  assert.deepEqual(stack.counts, countsOf(expected, nPages));
}

describe('stack distances', () => {
  it('are depths in an LRU stack', () => {
    const given = fc.record({
      nPages: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 600 }), fc.constantFrom(447, 448, 449, 895, 896, 4000)),
      length: fc.oneof(fc.nat({ max: 1000 }), fc.nat({ max: 2.5 * AXIS })),
      pattern: fc.constantFrom(...patternNames),
      classBits: fc.constantFrom(0, 1, 2),
      turnMax: fc.constantFrom(1, 7, 448, 3000),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(given, ({ nPages, length, pattern, classBits, turnMax, seed }) => {
        const random = new Prng(`stack ${seed}`);
        const pages = stringOf(pattern, nPages, length, random);
        check(pages, nPages, ofList(pages), classBits, turnMax, random);
      }),
      { numRuns: 80 },
    );
  });

  it('the two ways that they are checked by agree', () => {
    const random = new Prng('ways');
    for (const pattern of patternNames) {
      const pages = stringOf(pattern, 300, 5000, random);
      assert.deepEqual(ofTimes(pages, 300), ofList(pages));
    }
  });

  // With trees of two and three levels.
  for (const nPages of [9000, 150_000]) {
    for (const pattern of patternNames) {
      it(`of ${nPages} pages, ${pattern}, over several renumberings`, () => {
        const random = new Prng(`many ${pattern}`);
        const pages = stringOf(pattern, nPages, nPages * 6, random);
        check(pages, nPages, ofTimes(pages, nPages), 1, 20_000, random);
      });
    }
  }

  it('of two million pages, swept to and fro: each distance once per sweep', () => {
    const nPages = 2_000_000;
    const stack = new StackDistances(nPages);
    const there = Int32Array.from({ length: nPages }, (_, i) => i << 1);
    const back = there.toReversed();
    const sweeps = 5;
    for (let i = 0; i < sweeps; i++) stack.push(i % 2 === 0 ? there : back, 0, nPages, 1);
    assert.equal(stack.cold, nPages);
    const { counts } = stack;
    assert.equal(counts[0], 0);
    assert.ok(counts.subarray(1).every((count) => count === sweeps - 1));
    // The sixth sweep, touch by touch, begins with the page of the last touch.
    for (let i = 1; i <= 1000; i++) assert.equal(stack.next(nPages - i), i);
    assert.equal(stack.next(0), nPages);
    assert.equal(stack.next(1), nPages);
    assert.equal(stack.next(nPages - 1), 1002);
  });

  it('counts more touches than a byte holds, and may be asked in between', () => {
    const stack = new StackDistances(2);
    const same = new Int32Array(1000);
    for (let round = 1; round <= 3; round++) {
      stack.push(same, 0, same.length, 2);
      assert.deepEqual([...stack.counts], [0, 1000 * round - 1, 0]);
    }
    assert.deepEqual([stack.next(1), stack.next(0), stack.next(1), stack.next(1)], [0, 2, 2, 1]);
    assert.deepEqual([...stack.counts], [0, 3000, 2]);
    assert.deepEqual([stack.cold, stack.touches], [2, 3004]);
  });

  it('of no pages and of no touches', () => {
    assert.deepEqual([...new StackDistances(0).counts], [0]);
    const stack = new StackDistances(3);
    stack.push(Int32Array.of(5), 1, 1, 1);
    assert.deepEqual([...stack.counts], [0, 0, 0, 0]);
    assert.deepEqual([stack.cold, stack.touches], [0, 0]);
  });
});
