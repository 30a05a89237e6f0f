/** A bits as marks in time, one mark for all pages while that will do: the same answers as a mark for each. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap } from '@workset/model';
import { BOTH, MarkedBits } from '../src/memory/access-bits.ts';
import { StampMemory } from '../src/memory/stamps.ts';
import { DEFAULT_WORLD, World } from '../src/memory/world.ts';
import type { PageRange } from '../src/scheme.ts';

const PAGES = 70;

const page = fc.nat(PAGES - 1);
const range = fc.oneof(
  fc.constant<PageRange>({ from: 0, to: PAGES }),
  fc.tuple(page, page).map(([a, b]): PageRange => ({ from: Math.min(a, b), to: Math.max(a, b) + 1 })),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('touch' as const), pages: fc.array(page, { maxLength: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('look' as const), range }) },
  fc.record({ kind: fc.constant('clear' as const), range }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('clear what is young' as const), but: fc.array(page, { maxLength: 1 }) }) },
  fc.record({ kind: fc.constant('clear set' as const), pages: fc.array(page) }),
  fc.record({ kind: fc.constant('one' as const), page }),
  fc.record({ kind: fc.constant('many' as const), pages: fc.array(page, { minLength: 1, maxLength: 5 }) }),
);

describe('A bits as marks', () => {
  for (const classBits of [0, 1]) {
    it(`are those of a mark for each page, ${classBits} class bits`, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
          const memory = new StampMemory(PAGES, classBits);
          const bits = new MarkedBits(new World(memory, undefined, DEFAULT_WORLD));
          const young = new Set<number>();
          const look = (where: PageRange): number[] => {
            const out = new PageBitmap(PAGES);
            bits.addYoung(where, out, BOTH);
            return [...out.ids()];
          };
          const inRange = ({ from, to }: PageRange): number[] => [...young].filter((id) => id >= from && id < to).sort((a, b) => a - b);
          for (const todo of steps) {
            if (todo.kind === 'touch') {
              memory.framesApplied++;
              for (const id of todo.pages) {
                memory.stamps[id << classBits] = memory.framesApplied;
                young.add(id);
              }
            } else if (todo.kind === 'look') assert.deepEqual(look(todo.range), inRange(todo.range));
            else if (todo.kind === 'clear') {
              bits.clearYoung(todo.range, BOTH);
              for (const id of inRange(todo.range)) young.delete(id);
            } else if (todo.kind === 'one') {
              assert.equal(bits.youngOf(todo.page, BOTH), young.has(todo.page));
              assert.equal(bits.makeOldOf(todo.page, BOTH), young.delete(todo.page));
            } else if (todo.kind === 'many') {
              const ids = Int32Array.from(new Set(todo.pages));
              const was = new Int32Array(ids.length);
              bits.makeOldAll(ids, ids.length, BOTH, was);
              assert.deepEqual(
                [...was].map((value) => value > 0),
                [...ids].map((id) => young.delete(id)),
              );
            } else {
              const pages = todo.kind === 'clear set' ? todo.pages : look({ from: 0, to: PAGES }).filter((id) => !todo.but.includes(id));
              bits.clearYoungSet(PageBitmap.of(PAGES, pages), BOTH);
              for (const id of pages) young.delete(id);
              if (todo.kind !== 'clear set') for (const id of todo.but) assert.equal(bits.youngOf(id, BOTH), young.has(id));
            }
          }
          assert.deepEqual(look({ from: 0, to: PAGES }), inRange({ from: 0, to: PAGES }));
        }),
      );
    });
  }
});
