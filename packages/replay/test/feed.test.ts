/** The feed alone: who looks at touches sees each once and in order, however they are cut into batches and calls. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TraceFormatError } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import { TouchFeed, type Watcher } from '../src/feed.ts';

/** A space of given frames in memory, in batches of `batchRows`. */
function spaceOf(frames: readonly (readonly number[])[], batchRows: number, nPages = 512): SpaceReader {
  const rows = frames.flat();
  const rowStart = new Float64Array(frames.length + 1);
  frames.forEach((frame, f) => (rowStart[f + 1] = rowStart[f]! + frame.length));
  const times = Float64Array.from(frames, (_, f) => f);
  return {
    info: { id: 'gpa', classBits: 1, nPages, nTouches: rows.length, nAccesses: rows.length, nFrames: frames.length, truth: 'exact' },
    blocks: Float64Array.of(0),
    frames: {
      n: frames.length,
      t0Ns: times,
      t1Ns: times.map((t) => t + 1),
      rowStart,
      nAccesses: times,
      span: new Int32Array(frames.length),
    },
    batchRows,
    nBatches: Math.ceil(rows.length / batchRows),
    touchPlaces: () => undefined,
    readBatch(i, into) {
      const batch = rows.slice(i * batchRows, (i + 1) * batchRows);
      into.set(batch);
      return batch.length;
    },
    pageOf: (id) => id,
    idOf: (page) => page,
  };
}

const touches = fc.array(fc.array(fc.nat(1023), { maxLength: 30 }), { maxLength: 20 });

/** Applies all frames before `end`. */
async function advance(feed: TouchFeed, end: number, isAlike = false, watcher?: Watcher): Promise<void> {
  const first = feed.memory.framesApplied;
  await feed.advance({ first, end: Math.max(first, end), isAlike }, watcher, []);
}

describe('the feed', () => {
  it('gives all touches of an interval one stamp where nobody asks for their frames, and answers no question that needs them', async () => {
    await fc.assert(
      fc.asyncProperty(
        touches,
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.tuple(fc.nat(20), fc.boolean())),
        async (frames, batchRows, stops) => {
          const feed = new TouchFeed({ space: spaceOf(frames, batchRows) });
          const { memory } = feed;
          const expected = new Int32Array(1024);
          const hidden = new Set<number>();
          for (const [stop, isAlike] of stops) {
            const first = memory.framesApplied;
            const end = Math.min(stop, frames.length);
            await advance(feed, end, isAlike);
            for (let f = first; f < end; f++) {
              for (const touch of frames[f]!) expected[touch] = isAlike ? end : f + 1;
              if (isAlike && f > first) hidden.add(f);
            }
            assert.deepEqual([...memory.stamps], [...expected]);
          }
          for (let f = 0; f <= frames.length; f++) {
            if (hidden.has(f)) assert.throws(() => memory.assertTells(f), new RegExp(`frame ${f} `));
            else memory.assertTells(f);
          }
        },
      ),
    );
  });

  it('stamps every touch with its frame, and shows every frame and touch once', async () => {
    await fc.assert(
      fc.asyncProperty(touches, fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(20)), async (frames, batchRows, stops) => {
        const feed = new TouchFeed({ space: spaceOf(frames, batchRows) });
        const seen: { frame: number; touches: number[] }[] = [];
        const watcher = {
          frame: (frame: number) => void seen.push({ frame, touches: [] }),
          touches: (batch: Int32Array, from: number, to: number, frame: number) => {
            assert.equal(frame, seen.at(-1)!.frame);
            seen.at(-1)!.touches.push(...batch.subarray(from, to));
          },
        };
        for (const stop of [...stops.sort((a, b) => a - b), frames.length])
          await advance(feed, Math.min(stop, frames.length), false, watcher);
        assert.deepEqual(
          seen,
          frames.map((batch, frame) => ({ frame, touches: [...batch] })),
        );
        const expected = new Int32Array(1024);
        frames.forEach((batch, frame) => batch.forEach((touch) => (expected[touch] = frame + 1)));
        assert.deepEqual([...feed.memory.stamps], [...expected]);
        assert.equal(feed.touches, frames.flat().length);
      }),
    );
  });

  it('refuses a touch of a page that the space does not have', async () => {
    for (const bad of [1024, -1, 0x7fff_ffff]) {
      const feed = new TouchFeed({ space: spaceOf([[1, 2], Array.from({ length: 40 }, (_, i) => (i === 3 ? bad : i))], 64) });
      await assert.rejects(advance(feed, 2), TraceFormatError, String(bad));
    }
    // And in the vector loops of larger spaces.
    const feed = new TouchFeed({ space: spaceOf([Array.from({ length: 100 }, (_, i) => (i === 77 ? 1 << 17 : i))], 128, 1 << 16) });
    await assert.rejects(advance(feed, 1), TraceFormatError);
  });
});
