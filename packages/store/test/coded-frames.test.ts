/** Touches with a reader's own block numbers are stored as those with page numbers are, whether batches were held back or not. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { createTraceWriter, openTrace, verifyTrace, type CodedFrames } from '@workset/store';
import { BlockOrder } from '../src/block-order.ts';
import { finalOf, scratch } from './support.ts';

const oneFrame = (i: number, n: number): CodedFrames => ({
  n: 1,
  t0Ns: Float64Array.of(i),
  t1Ns: Float64Array.of(i + 1),
  end: Int32Array.of(n),
});

test('coded frames are the frames that page numbers give, mixed with them or not', async (t) => {
  const dir = scratch(t);
  let run = 0;
  const touch = fc.tuple(fc.nat(9), fc.nat(511), fc.nat(3));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(2 ** 35), { minLength: 10, maxLength: 10 }),
      fc.array(fc.record({ touches: fc.array(touch, { maxLength: 30 }), asPages: fc.boolean(), reader: fc.nat(1) }), { maxLength: 8 }),
      async (numbers, frames) => {
        // two readers number the same blocks differently, and only as they see them
        const readers = [0, 1].map(() => ({ blocks: [] as number[], index: new Map<number, number>() }));
        const out = [join(dir, `${run}.coded.trace`), join(dir, `${run++}.pages.trace`)] as const;
        const [coded, plain] = [await createTraceWriter({ out: out[0] }), await createTraceWriter({ out: out[1] })];
        for (const [i, { touches, asPages, reader }] of frames.entries()) {
          const page = Float64Array.from(touches, ([b, offset]) => numbers[b]! * 512 + offset);
          const cls = Uint8Array.from(touches, ([, , c]) => c);
          plain.frame('gva', i, i + 1, touches.length, page, cls);
          if (asPages) {
            coded.frame('gva', i, i + 1, touches.length, page, cls);
            continue;
          }
          const { blocks, index } = readers[reader]!;
          const ids = touches.map(([b, offset, c]) => {
            if (!index.has(b)) index.set(b, blocks.push(numbers[b]!) - 1);
            return (((index.get(b)! << 9) | offset) << 2) | c;
          });
          coded.codedFrames('gva', oneFrame(i, ids.length), { touch: Int32Array.from([...ids, 77]), blocks });
        }
        const [a, b] = [await coded.close(finalOf()), await plain.close(finalOf())];
        assert.equal(a.traceId, b.traceId);
        verifyTrace(out[0]);
      },
    ),
    { numRuns: 40 },
  );
});

const ROWS = 1 << 20;

/** Frames of a batch each in blocks 9 and 5; the first touch of some frames is in a block of its own. */
async function longTrace(t: TestContext, nFrames: number, late: Readonly<Record<number, number>>): Promise<void> {
  const out = join(scratch(t), 'long.trace');
  const writer = await createTraceWriter({ out });
  const blocks = [9, 5];
  const touch = new Int32Array(ROWS);
  for (let i = 0; i < ROWS; i++) touch[i] = ((((i & 1) << 9) | (i & 511)) << 2) | (i & 3);
  const first = touch[0]!;
  for (let f = 0; f < nFrames; f++) {
    touch[0] = late[f] === undefined ? first : (((blocks.push(late[f]!) - 1) << 9) + 7) << 2;
    writer.codedFrames('gpa', oneFrame(f, f === 3 ? ROWS - 5 : ROWS), { touch, blocks });
  }
  await writer.close(finalOf());
  verifyTrace(out);
  const trace = await openTrace(out);
  const space = trace.space('gpa');
  assert.deepEqual(
    [...space.blocks],
    [9, 5, ...Object.values(late)].sort((a, b) => a - b),
  );
  assert.equal(space.info.nTouches, nFrames * ROWS - (nFrames > 3 ? 5 : 0));
  const batch = new Int32Array(space.batchRows);
  for (let b = 0; b < space.nBatches; b++) {
    const n = space.readBatch(b, batch);
    for (let i = 0; i < n; i += b % 5 === 0 ? 997 : 65_536) {
      // the fourth frame is five rows short
      const row = b * ROWS + i < 4 * ROWS - 5 ? b * ROWS + i : b * ROWS + i + 5;
      const [frame, at] = [Math.floor(row / ROWS), row % ROWS];
      const isLate = at === 0 && late[frame] !== undefined;
      const page = isLate ? late[frame]! * 512 + 7 : ((at & 1) === 0 ? 9 : 5) * 512 + (at & 511);
      assert.equal(space.pageOf(batch[i]! >>> 2), page, `batch ${b}, row ${i}`);
      if (!isLate) assert.equal(batch[i]! & 3, at & 3);
    }
  }
  trace.close();
}

test('batches on disk and batches held back get the same numbers when the last touch moves every block', (t) =>
  longTrace(t, 30, { 29: 1 }));
test('batches written before and after a block that moves others', (t) => longTrace(t, 14, { 2: 3, 8: 7, 9: 2, 11: 20, 13: 1 }));
test('blocks that come late and move none leave what is written as it is', (t) => longTrace(t, 12, { 7: 10, 9: 11, 11: 400 }));
test('a trace that is never written before its end', (t) => longTrace(t, 4, { 1: 3, 2: 2, 3: 1 }));

test('the order of blocks while more of them come', () => {
  fc.assert(
    fc.property(fc.array(fc.uniqueArray(fc.nat(60), { maxLength: 12 }), { maxLength: 8 }), (rounds) => {
      const seen: number[] = [];
      const order = new BlockOrder(seen);
      const known: number[] = [];
      const places = (blocks: readonly number[]) => blocks.map((block) => blocks.toSorted((a, b) => a - b).indexOf(block));
      for (const fresh of rounds) {
        const before = places(seen);
        for (const block of fresh) if (!seen.includes(block)) seen.push(block);
        assert.equal(order.update(), places(seen).slice(0, before.length).join() !== before.join());
        known.push(seen.length);
        assert.equal(order.known, seen.length);
        assert.deepEqual(
          seen.map((_, i) => i + (order.moves?.[i] ?? 0)),
          places(seen),
        );
        for (const k of known) {
          const moves = order.movesSince(k);
          const then = places(seen.slice(0, k));
          assert.deepEqual(
            then.map((place) => place + (moves?.[place] ?? 0)),
            places(seen).slice(0, k),
          );
          assert.equal(moves === null, then.join() === places(seen).slice(0, k).join());
        }
      }
      assert.deepEqual(
        [...order.blocks()],
        seen.toSorted((a, b) => a - b),
      );
    }),
  );
});
