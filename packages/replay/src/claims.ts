/**
 * Ground truth of a claim window, taken from the shared stamps.
 *
 * Truth = touched in frames wholly inside [claimT0, claimT1]; edge = touched in frames that overlap [outerT0, outerT1], but not
 * truth: while marks were being set or read, or in a frame cut by an end of the window (design/metrics.md).
 */
import { PageBitmap, SCOPES, type Scope, type Target } from '@workset/model';
import type { RunPart, SetKind } from '@workset/store';
import type { PageRange } from './scheme.ts';
import { addNewer, addTouchedAndWritten } from './memory/bit-loops.ts';
import type { StampMemory } from './memory/stamps.ts';

/** The engine's clock and data, as claims need them. */
export interface FrameClock {
  readonly memory: StampMemory;
  /** True when a frame that is not applied yet starts before ns. */
  cutsFrame(ns: number): boolean;
  /** First frame with t0 >= ns. */
  firstStartingAt(ns: number): number;
  /** First frame with t1 > ns. */
  firstEndingAfter(ns: number): number;
  /** Calls `visit` with the rows of every frame not applied yet that starts before ns. */
  eachCutFrame(ns: number, visit: (touches: Int32Array, from: number, to: number) => void): void;
}

export interface Window {
  readonly outerT0Ns: number;
  readonly claimT0Ns: number;
  readonly claimT1Ns: number;
  readonly outerT1Ns: number;
}

interface TruthSet {
  readonly scope: Scope;
  readonly target: Target;
  readonly classes: number;
  readonly sure: PageBitmap;
  /** Touched in the outer window; undefined while that is the same as sure. */
  maybe: PageBitmap | undefined;
}

/** Sets shared by all runs that claim the same window over the same pages. */
export class Truth {
  readonly #clock: FrameClock;
  readonly #range: PageRange;
  readonly #window: Window;
  readonly #sets: TruthSet[] = [];
  readonly #firstSure: number;
  readonly #appliedAtClaim: number;
  #isFinished = false;

  /** Call when exactly the frames that end by claimT1 have been applied. */
  constructor(clock: FrameClock, range: PageRange, window: Window) {
    this.#clock = clock;
    this.#range = range;
    this.#window = window;
    const { memory } = clock;
    this.#appliedAtClaim = memory.framesApplied;
    this.#firstSure = clock.firstStartingAt(window.claimT0Ns);
    for (const target of ['touched', 'written'] as const) {
      for (const scope of memory.scopesAgree ? (['any'] as const) : SCOPES) {
        this.#sets.push({ scope, target, classes: memory.classes(scope, target), sure: new PageBitmap(memory.nPages), maybe: undefined });
      }
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
    for (const set of this.#sets) set.maybe = new PageBitmap(memory.nPages);
    if (isWider) this.#addTouchedAfter(first, ({ maybe }) => maybe!);
    this.#addCutFrames();
    for (const { maybe, sure } of this.#sets) maybe!.andNot(sure);
  }

  #addTouchedAfter(after: number, pick: (set: TruthSet) => PageBitmap): void {
    const { memory } = this.#clock;
    if (memory.classBits === 1) {
      const [touched, written] = this.#sets.map(pick) as [PageBitmap, PageBitmap];
      addTouchedAndWritten(memory.stamps, this.#range, after, touched, written);
      return;
    }
    for (const set of this.#sets) addNewer(memory.last(set.classes), this.#range, after, pick(set));
  }

  #addCutFrames(): void {
    const { classBits } = this.#clock.memory;
    const classMask = (1 << classBits) - 1;
    this.#clock.eachCutFrame(this.#window.outerT1Ns, (touches, from, to) => {
      for (let i = from; i < to; i++) {
        const id = touches[i]! >>> classBits;
        if (id < this.#range.from || id >= this.#range.to) continue;
        for (const { classes, maybe } of this.#sets) if (((classes >>> (touches[i]! & classMask)) & 1) === 1) maybe!.add(id);
      }
    });
  }

  /** Writes truth and edge sets of window w. */
  write(w: number, part: RunPart): void {
    for (const { scope, target, sure, maybe } of this.#sets) {
      const scopes = this.#clock.memory.scopesAgree ? SCOPES : [scope];
      for (const as of scopes) part.pageSet(w, kindOf('truth', target), as, sure, true);
      if (maybe !== undefined) for (const as of scopes) part.pageSet(w, kindOf('edge', target), as, maybe, true);
    }
  }
}

function kindOf(kind: 'truth' | 'edge', target: Target): SetKind {
  return target === 'touched' ? kind : `${kind}_writes`;
}
