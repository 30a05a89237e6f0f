/** The checksum of touches by its definition, in JavaScript, and in the vector loops of the room they are written from. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sumsOf, TouchRoom } from '../src/touch-room.ts';
import { TouchSums } from '../src/touch-sums.ts';

const ROWS = 3000;
const ROOM = new TouchRoom(1, ROWS);

/** As docs/trace-format.md says it. */
function defined(touches: readonly number[]): string {
  let [a, b] = [0n, 0n];
  for (const touch of touches) {
    a += BigInt(touch >>> 0);
    b += a;
  }
  return [a, b].map((sum) => BigInt.asUintN(64, sum).toString(16).padStart(16, '0')).join('');
}

const lengths = fc.constantFrom(0, 1, 3, 4, 5, 7, 8, 9, 31, 1023, 1024, 1025, 2500, ROWS);
const touches = fc
  .tuple(lengths, fc.nat(), fc.constantFrom(1, 1 << 10, 0x7fff_ffff))
  .map(([n, seed, top]) => Array.from({ length: n }, (_, i) => Math.imul(i + seed, 0x9e37_79b1) & top));

describe('sums of touches', () => {
  it('are what the format says, in one piece or several', () => {
    fc.assert(
      fc.property(touches, fc.nat(), (words, cut) => {
        const all = Int32Array.from(words);
        const middle = words.length === 0 ? 0 : cut % words.length;
        assert.equal(new TouchSums().add(all).toString(), defined(words));
        assert.equal(new TouchSums().add(all, 0, middle).add(all, middle).toString(), defined(words));
      }),
    );
    // Words with the top bit set are unsigned.
    assert.equal(new TouchSums().add(Int32Array.of(-1, -2, -3, -4, -5)).toString(), defined([-1, -2, -3, -4, -5]));
  });

  it('are the same in the vector loops, of touches moved or not', () => {
    const bits = 10;
    fc.assert(
      fc.property(touches, fc.option(fc.array(fc.integer({ min: -3, max: 100 }), { minLength: 1, maxLength: 40 })), (words, shifts) => {
        const moves = shifts === null ? null : Int32Array.from(shifts, (shift, block) => Math.max(shift, -block));
        const known = words.map((word) => (moves === null ? word : word % (moves.length << bits)));
        const wanted = known.map((word) => (moves === null ? word : word + (moves[word >>> bits]! << bits)));
        const room = ROOM.batches[0]!.subarray(0, words.length);
        room.set(known);
        ROOM.setMoves(moves, bits);
        const sums = new TouchSums();
        ROOM.moveAndSum(room, sums);
        assert.deepEqual([...room], wanted);
        assert.equal(sums.toString(), defined(wanted));
      }),
    );
  });

  it('are the same of touches anywhere, in several pieces', () => {
    for (const n of [0, 5, 32767, 32768, 32769, 70_003]) {
      const words = Array.from({ length: n }, (_, i) => Math.imul(i, 0x9e37_79b1) & 0x7fff_ffff);
      assert.equal(sumsOf(Int32Array.from(words)), defined(words));
      const shared = new Int32Array(new SharedArrayBuffer(4 * n + 4), 4);
      shared.set(words);
      assert.equal(sumsOf(shared), defined(words));
    }
  });

  it('tell any two changed words', () => {
    fc.assert(
      fc.property(touches, fc.nat(), fc.nat(), fc.nat(30), fc.nat(30), (words, i, j, low, high) => {
        fc.pre(words.length > 1);
        const changed = Int32Array.from(words);
        changed[i % words.length]! ^= 1 << low;
        if (j % words.length !== i % words.length) changed[j % words.length]! ^= 1 << high;
        assert.notEqual(new TouchSums().add(changed).toString(), defined(words));
      }),
    );
  });
});
