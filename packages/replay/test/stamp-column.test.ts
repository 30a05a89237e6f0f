/** Bytes before the stamps change nothing that can be asked: compared with a plain array of stamps, over gaps longer than a byte counts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PageBitmap, Prng } from '@workset/model';
import { Arena } from '../src/memory/arena.ts';
import { StampColumn } from '../src/memory/stamp-column.ts';

const N_PAGES = 512;
const SLOTS = 2 * N_PAGES;
/** One arena for all runs: each reserves 4 GiB of addresses. */
const ARENA = new Arena(N_PAGES, true);

interface Step {
  /** Frames without touches before this one. */
  readonly gap: number;
  readonly touches: number;
  readonly ask: 'nothing' | 'one' | 'all' | 'truth';
  /** Stamps back from the frame that a question reaches. */
  readonly back: number;
  readonly from: number;
  readonly to: number;
}

const steps = fc.array(
  fc.record<Step>({
    gap: fc.constantFrom(0, 0, 0, 1, 3, 120, 253, 254, 255, 256, 900),
    touches: fc.constantFrom(0, 1, 7, 8, 9, 100),
    ask: fc.constantFrom('nothing', 'one', 'all', 'truth'),
    back: fc.constantFrom(0, 1, 2, 100, 254, 255, 256, 2000),
    from: fc.nat(N_PAGES),
    to: fc.nat(N_PAGES),
  }),
  { maxLength: 40 },
);

class Plain {
  readonly stamps = new Int32Array(SLOTS);

  sets(from: number, to: number, after: number): { touched: number[]; written: number[] } {
    const pages = Array.from({ length: N_PAGES }, (_, p) => p).filter((p) => p >= from && p < to);
    const written = pages.filter((p) => this.stamps[2 * p + 1]! > after);
    return { touched: pages.filter((p) => this.stamps[2 * p]! > after || this.stamps[2 * p + 1]! > after), written };
  }
}

function column(isBuffered: boolean): StampColumn {
  const one = new StampColumn(ARENA.int32(SLOTS), ARENA);
  if (isBuffered) one.buffer();
  return one;
}

describe('stamps behind bytes', () => {
  for (const isBuffered of [true, false]) {
    it(`answer like an array of stamps: ${isBuffered ? 'bytes' : 'none'}`, () => {
      fc.assert(
        fc.property(fc.nat(), steps, (seed, all) => {
          const random = new Prng(`stamp column ${seed}`);
          const plain = new Plain();
          const stamps = column(isBuffered);
          let frame = 0;
          for (const { gap, touches, ask, back, from, to } of all) {
            frame += gap;
            const rows = ARENA.int32(128);
            for (let i = 0; i < touches; i++) rows[i] = random.below(SLOTS);
            const rowStart = new Float64Array(frame + 2).fill(1000);
            rowStart[frame + 1] = 1000 + touches;
            stamps.apply(rows, 1000, 0, touches, rowStart, frame);
            for (let i = 0; i < touches; i++) plain.stamps[rows[i]!] = frame + 1;
            ARENA.release(rows);
            frame++;
            const after = Math.max(0, frame - back);
            if (ask === 'one') {
              const id = random.below(N_PAGES);
              for (const mask of [0, 1, 2, 3]) {
                const wanted = [0, 1].filter((c) => (mask >>> c) & 1).map((c) => plain.stamps[2 * id + c]!);
                assert.equal(stamps.lastOf(2 * id, mask), Math.max(0, ...wanted));
              }
            } else if (ask === 'all') {
              assert.deepEqual(stamps.stamps, plain.stamps);
            } else if (ask === 'truth') {
              const [touched, written] = [new PageBitmap(N_PAGES), new PageBitmap(N_PAGES)];
              stamps.fillTouchedAndWritten({ from, to }, after, touched, written);
              assert.deepEqual({ touched: [...touched.ids()], written: [...written.ids()] }, plain.sets(from, to, after));
            }
          }
          assert.deepEqual(stamps.stamps, plain.stamps);
          ARENA.release(stamps.stamps);
        }),
        { numRuns: 300 },
      );
    });
  }

  it('refuses frames that go back', () => {
    const stamps = column(true);
    const rows = ARENA.int32(8);
    const rowStart = new Float64Array(12);
    const apply = (frame: number): void => {
      rowStart.fill(0, 0, frame + 1).fill(1, frame + 1);
      stamps.apply(rows, 0, 0, 1, rowStart, frame);
    };
    apply(5);
    assert.throws(() => apply(3), /in order/);
  });
});
