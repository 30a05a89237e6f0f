/** The TLB's vector code walks where the plain code and a TLB of lists walk, for every number of ways, page size and kind of touch. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BLOCK_PAGES, KERNEL, PageBitmap, PINNED, Prng, WRITE } from '@workset/model';
import { OracleTlb } from '@workset/testkit';
import { Arena } from '../src/memory/arena.ts';
import { StampMemory } from '../src/memory/stamps.ts';
import { Tlb, type TlbConfig } from '../src/memory/tlb.ts';

/** Enough for the vector code. */
const N_PAGES = 1 << 15;
const FRAMES = 6;
const ROWS = 150;

interface Case {
  readonly seed: number;
  readonly config: TlbConfig;
  readonly hotPages: number;
  readonly hugeBlocks: readonly number[];
}

const cases = (hasHuge: boolean): fc.Arbitrary<Case> =>
  fc.record({
    seed: fc.nat(),
    config: fc.record({
      entries: fc.constantFrom(2, 8, 40, 200),
      hugeEntries: fc.constantFrom(1, 3, 9),
      ways: fc.integer({ min: 1, max: 18 }),
      flushFrames: fc.constantFrom(0, 0, 2),
    }),
    hotPages: fc.constantFrom(5, 40, 300),
    hugeBlocks: hasHuge ? fc.subarray([0, 1, 31, 33, 63], { minLength: 1 }) : fc.constant([]),
  });

function touchesOf({ seed, hotPages }: Case, classBits: number, memory: StampMemory): Int32Array {
  const touches = memory.arena.int32(FRAMES * ROWS);
  const random = new Prng(`tlb ${seed}`);
  for (let i = 0; i < touches.length; i++) {
    const id = (random.below(hotPages) * 163) % N_PAGES;
    touches[i] = (id << classBits) | random.below(2 ** classBits);
  }
  return touches;
}

function run(one: Case, memory: StampMemory, touches: Int32Array): Int32Array {
  memory.stamps.fill(0);
  const huge = one.hugeBlocks.length === 0 ? undefined : PageBitmap.of(N_PAGES / BLOCK_PAGES, one.hugeBlocks);
  const tlb = new Tlb(one.config, memory, huge);
  // Cut at odd places, as batches do.
  for (let frame = 0; frame < FRAMES; frame++) {
    const [from, to] = [frame * ROWS, (frame + 1) * ROWS];
    const cut = from + ((frame * 37) % ROWS);
    tlb.apply(touches, from, cut, frame);
    tlb.apply(touches, cut, to, frame);
  }
  return memory.stamps.slice();
}

function oracleRun(one: Case, classBits: number, touches: Int32Array): Int32Array {
  const stamps = new Int32Array(N_PAGES << classBits);
  const tlb = new OracleTlb(one.config);
  touches.forEach((touch, i) => {
    const frame = Math.floor(i / ROWS);
    if (i % ROWS === 0) tlb.startFrame(frame);
    const id = touch >>> classBits;
    const [writes, kernel, device] = [WRITE, KERNEL, PINNED].map((bit, n) => n < classBits && (touch & bit) !== 0);
    if (device) return;
    const block = Math.floor(id / BLOCK_PAGES);
    const isHuge = one.hugeBlocks.includes(block);
    if (!tlb.access(isHuge ? block : id, isHuge ? 'huge' : 'small', kernel ? 'kernel' : 'user', writes!)) stamps[touch] = frame + 1;
  });
  return stamps;
}

describe('TLB', () => {
  for (const classBits of [0, 1, 2, 3]) {
    for (const hasHuge of [false, true]) {
      it(`class bits ${classBits}, ${hasHuge ? 'some huge pages' : 'small pages'}`, () => {
        const memory = new StampMemory(N_PAGES, classBits);
        fc.assert(
          fc.property(cases(hasHuge), (one) => {
            const touches = touchesOf(one, classBits, memory);
            assert.notEqual(Arena.loopsFor(touches, memory.stamps), undefined);
            const vector = run(one, memory, touches);
            const plain = run(one, memory, Int32Array.from(touches));
            memory.arena.release(touches);
            assert.deepEqual(vector, plain);
            assert.deepEqual(plain, oracleRun(one, classBits, touches));
          }),
          { numRuns: 40 },
        );
      });
    }
  }
});
