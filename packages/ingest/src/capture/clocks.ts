/** The clocks of a capture: which one the trace uses, and how each input's own times get onto it. */
import { ClockMap } from '../clock.ts';

/** Doubles hold whole ns up to here (104 days); later times are stored relative to an epoch. */
const EXACT_NS_MAX = Number.MAX_SAFE_INTEGER;
const EPOCH_STEP_NS = 1e9;

/** Maps one input's times to trace time and back. Better known after the input's sync points have been read. */
export interface InputClock {
  toTrace(ns: number): number;
  fromTrace(ns: number): number;
}

export class CaptureClocks {
  /** Ids: clock of a file → map to the clock it was synchronised with. */
  readonly #maps = new Map<string, ClockMap>();
  #traceClock: string | undefined;
  #epochNs: number | undefined;

  /** The clock of the trace: the one that sync points name, else that of the first input with accesses, else of the first at all. */
  get traceClock(): string {
    return this.#traceClock ?? 'none';
  }
  get epochNs(): string {
    return BigInt(this.#epochNs ?? 0).toString();
  }

  /** A clock that will do when no sync point names a better one. */
  suggest(clock: string): void {
    if (clock !== 'none') this.#traceClock ??= clock;
  }

  /** Adds the point "`ns` on the file's clock is `otherNs` on `other`". False when it goes back in time or is about a third clock. */
  sync(clock: string, ns: number, other: string, otherNs: number): boolean {
    if (this.#maps.size === 0) this.#traceClock = other;
    if (other !== this.#traceClock) return false;
    let map = this.#maps.get(clock);
    if (map === undefined) this.#maps.set(clock, (map = new ClockMap()));
    return map.add(ns, otherNs);
  }

  /** True when times of this clock are only supposed to be trace times. */
  isAssumed(clock: string): boolean {
    return clock !== this.traceClock && clock !== 'none' && !this.#maps.has(clock);
  }

  /** @param offsetNs added to every time of the input */
  of(clock: string, offsetNs: number): InputClock {
    const map = () => (clock === this.#traceClock ? undefined : this.#maps.get(clock));
    return {
      toTrace: (ns) => this.#relative((map()?.forward(ns) ?? ns) + offsetNs),
      fromTrace: (ns) => {
        const own = ns + (this.#epochNs ?? 0) - offsetNs;
        return map()?.back(own) ?? own;
      },
    };
  }

  /** The first time decides whether an epoch is needed. */
  #relative(ns: number): number {
    this.#epochNs ??= Math.abs(ns) > EXACT_NS_MAX ? Math.floor(ns / EPOCH_STEP_NS) * EPOCH_STEP_NS : 0;
    return ns - this.#epochNs;
  }
}
