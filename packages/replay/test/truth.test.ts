/** The truth of a window over much memory, from the touches, is what the stamps say. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Prng, type PageBitmap } from '@workset/model';
import type { PackedSet, RunPart } from '@workset/store';
import { SetPool, Truth, type FrameClock, type Window } from '../src/claims.ts';
import { StampMemory } from '../src/memory/stamps.ts';

const N_PAGES = 1 << 22;
const FRAMES = 40;
const TOUCHES_PER_FRAME = 50;

/** Frame f lasts from f to f + 1; its touches are rows of its own. */
class Clock implements FrameClock {
  readonly sets: SetPool;
  readonly memory: StampMemory;
  visits = 0;
  readonly #rows: readonly Int32Array[];
  readonly #readsAgain: boolean;

  constructor(classBits: number, rows: readonly Int32Array[], applied: number, readsAgain: boolean) {
    this.memory = new StampMemory(N_PAGES, classBits);
    this.sets = new SetPool(N_PAGES, this.memory.arena);
    this.#rows = rows;
    this.#readsAgain = readsAgain;
    for (let f = 0; f < applied; f++) for (const touch of rows[f]!) this.memory.stamps[touch] = f + 1;
    this.memory.framesApplied = applied;
  }
  cutsFrame = (ns: number): boolean => this.memory.framesApplied < ns;
  firstStartingAt = (ns: number): number => Math.ceil(ns);
  firstEndingAfter = (ns: number): number => Math.floor(ns);
  touchesSince = (first: number): number => (this.#readsAgain ? (this.memory.framesApplied - first) * TOUCHES_PER_FRAME : Infinity);
  eachFrameSince(first: number, visit: (touches: Int32Array, from: number, to: number) => void): void {
    this.visits++;
    for (let f = first; f < this.memory.framesApplied; f++) visit(this.#rows[f]!, 0, TOUCHES_PER_FRAME);
  }
  eachCutFrame(ns: number, visit: (touches: Int32Array, from: number, to: number) => void): void {
    for (let f = this.memory.framesApplied; f < ns; f++) visit(this.#rows[f]!, 0, TOUCHES_PER_FRAME);
  }
}

function truthOf(clock: Clock, window: Window): Record<string, number[]> {
  const sets: Record<string, number[]> = {};
  const packs = new Map<PackedSet, number[]>();
  const part = {
    pack(set: PageBitmap): PackedSet {
      const packed = { chunks: [], frames: [] };
      packs.set(packed, [...set.ids()]);
      return packed;
    },
    packedSet(_w: number, kind: string, scope: string, set: PackedSet): void {
      sets[`${kind} ${scope}`] = packs.get(set)!;
    },
  };
  const truth = new Truth(clock, { from: 1000, to: N_PAGES - 500 }, window);
  truth.finish();
  truth.write(0, part as unknown as RunPart);
  return sets;
}

for (const classBits of [0, 1, 2]) {
  it(`${1 << classBits} classes of touches`, () => {
    const random = new Prng(`truth ${classBits}`);
    const rows = Array.from({ length: FRAMES }, () =>
      // Some pages again and again.
      Int32Array.from({ length: TOUCHES_PER_FRAME }, (_, i) => random.below((i % 2 === 0 ? N_PAGES : 2000) << classBits)),
    );
    // One window on frame boundaries, one that cuts frames and took time to mark and to read.
    for (const window of [
      { outerT0Ns: 10, claimT0Ns: 10, claimT1Ns: 30, outerT1Ns: 30 },
      { outerT0Ns: 7.5, claimT0Ns: 10.5, claimT1Ns: 30.5, outerT1Ns: 33.5 },
    ]) {
      const again = new Clock(classBits, rows, 30, true);
      const known = truthOf(new Clock(classBits, rows, 30, false), window);
      assert.ok(known['truth any']!.length > 500);
      assert.deepEqual(truthOf(again, window), known);
      assert.ok(again.visits > 0);
    }
  });
}
