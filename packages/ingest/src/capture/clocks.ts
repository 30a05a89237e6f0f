/** The clocks of a capture: which one the trace uses, and how each input's own times get onto it. */
import { ClockMap } from '../clock.ts';
import type { Reasons } from './reasons.ts';

/** Doubles hold whole ns up to here (104 days); later times are stored relative to an epoch. */
const EXACT_NS_MAX = Number.MAX_SAFE_INTEGER;
const EPOCH_STEP_NS = 1e9;
/** A tracker inside the guest calls the guest's clock by its plain name. */
const SAME_CLOCK: Readonly<Record<string, string>> = { 'guest-monotonic': 'monotonic', monotonic: 'guest-monotonic' };
/** Clocks that one file of a capture explains to the others. Other names ("trace") mean another clock in every file. */
const SHARED_CLOCKS = new Set(['vmgt']);

/** Maps one input's times to trace time and back. Better known after the input's sync points have been read. */
export interface InputClock {
  readonly id: string;
  readonly offsetNs: number;
  /** Sync points by the clock they name. */
  readonly maps: Map<string, ClockMap>;
  toTrace(ns: number): number;
  fromTrace(ns: number): number;
}

export class CaptureClocks {
  readonly #shared = new Map<string, Map<string, ClockMap>>();
  /** Named by a sync point; of the first input with times. */
  #named: string | undefined;
  #first: string | undefined;
  #epochNs: number | undefined;

  /** The clock of the trace: the first that sync points name (wall time last), else that of the first input with times. */
  get traceClock(): string {
    return this.#named ?? this.#first ?? 'none';
  }
  get epochNs(): string {
    return BigInt(this.#epochNs ?? 0).toString();
  }

  /** @param offsetNs added to every time of the input */
  of(id: string, offsetNs: number): InputClock {
    let maps = SHARED_CLOCKS.has(id) ? this.#shared.get(id) : undefined;
    maps ??= new Map<string, ClockMap>();
    if (SHARED_CLOCKS.has(id)) this.#shared.set(id, maps);
    const clock: InputClock = {
      id,
      offsetNs,
      maps,
      toTrace: (ns) => this.#relative((this.#mapOf(clock)?.forward(ns) ?? ns) + offsetNs),
      fromTrace: (ns) => {
        const own = ns + (this.#epochNs ?? 0) - offsetNs;
        return this.#mapOf(clock)?.back(own) ?? own;
      },
    };
    return clock;
  }

  /** Called before the first time of an input is used: its clock will do when no sync point named a better one. */
  use(clock: InputClock): void {
    if (clock.id !== 'none') this.#first ??= clock.id;
  }

  /** Adds the point "`ns` on the input's clock is `otherNs` on `other`". False when it goes back in time. */
  sync(clock: InputClock, ns: number, other: string, otherNs: number): boolean {
    if (other !== 'realtime') this.#named ??= other;
    let map = clock.maps.get(other);
    if (map === undefined) clock.maps.set(other, (map = new ClockMap()));
    return map.add(ns, otherNs);
  }

  /** Says when times of this input are only supposed to be on the trace's clock. */
  tellAssumed(clock: InputClock, reasons: Reasons): void {
    const { traceClock } = this;
    if (traceClock === 'none' || clock.id === 'none' || clock.id === traceClock || clock.maps.has(traceClock)) return;
    const taken = `times are on the clock "${clock.id}"; taken to be ${traceClock} (correct with --clock-offset)`;
    // A log that counts its own time and has no markers shares its clock with nobody.
    if (SHARED_CLOCKS.has(traceClock))
      reasons.add('clock-assumed', `${taken}, though no marker of the exact log ties the two`, { severity: 'warning' });
    else reasons.add('clock-assumed', taken, { severity: 'info' });
  }

  #mapOf(clock: InputClock): ClockMap | undefined {
    if (clock.id === this.traceClock) return undefined;
    return clock.maps.get(this.traceClock) ?? clock.maps.get(SAME_CLOCK[this.traceClock] ?? '');
  }

  /** The first time asked for decides whether an epoch is needed. */
  #relative(ns: number): number {
    this.#epochNs ??= Math.abs(ns) > EXACT_NS_MAX ? Math.floor(ns / EPOCH_STEP_NS) * EPOCH_STEP_NS : 0;
    return ns - this.#epochNs;
  }
}
