/** When DAMON looks: at its own intervals, or when a recorded kdamond did. */
import type { Nanos } from '@workset/model';
import type { RecordedCycle } from '../scheme.ts';

export interface DamonConfig {
  readonly sample: number;
  readonly aggr: number;
  readonly min: number;
  readonly max: number;
  readonly threshold: number;
  readonly kernel: string;
  readonly recheck: string;
  readonly goal: number;
  readonly goalAggrs: number;
  readonly minSample: number;
  readonly maxSample: number;
  /** Virtual addresses alone: how often the regions are derived from the mappings again, ns. */
  readonly update?: number;
}

export type MemoryRun = { readonly startPage: number; readonly nPages: number };

/** When samples are checked, when counts are aggregated, and what window an aggregation claims. */
export interface DamonClock {
  readonly startNs: Nanos;
  /** Time of the check after the one (or the start) at `now`. */
  nextCheck(now: Nanos): Nanos;
  /** True when the check at `now` ends an aggregation. */
  ends(now: Nanos): boolean;
  /** The claim of the aggregation that ends now; moves on to the next. */
  take(now: Nanos): { outerT0Ns: Nanos; claimT0Ns: Nanos; claimT1Ns: Nanos; outerT1Ns: Nanos };
  /** Memory that the real kdamond monitored in the aggregation now running; undefined = as before. */
  monitored(): readonly MemoryRun[] | undefined;
  /** Of the aggregation now running, ns. */
  readonly aggrNs: Nanos;
  /** Of the sampling interval now running, ns. */
  readonly sampleNs: Nanos;
  /** Scales the sampling interval, within its limits; an aggregation keeps its number of samples. */
  tune(factor: number): void;
}

export class OwnClock implements DamonClock {
  readonly startNs: Nanos;
  readonly #config: DamonConfig;
  readonly #samples: number;
  aggrNs: Nanos;
  sampleNs: Nanos;
  #since: Nanos;
  #taken = 0;

  constructor(config: DamonConfig, now: Nanos) {
    this.aggrNs = config.aggr;
    this.sampleNs = config.sample;
    this.startNs = now;
    this.#config = config;
    // 6.1 waits until the aggregation interval has passed; later kernels count whole sampling intervals.
    const samples = config.aggr / config.sample;
    this.#samples = Math.max(1, config.kernel === '6.1' ? Math.ceil(samples) : Math.floor(samples));
    this.#since = now;
  }
  nextCheck(now: Nanos): Nanos {
    return now + this.sampleNs;
  }
  ends(): boolean {
    this.#taken++;
    return this.#taken >= this.#samples;
  }
  take(now: Nanos): { outerT0Ns: Nanos; claimT0Ns: Nanos; claimT1Ns: Nanos; outerT1Ns: Nanos } {
    const from = this.#since;
    this.#since = now;
    this.#taken = 0;
    return { outerT0Ns: from, claimT0Ns: from, claimT1Ns: now, outerT1Ns: now };
  }
  monitored(): undefined {
    return undefined;
  }
  tune(factor: number): void {
    const { minSample, maxSample } = this.#config;
    this.sampleNs = Math.max(minSample, Math.min(maxSample, Math.floor(this.sampleNs * factor)));
    this.aggrNs = this.sampleNs * this.#samples;
  }
}

/** Aggregates when the real kdamond did, with the configured number of samples spread evenly between. */
export class RecordedClock implements DamonClock {
  readonly startNs: Nanos;
  readonly aggrNs: Nanos;
  readonly sampleNs: Nanos;
  readonly #cycles: readonly RecordedCycle[];
  readonly #samples: number;
  #next = 0;
  #since: Nanos;
  #taken = 0;

  constructor({ aggr, sample }: DamonConfig, recorded: readonly RecordedCycle[], now: Nanos) {
    this.aggrNs = aggr;
    this.sampleNs = sample;
    this.#samples = Math.max(1, Math.floor(aggr / sample));
    this.#cycles = recorded.filter(({ readBeginNs }) => readBeginNs > now);
    this.startNs = this.#cycles.length === 0 ? Infinity : Math.max(now, this.#cycles[0]!.readBeginNs - aggr);
    this.#since = this.startNs;
  }
  nextCheck(): Nanos {
    const cycle = this.#cycles[this.#next];
    if (cycle === undefined) return Infinity;
    this.#taken++;
    return this.#taken >= this.#samples
      ? cycle.readBeginNs
      : this.#since + (this.#taken * (cycle.readBeginNs - this.#since)) / this.#samples;
  }
  ends(now: Nanos): boolean {
    return now >= this.#cycles[this.#next]!.readBeginNs;
  }
  take(now: Nanos): { outerT0Ns: Nanos; claimT0Ns: Nanos; claimT1Ns: Nanos; outerT1Ns: Nanos } {
    const { setBeginNs, setEndNs, readBeginNs, readEndNs } = this.#cycles[this.#next++]!;
    this.#since = now;
    this.#taken = 0;
    return { outerT0Ns: setBeginNs, claimT0Ns: setEndNs, claimT1Ns: readBeginNs, outerT1Ns: readEndNs };
  }
  monitored(): readonly MemoryRun[] | undefined {
    return this.#cycles[this.#next]?.monitored;
  }
  tune(): never {
    throw new Error('the times of a real kdamond are not ours to tune');
  }
}
