/** What a bench is: named work at three sizes, each step of it timed, its result hashed, and set against a limit of the machine. */

export type Scale = 'tiny' | 'small' | 'full';
export const SCALES: readonly Scale[] = ['tiny', 'small', 'full'];

/** What is counted for throughput. */
export type Unit = 'accesses' | 'touches' | 'bytes' | 'rows' | 'runs';

export interface Step {
  readonly name: string;
  readonly unit: Unit;
  readonly units: number;
  readonly wallS: number;
  /** CPU of all threads of the process, user and system. */
  readonly cpuS: number;
  /** Peak resident set of the process so far, bytes. */
  readonly peakRssBytes: number;
}

/** A rate that the same machine reached in the same process on the same data, by a loop that does nothing else. */
export interface Limit {
  readonly name: string;
  readonly unit: Unit;
  readonly unitsPerCpuS: number;
}

export interface Bar {
  /** Step or, with `what: 'fact'`, fact it is about. */
  readonly step: string;
  /** 'of limit': share of the first limit in the step's unit. */
  readonly what: 'units/cpu-s' | 'units/s' | 'of limit' | 'cpu-s' | 'wall-s' | 'peak-rss' | 'fact';
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface TimedWork {
  readonly name: string;
  readonly unit: Unit;
  readonly units: number;
  work(): Promise<unknown>;
  /** Untimed, after each round: takes away what would make the next one pay for more fresh memory. */
  clean?(): void;
}

export type Times = Pick<Step, 'wallS' | 'cpuS'>;

/** What a piece of work took in each round, beside others. */
export interface Turns extends Step {
  readonly rounds: readonly Times[];
}

/**
 * A typical round: the mean of the middle half of them, by size. The first round, which warms up, does not count when there are others.
 * Rounds of works in turn see the same moods of the machine, so that these may be compared.
 */
export function typical({ rounds }: Turns, what: keyof Times): number {
  const sorted = rounds
    .slice(rounds.length > 1 ? 1 : 0)
    .map((times) => times[what])
    .sort((a, b) => a - b);
  const quarter = Math.floor(sorted.length / 4);
  const middle = sorted.slice(quarter, sorted.length - quarter);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

export interface BenchContext {
  readonly scale: Scale;
  /** Where inputs are kept from run to run. */
  readonly inputs: string;
  /** An empty directory, removed afterwards. */
  readonly scratch: string;
  /** Times one step; `units` may come from its result. */
  step<T>(name: string, unit: Unit, units: number | ((result: T) => number), work: () => T | Promise<T>): Promise<T>;
  /**
   * Times several pieces of work in turn, `rounds` times over, each round in another order, and keeps the quickest round of
   * each as its step: that is neither warm-up nor what else the machine did.
   */
  inTurn(rounds: number, works: readonly TimedWork[]): Promise<readonly Turns[]>;
}

export interface Outcome {
  /** Of what was computed; equal code and inputs give equal hashes. */
  readonly hash: string;
  readonly limits?: readonly Limit[];
  /** Facts that explain the figures: touches, windows, ratios. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

export interface Bench {
  readonly id: string;
  readonly title: string;
  /** Scales it runs at; default all. */
  readonly scales?: readonly Scale[];
  /** Runs only when --filter is its whole id: it takes many minutes and gigabytes of disk. */
  readonly byNameOnly?: boolean;
  /** What must hold at scale full. */
  readonly bars?: readonly Bar[];
  /** Makes the inputs; runs in another process than `run`, so that it counts for nothing. */
  prepare(ctx: Pick<BenchContext, 'scale' | 'inputs'>): Promise<void>;
  run(ctx: BenchContext): Promise<Outcome>;
}

/** One bench's result, as stored in `--json`. */
export interface BenchResult extends Outcome {
  readonly id: string;
  readonly scale: Scale;
  readonly steps: readonly Step[];
  /** Load average over the last minute when it ended: how much else the machine did. */
  readonly load: number;
}

export interface BenchFile {
  readonly machine: string;
  readonly commit: string;
  readonly results: readonly BenchResult[];
}
