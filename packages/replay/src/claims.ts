/**
 * Ground truth of a claim window, taken from the shared stamps.
 *
 * Truth = touched in frames wholly inside [claimT0, claimT1]; edge = touched in frames that overlap [outerT0, outerT1], but not
 * truth: while marks were being set or read, or in a frame cut by an end of the window (design/metrics.md).
 */
import { SCOPES, type PageBitmap, type Scope, type Target } from '@workset/model';
import type { PackedSet, RunPart, SetKind } from '@workset/store';
import type { PageRange } from './scheme.ts';
import { setIn } from './memory/arena-set.ts';
import type { Arena } from './memory/arena.ts';
import { addNewer } from './memory/bit-loops.ts';
import { isWhole } from './memory/page-sets.ts';
import type { StampMemory } from './memory/stamps.ts';

export type VisitRows = (touches: Int32Array, from: number, to: number) => void;

/** Where a look at every page costs this many times the touches of a window or more, the touches are read again instead. */
const PAGES_PER_TOUCH = 8;
/** Below this the stamps are read in a millisecond. */
const MIN_PAGES_TO_READ_AGAIN = 1 << 22;

/** The engine's clock and data, as claims need them. */
export interface FrameClock {
  readonly memory: StampMemory;
  /** Sets to work with, given back once they are packed. */
  readonly sets: SetPool;
  /** True when a frame that is not applied yet starts before ns. */
  cutsFrame(ns: number): boolean;
  /** First frame with t0 >= ns. */
  firstStartingAt(ns: number): number;
  /** First frame with t1 > ns. */
  firstEndingAfter(ns: number): number;
  /** Calls `visit` with the rows of every frame not applied yet that starts before ns. */
  eachCutFrame(ns: number, visit: VisitRows): void;
  /** Touches in applied frames from `first` on. */
  touchesSince(first: number): number;
  /** Calls `visit` with the rows of every applied frame from `first` on. */
  eachFrameSince(first: number, visit: VisitRows): void;
}

export interface Window {
  readonly outerT0Ns: number;
  readonly claimT0Ns: number;
  readonly claimT1Ns: number;
  readonly outerT1Ns: number;
}

/** Empty sets to use again: a fresh one of a million pages costs 128 KiB of cleared memory, and the collector's attention. */
export class SetPool {
  readonly #nPages: number;
  readonly #arena: Arena;
  readonly #free: PageBitmap[] = [];

  constructor(nPages: number, arena: Arena) {
    this.#nPages = nPages;
    this.#arena = arena;
  }
  take(): PageBitmap {
    const set = this.#free.pop();
    set?.clear();
    return set ?? setIn(this.#arena, this.#nPages);
  }
  give(set: PageBitmap): void {
    this.#free.push(set);
  }
}

interface TruthSet {
  /** Scopes it is the truth of. */
  readonly scopes: readonly Scope[];
  readonly target: Target;
  readonly classes: number;
  readonly sure: PageBitmap;
  /** Touched in the outer window, later in that alone; undefined while that is the same as sure. */
  maybe: PageBitmap | undefined;
}
/** As it is stored. */
interface PackedTruth {
  readonly kind: SetKind;
  readonly scopes: readonly Scope[];
  readonly set: PackedSet;
}

/** Sets shared by all runs that claim the same window over the same pages. */
export class Truth {
  readonly #clock: FrameClock;
  readonly #range: PageRange;
  readonly #window: Window;
  readonly #sets: TruthSet[] = [];
  /** Undefined until the first run writes it. */
  #packed: readonly PackedTruth[] | undefined;
  readonly #firstSure: number;
  readonly #appliedAtClaim: number;
  #isFinished = false;

  /** Call when exactly the frames that end by claimT1 have been applied. */
  constructor(clock: FrameClock, range: PageRange, window: Window) {
    this.#clock = clock;
    this.#range = range;
    this.#window = window;
    const { memory, sets } = clock;
    this.#appliedAtClaim = memory.framesApplied;
    this.#firstSure = clock.firstStartingAt(window.claimT0Ns);
    for (const target of ['touched', 'written'] as const) {
      for (const scopes of memory.scopesAgree ? [SCOPES] : SCOPES.map((scope) => [scope]))
        this.#sets.push({ scopes, target, classes: memory.classes(scopes[0]!, target), sure: sets.take(), maybe: undefined });
    }
    this.#addTouchedAfter(this.#firstSure, ({ sure }) => sure);
  }

