/** The loop that sums touches and sets their bits at once, against both done one after the other in JavaScript. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LANES_BYTES, ROUND_WORDS, TouchSums } from '@workset/store/touches';
import fc from 'fast-check';
import { Arena } from '../src/memory/arena.ts';

const SLOTS = 3000;
const MAX_ROUNDS = 40;
const arena = new Arena(SLOTS, true);
const touches = arena.int32(MAX_ROUNDS * ROUND_WORDS);
const lanes = arena.int32(LANES_BYTES / 4);
const bits = arena.int32(Math.ceil(SLOTS / 32));
/** What lies behind the bits must stay as it is. */
const behind = arena.int32(1024);

const rounds = fc
  .integer({ min: 1, max: MAX_ROUNDS })
  .chain((n) => fc.array(fc.nat(SLOTS - 1), { minLength: n * ROUND_WORDS, maxLength: n * ROUND_WORDS }));

function sumAndStamp(words: readonly number[]): void {
  touches.set(words);
  arena.loops.sumAndStampBits(touches.byteOffset, words.length / ROUND_WORDS, lanes.byteOffset, SLOTS - 1, bits.byteOffset);
}
function bitsOf(words: readonly number[]): number[] {
  const set = new Int32Array(bits.length);
  for (const word of words) set[word >>> 5]! |= 1 << (word & 31);
  return [...set];
}

describe('summing and stamping at once', () => {
  it('leaves the sums, the largest and the bits that each alone leaves, one call after the other', () => {
    fc.assert(
      fc.property(rounds, rounds, (first, second) => {
        lanes.fill(0);
        bits.fill(0);
        sumAndStamp(first);
        sumAndStamp(second);
        const all = [...first, ...second];
        assert.equal(new TouchSums().addLanes(lanes, all.length).toString(), new TouchSums().add(Int32Array.from(all)).toString());
        assert.equal(TouchSums.largestOf(lanes), Math.max(...all));
        assert.deepEqual([...bits], bitsOf(all));
      }),
    );
  });

  it('sets no bit of a round that has what is no touch, nor of those behind it, and says so', () => {
    fc.assert(
      fc.property(rounds, fc.nat(), fc.constantFrom(SLOTS, SLOTS + 1, 0x7fff_ffff, -1, -0x8000_0000), (words, place, wrong) => {
        lanes.fill(0);
        bits.fill(0);
        const at = place % words.length;
        sumAndStamp(words.with(at, wrong));
        assert.equal(TouchSums.largestOf(lanes), wrong >>> 0);
        assert.deepEqual([...bits], bitsOf(words.slice(0, at - (at % ROUND_WORDS))));
        assert.ok(behind.every((word) => word === 0));
      }),
    );
  });

  it('the largest comes with the sums of a batch, whether vectors sum it or not', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: MAX_ROUNDS * ROUND_WORDS }), fc.boolean(), (words, inMemory) => {
        const batch = inMemory ? touches : new Int32Array(touches.length);
        batch.set(words);
        const { sums, largest } = arena.sumsOf(batch, words.length);
        assert.equal(sums, new TouchSums().add(Int32Array.from(words)).toString());
        assert.equal(
          largest,
          words.reduce((most, word) => Math.max(most, word >>> 0), 0),
        );
      }),
    );
  });
});
