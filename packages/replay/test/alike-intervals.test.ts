/** Intervals kept as bits answer, and end up in the stamps, as if each touch had stored its stamp. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap, Prng } from '@workset/model';
import { AlikeIntervals, intervalTables } from '../src/memory/alike-intervals.ts';
import { Arena } from '../src/memory/arena.ts';
import { StampColumn } from '../src/memory/stamp-column.ts';

/** Not a multiple of the pages that a round of the vector loops takes. */
const N_PAGES = 272;
/** One arena for all runs: each reserves 4 GiB of addresses. */
const ARENA = new Arena(N_PAGES, true);

interface Step {
  /** Enough touches for bits, few, or one frame that is stamped exactly. */
  readonly kind: 'many' | 'few' | 'exact';
  readonly frames: number;
  readonly ask: 'nothing' | 'sets' | 'part' | 'one' | 'stamps';
  /** Intervals back that a question reaches. */
  readonly back: number;
}
const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('many', 'many', 'many', 'many', 'few', 'exact'),
    frames: fc.integer({ min: 1, max: 300 }),
    ask: fc.constantFrom('nothing', 'nothing', 'sets', 'sets', 'sets', 'part', 'one', 'stamps'),
    back: fc.nat(3),
  }),
  { maxLength: 60 },
);

describe('intervals kept as bits', () => {
  for (const classBits of [0, 1]) {
    it(`answer like stamps, ${classBits} class bits`, () => {
      const slots = N_PAGES << classBits;
      fc.assert(
        fc.property(fc.nat(), fc.boolean(), steps, (seed, isBuffered, all) => {
          const random = new Prng(`alike ${seed}`);
          const plain = new Int32Array(slots);
          const column = new StampColumn(ARENA.int32(slots), ARENA);
          if (isBuffered) column.buffer();
          const starts = [0];
          const rows = ARENA.int32(512);
          for (const { kind, frames, ask, back } of all) {
            const first = starts.at(-1)!;
            const end = kind === 'exact' ? first + 1 : first + frames;
            const n = kind === 'many' ? 512 : random.below(20);
            for (let i = 0; i < n; i++) rows[i] = random.below(slots);
            if (kind === 'exact') {
              const rowStart = new Float64Array(end + 1).fill(n, end);
              column.apply(rows, 0, 0, n, rowStart, first);
            } else {
              column.beginInterval(n);
              column.applyAlike(rows, 0, n >> 1, end);
              column.applyAlike(rows, n >> 1, n, end);
              column.endInterval(first, end);
            }
            for (let i = 0; i < n; i++) plain[rows[i]!] = end;
            const after = starts[Math.max(0, starts.length - 1 - back)]!;
            starts.push(end);
            const isAfter = (page: number, classes: readonly number[]): boolean =>
              classes.some((c) => plain[(page << classBits) + c]! > after);
            if (ask === 'stamps') assert.deepEqual(column.stamps, plain);
            else if (ask === 'one') {
              const page = random.below(N_PAGES);
              assert.equal(column.lastOf(page << classBits, 1), plain[page << classBits]);
            } else if (ask !== 'nothing') {
              const [from, to] = ask === 'part' && classBits === 1 ? [33, 140] : [0, N_PAGES];
              const [touched, written] = [new PageBitmap(N_PAGES), new PageBitmap(N_PAGES)];
              if (classBits === 1) column.fillTouchedAndWritten({ from, to }, after, touched, written);
              else column.fillTouched(after, touched);
              const pages = Array.from({ length: to - from }, (_, i) => from + i);
              const classes = [0, 1].slice(0, 1 << classBits);
              assert.deepEqual(
                [...touched.ids()],
                pages.filter((page) => isAfter(page, classes)),
              );
              if (classBits === 1)
                assert.deepEqual(
                  [...written.ids()],
                  pages.filter((page) => isAfter(page, [1])),
                );
            }
          }
          assert.deepEqual(column.stamps, plain);
          ARENA.release(column.stamps);
          ARENA.release(rows);
        }),
        { numRuns: 150 },
      );
    });
  }

  it('say nothing of a time inside one of them, nor of one before the oldest', () => {
    const stamps = ARENA.int32(2 * N_PAGES);
    const intervals = new AlikeIntervals(stamps);
    for (const [first, end] of [
      [10, 20],
      [20, 30],
    ] as const) {
      const bits = intervals.take()!;
      bits[0] = first;
      intervals.keep(first, end, bits);
    }
    assert.deepEqual(
      [9, 10, 15, 20, 25, 30].map((after) => intervals.since(after)?.[0]),
      [undefined, 10 | 20, undefined, 20, undefined, undefined],
    );
    intervals.settle();
    assert.deepEqual([...stamps.subarray(0, 6)], [0, 20, 30, 20, 30, 0]);
    ARENA.release(stamps);
  });

  it('are as many as their memory allows', () => {
    assert.equal(intervalTables(1 << 21), 16);
    assert.equal(intervalTables(1 << 25), 4);
    assert.equal(intervalTables(2 ** 27), 1);
  });
});
