/**
 * Several threads in one pass: they share the stamps, apply the frames together and wake their own runs side by side.
 *
 * Time moves in lockstep: all members agree on the soonest wake of any of them, apply what happened until then, each a part, and
 * only then look. So every member sees the stamps that a single thread would have seen.
 */
import { setImmediate } from 'node:timers/promises';
import { throwIfAborted, type SpaceInfo } from '@workset/model';
import { BATCH_ROWS } from '@workset/store';
import { Arena, type ColumnAddress, type SharedArena } from './memory/arena.ts';
import { isWorthBuffering, RECENT_FRAMES, StampColumn } from './memory/stamp-column.ts';
import { StampMemory } from './memory/stamps.ts';

/** A member's place; it can be sent to a worker. */
export interface CrewSeat {
  readonly index: number;
  readonly size: number;
  /** On a SharedArrayBuffer: arrivals, generation, batches taken and placed, then (as float64 from byte 16 on) two rows of wake times. */
  readonly control: SharedArrayBuffer;
  readonly arena: SharedArena;
  /** The stamps that everybody reads, and for each further member those it writes before they are merged, unless they take turns. */
  readonly stamps: readonly ColumnAddress[];
}

const ARRIVED = 0;
const GENERATION = 1;
/** Batches taken since the members last met to merge. */
const TAKEN = 2;
/** Of these batches, those whose stamps are in place. */
const PLACED = 3;
const WAKES_AT = 16;
/** Looks at the barrier before sleeping at it, and the longest sleep, ms. */
const SPINS = 2000;
const NAP_MS = 20;
/** Stamps that one round of the vector loop takes. */
const SLOTS_PER_WORD = 32;

/** Seats for a crew, and the arena to close when it is done; undefined when the space is too small to share. */
export function seatCrew(space: SpaceInfo, size: number): { readonly seats: readonly CrewSeat[]; readonly arena: Arena } | undefined {
  const { nPages, classBits } = space;
  const slots = nPages * 2 ** classBits;
  const arena = Arena.of(space);
  const shared = arena.share();
  if (shared === undefined) return undefined;
  const stamps = Array.from({ length: takesTurns(space, slots) ? 1 : size }, () => arena.addressOf(arena.int32(slots)));
  if (!stamps.every((address) => address !== undefined)) return undefined;
  const control = new SharedArrayBuffer(WAKES_AT + 2 * size * 8);
  return { arena, seats: Array.from({ length: size }, (_, index) => ({ index, size, control, arena: shared, stamps })) };
}

/** True when the bytes of a member can hold all frames of a batch: its stamps go to their place when those of earlier batches are there. */
function takesTurns(space: SpaceInfo, slots: number): boolean {
  return isWorthBuffering(space, slots) && (space.nTouches / space.nFrames) * RECENT_FRAMES >= BATCH_ROWS;
}

export class Crew {
  readonly index: number;
  readonly size: number;
  readonly memory: StampMemory;
  readonly #signal: AbortSignal | undefined;
  readonly #control: Int32Array;
  readonly #wakes: Float64Array;
  readonly #parts: readonly Int32Array[];
  /** The stamps this member writes: the shared ones when its turn comes, else its own, settled before they are merged. */
  readonly part: StampColumn;
  readonly takesTurns: boolean;
  #row = 0;

  constructor(
    { index, size, control, arena: shared, stamps }: CrewSeat,
    nPages: number,
    classBits: number,
    signal: AbortSignal | undefined,
  ) {
    this.index = index;
    this.size = size;
    this.#signal = signal;
    this.#control = new Int32Array(control, 0, 4);
    this.#wakes = new Float64Array(control, WAKES_AT);
    const arena = Arena.join(shared, nPages);
    this.#parts = stamps.map((address) => arena.at(address));
    this.memory = new StampMemory(nPages, classBits, undefined, arena, this.#parts[0]);
    this.takesTurns = this.#parts.length < size;
    this.part = new StampColumn(this.#parts[this.takesTurns ? 0 : index]!, arena);
  }

  /** The soonest of all members' wakes. Nobody gets it before everybody has asked. */
  async soonest(own: number): Promise<number> {
    // Two rows in turn: a member that is ahead does not overwrite what another one still reads.
    const row = this.#wakes.subarray(this.#row * this.size, (this.#row + 1) * this.size);
    this.#row = 1 - this.#row;
    row[this.index] = own;
    await this.meet();
    return Math.min(...row);
  }

  /** Waits until all members are here. Throws InterruptedError. */
  async meet(): Promise<void> {
    const control = this.#control;
    const generation = Atomics.load(control, GENERATION);
    if (Atomics.add(control, ARRIVED, 1) === this.size - 1) {
      Atomics.store(control, ARRIVED, 0);
      Atomics.add(control, GENERATION, 1);
      Atomics.notify(control, GENERATION);
      return;
    }
    await this.#whileIs(GENERATION, generation);
  }

  /** Waits until the stamps of all batches before the n-th taken are in place. Throws InterruptedError. */
  async turn(n: number): Promise<void> {
    for (let placed = Atomics.load(this.#control, PLACED); placed !== n; placed = Atomics.load(this.#control, PLACED))
      await this.#whileIs(PLACED, placed);
  }
  /** The stamps of this member's batch are in place. */
  placed(): void {
    Atomics.add(this.#control, PLACED, 1);
    Atomics.notify(this.#control, PLACED);
  }

  async #whileIs(place: number, value: number): Promise<void> {
    const control = this.#control;
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, place) !== value) return;
    while (Atomics.wait(control, place, value, NAP_MS) === 'timed-out') {
      throwIfAborted(this.#signal);
      // A member that died is only heard of through the event loop.
      await setImmediate();
    }
  }

  /** How many batches the members had taken before this one since they last met to merge. */
  next(): number {
    return Atomics.add(this.#control, TAKEN, 1);
  }

  /** Brings what the members wrote into the shared stamps, if it is not there: each member a share of the slots. Call it between two meetings. */
  merge(): void {
    if (this.index === 0) {
      Atomics.store(this.#control, TAKEN, 0);
      Atomics.store(this.#control, PLACED, 0);
    }
    if (this.takesTurns) return;
    const [shared, ...others] = this.#parts as [Int32Array, ...Int32Array[]];
    // Whole vectors of the loop: a crew's spaces are blocks of 512 pages.
    const words = shared.length / SLOTS_PER_WORD;
    const from = Math.floor((words * this.index) / this.size);
    const to = Math.floor((words * (this.index + 1)) / this.size);
    if (to === from) return;
    const at = (column: Int32Array): number => column.byteOffset + from * SLOTS_PER_WORD * 4;
    for (const part of others) this.memory.arena.loops.maxInto(at(shared), at(part), to - from);
  }
}
