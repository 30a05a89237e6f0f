/** Marks of pages, one time and a set while that will do: the same answers as a mark for each page. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap } from '@workset/model';
import { PageMarks } from '../src/memory/page-marks.ts';
import { StampMemory } from '../src/memory/stamps.ts';
import { DEFAULT_WORLD, World } from '../src/memory/world.ts';
import type { PageRange } from '../src/scheme.ts';

const PAGES = 70;
const TOUCHED = 3;

const page = fc.nat(PAGES - 1);
const range = fc.oneof(
  { weight: 3, arbitrary: fc.constant<PageRange>({ from: 0, to: PAGES }) },
  fc.tuple(page, page).map(([a, b]): PageRange => ({ from: Math.min(a, b), to: Math.max(a, b) + 1 })),
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('touch' as const), pages: fc.array(page, { maxLength: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('mark' as const), range }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('ask' as const), range }) },
  fc.record({ kind: fc.constant('set' as const), page }),
  fc.record({ kind: fc.constant('set of' as const), pages: fc.array(page, { maxLength: 20 }) }),
);

describe('marks of pages', () => {
  it('answer like a mark for each page', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, areShared) => {
        const memory = new StampMemory(PAGES, 1);
        const marks = new PageMarks(new World(memory, undefined, DEFAULT_WORLD));
        // Sets for all at one instant are limited: then there are none.
        const last = areShared ? memory.lastStamps(TOUCHED) : { values: () => memory.last(TOUCHED), newerThan: () => undefined };
        const touched = new Int32Array(PAGES);
        const marked = new Int32Array(PAGES);
        const idsIn = ({ from, to }: PageRange, holds: (id: number) => boolean): number[] =>
          Array.from({ length: PAGES }, (_, id) => id).filter((id) => id >= from && id < to && holds(id));
        const isNewer = (id: number): boolean => touched[id]! > marked[id]!;
        for (const todo of steps) {
          if (todo.kind === 'touch') {
            memory.framesApplied++;
            todo.pages.forEach((id, i) => {
              memory.stamps[2 * id + (i & 1)] = memory.framesApplied;
              touched[id] = memory.framesApplied;
            });
          } else if (todo.kind === 'mark') {
            const newer = idsIn(todo.range, isNewer);
            assert.equal(marks.markNewer(last, todo.range, memory.framesApplied), newer.length);
            for (const id of newer) marked[id] = memory.framesApplied;
          } else if (todo.kind === 'set') {
            marks.set(todo.page, memory.framesApplied);
            marked[todo.page] = memory.framesApplied;
          } else if (todo.kind === 'set of') {
            marks.setOf(PageBitmap.of(PAGES, todo.pages), memory.framesApplied);
            for (const id of todo.pages) marked[id] = memory.framesApplied;
          } else {
            const [newer, still, any] = [new PageBitmap(PAGES), new PageBitmap(PAGES), new PageBitmap(PAGES)];
            const had = marks.addNewer(last, todo.range, newer);
            assert.deepEqual([...newer.ids()], idsIn(todo.range, isNewer));
            assert.equal(had, idsIn(todo.range, (id) => isNewer(id) && marked[id]! > 0).length);
            marks.addStillMarked(last, todo.range, still);
            assert.deepEqual(
              [...still.ids()],
              idsIn(todo.range, (id) => marked[id]! > 0 && !isNewer(id)),
            );
            marks.addMarked(any);
            assert.deepEqual(
              [...any.ids()],
              idsIn({ from: 0, to: PAGES }, (id) => marked[id]! > 0),
            );
            for (let id = 0; id < PAGES; id++) assert.equal(touched[id]! > marks.of(id), isNewer(id));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
