/** Does chunks of the work that a team's leader posted; the leader has one, and each helper. */
import type { VectorLoops } from '../memory/arena.ts';
import { type Control, AT, CLOSED, PIECE_SLOTS, PIECE_VALUES, SETTLE } from './control.ts';
import { SHARED_LOOPS } from './loops.ts';

type Loop = (a: number, b: number, c: number, d: number, e: number) => number | void;

/** Slots per chunk of settling. */
const ROUND_SLOTS = 32;

export class Hand {
  readonly #control: Control;
  readonly #loops: VectorLoops;
  readonly #byNumber: readonly Loop[];

  constructor(control: Control, loops: VectorLoops) {
    this.#control = control;
    this.#loops = loops;
    this.#byNumber = SHARED_LOOPS.map(({ name }) => loops[name] as Loop);
  }

  /** Does what is left of the posted work, chunk by chunk; returns how many. */
  work(): number {
    const { ints } = this.#control;
    let n = 0;
    for (;;) {
      const ticket = Atomics.load(ints, AT.ticket);
      const chunk = ticket & 255;
      // While work is described, nothing of it may be read: then the ticket is another one by the time it is to be taken.
      if (chunk === CLOSED || chunk >= Atomics.load(ints, AT.chunks)) return n;
      if (Atomics.compareExchange(ints, AT.ticket, ticket, ticket + 1) !== ticket) continue;
      n++;
      try {
        const result = this.#chunk(Atomics.load(ints, AT.kind), chunk);
        if (result !== 0) Atomics.add(ints, AT.result, result);
      } finally {
        Atomics.add(ints, AT.done, 1);
        if (Atomics.load(ints, AT.leaderSleeps) === 1) Atomics.notify(ints, AT.done);
      }
    }
  }

  #chunk(kind: number, chunk: number): number {
    const { ints } = this.#control;
    const first = chunk * ints[AT.chunkWords]!;
    const n = Math.min(ints[AT.chunkWords]!, ints[AT.words]! - first);
    if (kind === SETTLE) return this.#settle(first, n);
    const { strides, words } = SHARED_LOOPS[kind]!;
    const arg = (i: number): number => (i === words ? n : (ints[AT.args + i]! + (strides[i] ?? 0) * first) | 0);
    return Number(this.#byNumber[kind]!(arg(0), arg(1), arg(2), arg(3), arg(4)) ?? 0);
  }

  /** Settles tables one after the other, the oldest first, for a part of the slots. */
  #settle(first: number, n: number): number {
    const { ints } = this.#control;
    const stamps = ints[AT.stamps]! + first * ROUND_SLOTS * 4;
    for (let i = 0; i < ints[AT.settleCount]!; i++) {
      const slot = this.#settledSlot(i);
      const base = this.#control.pieces[slot * PIECE_VALUES + 2]!;
      this.#loops.settle(ints[AT.tables + slot]! + first * ROUND_SLOTS, stamps, n, base);
    }
    return 0;
  }

  /** Slot of the i-th piece that is settled. */
  #settledSlot(i: number): number {
    const { ints } = this.#control;
    return (ints[AT.settleFirst]! + i) % PIECE_SLOTS;
  }
}
