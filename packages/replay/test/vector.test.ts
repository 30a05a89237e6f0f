/** The vector loops give what the plain ones give, on any stamps, marks and ranges. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap, Prng } from '@workset/model';
import { Arena } from '../src/memory/arena.ts';
import {
  addNewer,
  addNewerThanMarks,
  addStillMarked,
  fillTouchedAndWritten,
  fillMarks,
  markNewer,
  setMarks,
  takeNewer,
} from '../src/memory/bit-loops.ts';
import { StampMemory } from '../src/memory/stamps.ts';

const N_PAGES = 512;

interface State {
  readonly last: Int32Array;
  readonly marks: Int32Array;
  readonly pairs: Int32Array;
}

function stateIn(arena: Arena, seed: number, spread: number): State {
  const random = new Prng(`vector ${seed}`);
  const filled = (length: number): Int32Array => {
    const column = arena.int32(length);
    for (let i = 0; i < length; i++) column[i] = random.below(spread);
    return column;
  };
  return { last: filled(N_PAGES), marks: filled(N_PAGES), pairs: filled(2 * N_PAGES) };
}

const cases = fc.record({
  seed: fc.nat(),
  spread: fc.constantFrom(2, 5, 1000, 0x7fffffff),
  from: fc.nat({ max: N_PAGES }),
  to: fc.nat({ max: N_PAGES }),
  after: fc.constantFrom(0, 1, 3, 500, 0x7ffffffe),
});

function same(check: (state: State, range: { from: number; to: number }, after: number) => unknown): void {
  fc.assert(
    fc.property(cases, ({ seed, spread, from, to, after }) => {
      const range = { from: Math.min(from, to), to: Math.max(from, to) };
      const plain = stateIn(new Arena(N_PAGES, false), seed, spread);
      const vector = stateIn(VECTOR, seed, spread);
      assert.equal(Arena.loopsFor(vector.last, vector.marks), VECTOR);
      assert.equal(Arena.loopsFor(plain.last, plain.marks), undefined);
      assert.deepEqual(check(vector, range, after), check(plain, range, after));
      for (const column of Object.values(vector)) VECTOR.release(column);
    }),
    { numRuns: 300 },
  );
}

/** One arena for all runs: each reserves 4 GiB of addresses. */
const VECTOR = new Arena(N_PAGES, true);

function setOf(fill: (out: PageBitmap) => unknown): unknown[] {
  const out = PageBitmap.of(N_PAGES, [3, 77]);
  const count = fill(out);
  return [count, [...out.ids()]];
}

describe('vector loops', () => {
  it('newer than a time', () => same(({ last }, range, after) => setOf((out) => addNewer(last, range, after, out))));
  it('newer than marks', () => same(({ last, marks }, range) => setOf((out) => addNewerThanMarks(last, marks, range, out))));
  it('still marked', () => same(({ last, marks }, range) => setOf((out) => addStillMarked(last, marks, range, out))));
  it('marks what is newer', () => same(({ last, marks }, range, now) => [markNewer(last, marks, range, now), [...marks]]));
  it('takes what is newer', () =>
    same(({ last, marks }, range, now) => [setOf((out) => takeNewer(last, marks, range, out, now)), [...marks]]));
  it('sets the marks of a set', () =>
    same(({ last, marks }, range, now) => {
      const set = new PageBitmap(N_PAGES);
      addNewerThanMarks(last, marks, range, set);
      setMarks(marks, set, now);
      return [...marks];
    }));
  it('sets the marks of a range', () =>
    same(({ marks }, range, now) => {
      fillMarks(marks, range, now);
      return [...marks];
    }));
  it('touched and written', () =>
    same(({ pairs }, range, after) => {
      const [touched, written] = [new PageBitmap(N_PAGES), new PageBitmap(N_PAGES)];
      fillTouchedAndWritten(pairs, range, after, touched, written);
      return [[...touched.ids()], [...written.ids()]];
    }));

  it('last stamps over both classes, and of each', () => {
    const nPages = 1 << 15;
    const memory = new StampMemory(nPages, 1);
    assert.notEqual(Arena.loopsFor(memory.stamps), undefined);
    const random = new Prng('last');
    for (let i = 0; i < memory.stamps.length; i++) memory.stamps[i] = random.below(0x7fffffff);
    const expected = Array.from({ length: nPages }, (_, p) => Math.max(memory.stamps[2 * p]!, memory.stamps[2 * p + 1]!));
    assert.deepEqual([...memory.last(3)], expected);
    const slot = (s: number): number[] => Array.from({ length: nPages }, (_, p) => memory.stamps[2 * p + s]!);
    assert.deepEqual([...memory.last(1)], slot(0));
    assert.deepEqual([...memory.last(2)], slot(1));
  });
});
