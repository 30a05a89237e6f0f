/** Touches with a reader's own block numbers are stored as those with page numbers are, whether batches were held back or not. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { createTraceWriter, openTrace, verifyTrace } from '@workset/store';
import { finalOf, scratch } from './support.ts';

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
          plain.frame('gva', i, i + 1, touches.length, page, cls, 50);
          if (asPages) {
            coded.frame('gva', i, i + 1, touches.length, page, cls, 50);
            continue;
          }
          const { blocks, index } = readers[reader]!;
          const ids = touches.map(([b, offset, c]) => {
            if (!index.has(b)) index.set(b, blocks.push(numbers[b]!) - 1);
            return (((index.get(b)! << 9) | offset) << 2) | c;
          });
          coded.codedFrame('gva', i, i + 1, ids.length, { touch: Int32Array.from([...ids, 77]), blocks }, 50);
        }
        const [a, b] = [await coded.close(finalOf()), await plain.close(finalOf())];
        assert.equal(a.traceId, b.traceId);
        verifyTrace(out[0]);
      },
    ),
    { numRuns: 40 },
  );
});

test('batches on disk and batches held back get the same numbers', async (t) => {
  const rows = 1 << 20;
  const out = join(scratch(t), 'long.trace');
  const writer = await createTraceWriter({ out });
  // block 9, then 5, and 1 at the very end: every id moves
  const blocks = [9, 5];
  const touch = new Int32Array(rows);
  for (let i = 0; i < rows; i++) touch[i] = ((((i & 1) << 9) | (i & 511)) << 2) | (i & 3);
  const nFrames = 30;
  for (let f = 0; f < nFrames; f++) {
    if (f === nFrames - 1) {
      blocks.push(1);
      touch[0] = (1024 + 7) << 2;
    }
    writer.codedFrame('gpa', f, f + 1, f === 3 ? rows - 5 : rows, { touch, blocks });
  }
  await writer.close(finalOf());
  verifyTrace(out);
  const trace = await openTrace(out);
  const space = trace.space('gpa');
  assert.equal(space.info.nTouches, nFrames * rows - 5);
  const batch = new Int32Array(space.batchRows);
  for (const b of [0, 3, 4, 10, space.nBatches - 1]) {
    const n = space.readBatch(b, batch);
    for (let i = 0; i < n; i += 997) {
      // the fourth frame is five rows short
      const row = b * rows + i < 4 * rows - 5 ? b * rows + i : b * rows + i + 5;
      const [frame, at] = [Math.floor(row / rows), row % rows];
      const page = frame === nFrames - 1 && at === 0 ? 512 + 7 : ((at & 1) === 0 ? 9 : 5) * 512 + (at & 511);
      assert.equal(space.pageOf(batch[i]! >>> 2), page, `batch ${b}, row ${i}`);
      if (page !== 512 + 7) assert.equal(batch[i]! & 3, at & 3);
    }
  }
  trace.close();
});
