/** LRU, FIFO and Belady's OPT against textbook implementations and published counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fifoMisses, lruMisses, nextUses, optMisses, pageString, stringOf, type PageString } from '@workset/replay';
import { arbitraryTrace, textbookMisses } from '@workset/testkit';
import { spaceOf } from './engine-harness.ts';

const of = (pages: readonly number[]): PageString => stringOf(Int32Array.from(pages), Math.max(0, ...pages) + 1);

test('the reference string of Silberschatz, Galvin and Gagne with three frames: FIFO 15 faults, OPT 9, LRU 12', () => {
  const string = of([7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1]);
  assert.equal(fifoMisses(string, 3).misses, 15);
  assert.equal(optMisses(string, 3).misses, 9);
  assert.equal(lruMisses(string, 3).misses, 12);
  assert.equal(lruMisses(string, 3).refaults, 12 - 6);
});

test("Belady's anomaly: the string of Belady, Nelson and Shedler (1969) faults 9 times under FIFO with 3 frames, 10 times with 4", () => {
  const string = of([1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]);
  assert.equal(fifoMisses(string, 3).misses, 9);
  assert.equal(fifoMisses(string, 4).misses, 10);
});

const strings = fc.array(fc.nat(40), { maxLength: 300, size: 'max' });
const frames = fc.integer({ min: 1, max: 45 });

test('equal to the textbook implementation on random strings', () => {
  fc.assert(
    fc.property(strings, frames, (pages, limit) => {
      const string = of(pages);
      assert.equal(lruMisses(string, limit).misses, textbookMisses(pages, limit, 'lru'));
      assert.equal(fifoMisses(string, limit).misses, textbookMisses(pages, limit, 'fifo'));
      assert.equal(optMisses(string, limit, nextUses(string)).misses, textbookMisses(pages, limit, 'opt'));
    }),
    { numRuns: 500 },
  );
});

test('long strings whose next uses span several levels of the time set', () => {
  const pages = Array.from({ length: 5000 }, (_, i) => (i * 7919 + (i >> 3) * 104729) % 613);
  for (const limit of [1, 2, 31, 200, 612, 613]) {
    assert.equal(optMisses(of(pages), limit).misses, textbookMisses(pages, limit, 'opt'));
    assert.equal(lruMisses(of(pages), limit).misses, textbookMisses(pages, limit, 'lru'));
  }
});

test('OPT never misses more than LRU or FIFO, and never more with more memory', () => {
  fc.assert(
    fc.property(strings, frames, (pages, limit) => {
      const string = of(pages);
      const best = optMisses(string, limit).misses;
      assert.ok(best <= lruMisses(string, limit).misses);
      assert.ok(best <= fifoMisses(string, limit).misses);
      assert.ok(optMisses(string, limit + 1).misses <= best);
      assert.ok(best >= string.nDistinct || pages.length === 0);
    }),
  );
});

test('no frames is refused', () => {
  assert.throws(() => lruMisses(of([1]), 0), RangeError);
  assert.throws(() => optMisses(of([1]), Number.NaN), RangeError);
});

test('the string of a trace: its touches in stored order, inside the wanted frames and pages', () => {
  fc.assert(
    fc.property(arbitraryTrace(), fc.nat(30), fc.nat(30), fc.nat(1500), (trace, a, b, cut) => {
      const space = spaceOf(trace);
      const first = Math.min(a, trace.frames.length);
      const end = Math.min(first + b, trace.frames.length);
      const range = { from: Math.min(cut, space.info.nPages), to: space.info.nPages };
      const later = Math.min(end + 2, trace.frames.length);
      const wanted = [...trace.frames.slice(first, end), ...trace.frames.slice(later)]
        .flatMap(({ touches }) => touches.map(({ page }) => space.idOf(page)))
        .filter((id) => id >= range.from);
      const got = pageString(space, {
        frames: [
          [first, end],
          [later, trace.frames.length],
        ],
        range,
      });
      assert.deepEqual([...got.pages], wanted);
      assert.equal(got.nDistinct, new Set(wanted).size);
    }),
  );
});