  /** Takes the outer sets. Call when exactly the frames that end by outerT1 have been applied. */
  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const { memory } = this.#clock;
    const { outerT0Ns, outerT1Ns } = this.#window;
    const first = this.#clock.firstEndingAfter(outerT0Ns);
    // Nothing between the two windows when no frame is cut, and no mark took time.
    const isWider = first !== this.#firstSure || memory.framesApplied !== this.#appliedAtClaim;
    if (!isWider && !this.#clock.cutsFrame(outerT1Ns)) return;
    for (const set of this.#sets) set.maybe = this.#clock.sets.take();
    if (isWider) this.#addTouchedAfter(first, ({ maybe }) => maybe!);
    this.#addCutFrames();
    for (const { maybe, sure } of this.#sets) maybe!.andNot(sure);
  }

  #addTouchedAfter(after: number, pick: (set: TruthSet) => PageBitmap): void {
    const { memory } = this.#clock;
    const { nPages } = memory;
    if (nPages >= MIN_PAGES_TO_READ_AGAIN && this.#clock.touchesSince(after) * PAGES_PER_TOUCH < nPages) {
      this.#clock.eachFrameSince(after, this.#adder(pick));
      return;
    }
    memory.assertTells(after);
    if (isWhole(this.#range, nPages) && this.#addedAll(after, pick)) return;
    if (memory.classBits === 1) {
      const [touched, written] = this.#sets.map(pick) as [PageBitmap, PageBitmap];
      memory.column.fillTouchedAndWritten(this.#range, after, touched, written);
      return;
    }
    for (const set of this.#sets) addNewer(memory.last(set.classes), this.#range, after, pick(set));
  }

  /** Adds what all who look at this instant share; false when that is not known. */
  #addedAll(after: number, pick: (set: TruthSet) => PageBitmap): boolean {
    const { memory } = this.#clock;
    const all = this.#sets.map(({ classes }) => memory.newerThan(classes, after));
    if (all.includes(undefined)) return false;
    this.#sets.forEach((set, i) => pick(set).or(all[i]!));
    return true;
  }

  #addCutFrames(): void {
    this.#clock.eachCutFrame(
      this.#window.outerT1Ns,
      this.#adder(({ maybe }) => maybe!),
    );
  }

  /** Adds single touches to the sets of their classes. */
  #adder(pick: (set: TruthSet) => PageBitmap): VisitRows {
    const { classBits } = this.#clock.memory;
    const classMask = (1 << classBits) - 1;
    const { from: first, to: end } = this.#range;
    const targets = this.#sets.map((set) => ({ classes: set.classes, pages: pick(set) }));
    return (touches, from, to) => {
      for (let i = from; i < to; i++) {
        const id = touches[i]! >>> classBits;
        if (id < first || id >= end) continue;
        for (const { classes, pages } of targets) if (((classes >>> (touches[i]! & classMask)) & 1) === 1) pages.add(id);
      }
    };
  }

  /** Writes truth and edge sets of window w, after finish(). */
  write(w: number, part: RunPart): void {
    this.#packed ??= this.#pack(part);
    for (const { kind, scopes, set } of this.#packed) for (const scope of scopes) part.packedSet(w, kind, scope, set);
  }

  #pack(part: RunPart): PackedTruth[] {
    const packed: PackedTruth[] = [];
    for (const { scopes, target, sure, maybe } of this.#sets.splice(0)) {
      packed.push({ kind: kindOf('truth', target), scopes, set: part.pack(sure) });
      this.#clock.sets.give(sure);
      if (maybe === undefined) continue;
      packed.push({ kind: kindOf('edge', target), scopes, set: part.pack(maybe) });
      this.#clock.sets.give(maybe);
    }
    return packed;
  }
}

function kindOf(kind: 'truth' | 'edge', target: Target): SetKind {
  return target === 'touched' ? kind : `${kind}_writes`;
}
