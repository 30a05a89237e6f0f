/** Groups single accesses into quanta, and puts slightly late ones (events of several CPUs) in their place. */
import { TouchColumns, TouchSet } from '../touch-set.ts';

/** An access may be this many quanta older than the newest one; older ones cannot be placed any more. */
export const REORDER_QUANTA = 64;

/** One finished quantum. The columns are reused by the next one. */
export interface Quantum {
  readonly t0Ns: number;
  readonly t1Ns: number;
  readonly nAccesses: number;
  readonly touches: TouchColumns<Float64Array>;
}

interface Pending {
  readonly touches: TouchSet;
  index: number;
  nAccesses: number;
}

export class Quanta {
  readonly #quantumNs: number;
  readonly #emit: (quantum: Quantum) => void;
  /** Quantum i is held in slot i % REORDER_QUANTA. */
  readonly #slots: Pending[];
  readonly #columns = new TouchColumns((n) => new Float64Array(n));
  /** Quanta below this are written; -Infinity before the first access. */
  #from = Number.NEGATIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;
  #held = 0;

  constructor(quantumNs: number, emit: (quantum: Quantum) => void) {
    this.#quantumNs = quantumNs;
    this.#emit = emit;
    this.#slots = Array.from({ length: REORDER_QUANTA }, () => ({ touches: new TouchSet(), index: -1, nAccesses: 0 }));
  }

  /** False when the access is too old to be placed. */
  add(timeNs: number, page: number, cls: number): boolean {
    const index = Math.floor(timeNs / this.#quantumNs);
    if (index < this.#from) return false;
    if (index > this.#newest) this.#advance(index);
    const slot = this.#slots[((index % REORDER_QUANTA) + REORDER_QUANTA) % REORDER_QUANTA]!;
    if (slot.nAccesses === 0) {
      slot.index = index;
      this.#held++;
    }
    slot.touches.add(page, 1 << cls);
    slot.nAccesses++;
    return true;
  }

  /** Writes all quanta still held. */
  flush(): void {
    if (this.#held > 0) this.#writeBelow(this.#newest + 1);
  }

  #advance(index: number): void {
    const from = index - REORDER_QUANTA + 1;
    if (this.#held > 0) this.#writeBelow(from);
    this.#from = Math.max(this.#from, from);
    this.#newest = index;
  }

  #writeBelow(limit: number): void {
    const due = this.#slots.filter(({ nAccesses, index }) => nAccesses > 0 && index < limit).sort((a, b) => a.index - b.index);
    for (const slot of due) {
      this.#columns.fill(slot.touches);
      this.#emit({
        t0Ns: slot.index * this.#quantumNs,
        t1Ns: (slot.index + 1) * this.#quantumNs,
        nAccesses: slot.nAccesses,
        touches: this.#columns,
      });
      slot.touches.clear();
      slot.nAccesses = 0;
      this.#held--;
    }
    this.#from = Math.max(this.#from, limit);
  }
}
