/** Several trackers on one machine: each wakes at its own times and finds what the others left. */
import { pagesOf, type PlainTrace } from '../trace.ts';
import { PLAIN_WORLD, type MachineCounts, type OracleWorldConfig } from './hardware.ts';
import { Machine } from './machine.ts';
import type { Coroutine } from './schemes.ts';
import { score, snapToEdge, type OracleWindow } from './simulate.ts';
import { startTracker, type WorldTracker } from './trackers.ts';

/** A page whose contents move to another frame at a time; it happens before the frame that ends then. */
export interface OracleRemap {
  readonly tNs: number;
  readonly page: number;
  readonly kind: 'migrate' | 'swap';
}

export interface WorldWindow extends Omit<OracleWindow, 'counts'> {
  /** Work on the whole machine since its last report; shared by its trackers. */
  readonly counts: MachineCounts;
}

export interface WorldOptions {
  readonly config?: OracleWorldConfig;
  readonly tracked?: readonly number[];
  readonly remaps?: readonly OracleRemap[];
}

/** Windows of each tracker. Trackers due at the same time wake in the order given. */
export function simulateWorld(trace: PlainTrace, trackers: readonly WorldTracker[], options: WorldOptions = {}): WorldWindow[][] {
  const pages = pagesOf(trace);
  const tracked = options.tracked ?? pages;
  const clock = new Clock(trace, new Machine(trace, pages, options.config ?? PLAIN_WORLD), options.remaps ?? []);
  const windows: WorldWindow[][] = trackers.map(() => []);
  trace.spans.forEach((span, s) => {
    const startNs = trace.frames.find(({ t0Ns }) => t0Ns >= span.t0Ns && t0Ns < span.t1Ns)?.t0Ns ?? span.t0Ns;
    clock.runUntil(startNs);
    clock.machine.restart();
    const sleepers = trackers.map((tracker, i) => {
      const report: Parameters<typeof startTracker>[1]['report'] = (made) =>
        windows[i]!.push(score(trace, tracked, made, clock.machine.takeCounts()));
      const coroutine = startTracker(tracker, { machine: clock.machine, tracked, startNs, report }, s);
      const snap = 'cycles' in tracker ? (ns: number): number => ns : (ns: number): number => snapToEdge(trace, ns);
      return new Sleeper(coroutine, startNs, snap);
    });
    for (;;) {
      const next = Math.min(...sleepers.map(({ wakeNs }) => wakeNs));
      if (next > span.t1Ns || next === Infinity) break;
      clock.runUntil(next);
      for (const sleeper of sleepers) if (sleeper.wakeNs <= next) sleeper.wake(next);
    }
    clock.runUntil(span.t1Ns);
  });
  return windows;
}

class Clock {
  readonly machine: Machine;
  readonly #trace: PlainTrace;
  readonly #remaps: readonly OracleRemap[];
  #frame = 0;
  #remap = 0;

  constructor(trace: PlainTrace, machine: Machine, remaps: readonly OracleRemap[]) {
    this.#trace = trace;
    this.machine = machine;
    this.#remaps = remaps;
  }
  runUntil(ns: number): void {
    const { frames } = this.#trace;
    for (; this.#frame < frames.length && frames[this.#frame]!.t1Ns <= ns; this.#frame++) {
      const { t1Ns, touches } = frames[this.#frame]!;
      for (; this.#remap < this.#remaps.length && this.#remaps[this.#remap]!.tNs <= t1Ns; this.#remap++) {
        this.machine.remap(this.#remaps[this.#remap]!.page, this.#remaps[this.#remap]!.kind);
      }
      this.machine.runFrame(this.#frame, touches);
    }
  }
}

class Sleeper {
  wakeNs: number;
  readonly #coroutine: Coroutine;
  readonly #snap: (ns: number) => number;

  constructor(coroutine: Coroutine, now: number, snap: (ns: number) => number) {
    this.#coroutine = coroutine;
    this.#snap = snap;
    this.wakeNs = this.#after(coroutine.next(), now);
  }
  wake(now: number): void {
    this.wakeNs = this.#after(this.#coroutine.next(now), now);
  }
  #after(step: IteratorResult<number, void>, now: number): number {
    if (step.done === true) return Infinity;
    const snapped = this.#snap(step.value);
    return snapped > now ? snapped : step.value;
  }
}
