/** Sets of folios, words at a time, against sets of numbers. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap } from '@workset/model';
import { Folios } from '../src/memory/folios.ts';

const BLOCKS = 3;
const PAGES = BLOCKS * 512;
const page = fc.integer({ min: 0, max: PAGES - 1 });

it('whole folios, counted and aligned, of every order and beside huge blocks', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 9 }),
      fc.uniqueArray(fc.integer({ min: 0, max: BLOCKS - 1 })),
      fc.uniqueArray(page, { maxLength: 20 }),
      page,
      page,
      (order, huge, ids, a, b) => {
        const folios = new Folios(order, huge.length === 0 ? undefined : PageBitmap.of(BLOCKS, huge));
        const sizeOf = (id: number): number => (huge.includes(Math.floor(id / 512)) ? 512 : 2 ** order);
        const headOf = (id: number): number => id - (id % sizeOf(id));
        const heads = new Set(ids.map(headOf));
        const whole = Array.from({ length: PAGES }, (_, id) => id).filter((id) => heads.has(headOf(id)));
        assert.deepEqual([...folios.addWhole(PageBitmap.of(PAGES, ids)).ids()], whole);
        assert.equal(folios.count(PageBitmap.of(PAGES, ids)), heads.size);
        assert.deepEqual(folios.of(a), { from: headOf(a), to: headOf(a) + sizeOf(a) });
        assert.equal(folios.isTail(a), headOf(a) !== a);
        const [from, last] = [Math.min(a, b), Math.max(a, b)];
        assert.deepEqual(folios.around({ from, to: last + 1 }), { from: headOf(from), to: headOf(last) + sizeOf(last) });
        assert.deepEqual(folios.around({ from, to: from }), { from, to: from });
      },
    ),
  );
});
