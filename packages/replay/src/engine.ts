/**
 * One pass over a trace: applies frames to the shared stamps and wakes every tracker at its own times.
 *
 * A touch counts as made at the end of its frame: at time t exactly the frames with t1 <= t have been applied. What a tick that
 * cuts a frame cannot know lands in the edge sets of its window, never in truth.
 */
import assert from 'node:assert/strict';
import { throwIfAborted, type CostProfile, type Nanos, type PageBitmap, type ParamValues, type TraceSpan } from '@workset/model';
import type { RunPart, SpaceReader } from '@workset/store';
import { SetPool, Truth, type FrameClock, type VisitRows, type Window } from './claims.ts';
import type { Evictor } from './evict/evictor.ts';
import { TouchFeed, type Watcher } from './feed.ts';
import type { Arena } from './memory/arena.ts';
import { Samplers } from './memory/samplers.ts';
import { StampMemory } from './memory/stamps.ts';
import { Tlb, type TlbConfig } from './memory/tlb.ts';
import { DEFAULT_WORLD, World, type WorldConfig } from './memory/world.ts';
import { RunState, type RunHost } from './run-state.ts';
import { protectsEntries, type PageRange, type RecordedCycle, type Report, type TrackingScheme } from './scheme.ts';
import { INTERVALS_AHEAD } from './team/control.ts';
import type { Interval } from './team/shared-touches.ts';
import type { Team } from './team/team.ts';

/** One run of the pass: a simulated scheme, or a real tracker's reports. */
export interface PassRun {
  /** Names its stream of random numbers, with the seed and the span. */
  readonly randomName: string;
  readonly range: PageRange;
  readonly part: RunPart;
  readonly profile: CostProfile;
  readonly seed: number;
  /** Runs that name the same world share one kernel's page tables and folios; default: a world of its own. */
  readonly world?: PassWorld | undefined;
  /** A swapper that acts on the run's reports. */
  readonly evictor?: Evictor | undefined;
  readonly work:
    | {
        readonly kind: 'simulated';
        readonly scheme: TrackingScheme;
        readonly params: ParamValues;
        readonly recorded: readonly RecordedCycle[] | null;
      }
    | { readonly kind: 'observed'; readonly reports: readonly Report[] };
}

export interface PassWorld {
  readonly name: string;
  readonly config: WorldConfig;
  /** Undefined = no TLB: every touch walks. */
  readonly tlb?: TlbConfig | undefined;
}

/** A page whose contents moved to another frame. */
export interface Remap {
  readonly tNs: Nanos;
  readonly id: number;
  readonly kind: 'migrate' | 'swap';
}

export interface PassOptions {
  readonly space: SpaceReader;
  readonly spans: readonly TraceSpan[];
  readonly quantumNs: number | null;
  readonly runs: readonly PassRun[];
  /** In time order. */
  readonly remaps?: readonly Remap[] | undefined;
  /** Threads that help, and share the arena. */
  readonly team?: Team | undefined;
  /** Where the columns are kept; default: an arena of its own. */
  readonly arena?: Arena | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called every few million touches with the touches applied so far. */
  readonly onProgress?: ((touches: number) => void) | undefined;
}

export interface PassSummary {
  /** Applied. */
  readonly touches: number;
  /** Windows reported, per run, in the order given. */
  readonly windows: readonly number[];
}

/** Share of a quantum by which clocks may drift before a tick is taken to cut a frame. */
const SNAP = 0.01;

export function runPass(options: PassOptions): Promise<PassSummary> {
  return new Pass(options).run();
}

class Pass implements FrameClock, RunHost {
  readonly memory: StampMemory;
  readonly sets: SetPool;
  readonly #options: PassOptions;
  readonly #feed: TouchFeed;
  readonly #runs: RunState[];
  readonly #truths = new Map<string, Truth>();
  readonly #samplers = new Samplers();
  readonly #walkers: Walker[] = [];
  readonly #evictors: readonly Evictor[];
  #worlds = new Map<string | PassRun, World>();
  #nextRemap = 0;
  /** Time of the last advance: a wake, or the start of a span. */
  #advancedNs = -Infinity;
  readonly #asksAtWakesOnly: boolean;

  constructor(options: PassOptions) {
    this.#options = options;
    const { frames } = options.space;
    assert.equal(frames.rowStart.length, frames.n + 1);
    this.#feed = new TouchFeed(options);
    this.memory = this.#feed.memory;
    this.sets = new SetPool(this.memory.nPages, this.memory.arena);
    this.#runs = options.runs.map((run) => new RunState(run, this));
    this.#asksAtWakesOnly = options.runs.every(asksAtWakesOnly);
    this.#evictors = options.runs.flatMap(({ evictor }) => evictor ?? []);
  }

  async run(): Promise<PassSummary> {
    const spans = this.#options.spans;
    for (let s = 0; s < spans.length; s++) {
      await this.#drain(spans[s]!.t0Ns);
      const start = this.#startOf(spans[s]!);
      await this.#advance(start);
      for (const world of this.#worlds.values()) world.release();
      this.#worlds = new Map();
      this.#samplers.clear();
      for (const evictor of this.#evictors) evictor.startSpan(start);
      for (const run of this.#runs) run.startSpan(start, this.#options.space);
      await this.#drain(spans[s]!.t1Ns);
      for (const run of this.#runs) run.endSpan();
      for (const evictor of this.#evictors) evictor.endSpan(spans[s]!.t1Ns);
    }
    await this.#drain(Infinity);
    this.#feed.finish();
    for (const run of this.#runs) run.finish();
    return { touches: this.#feed.touches, windows: this.#runs.map((run) => run.nWindows) };
  }

  /** Wakes everybody in time order up to and including `until`. */
  async #drain(until: number): Promise<void> {
    for (;;) {
      let next = Infinity;
      for (const run of this.#runs) next = Math.min(next, run.nextNs);
      if (next > until || next === Infinity) break;
      await this.#advance(next, this.#wakesAfter(next, until));
      for (const run of this.#runs) run.finishDue(next);
      for (const run of this.#runs) run.wakeDue(next);
      if (this.#truths.size > MAX_SHARED_TRUTHS) this.#truths.clear();
      for (const { part } of this.#options.runs) {
        const room = part.drain();
        if (room !== undefined) await room;
      }
    }
    // Behind the last wake nobody asks: what is left of the trace is not read.
    if (until !== Infinity) await this.#advance(until);
  }

  /** When somebody will probably be woken after `next`, as far ahead as touches can be stamped. */
  #wakesAfter(next: number, until: number): number[] {
    const wakes: number[] = [];
    if (this.#options.team === undefined) return wakes;
    for (let last = next; wakes.length < INTERVALS_AHEAD && last < until;) {
      let wake = until;
      for (const run of this.#runs) wake = Math.min(wake, run.expectedAfter(last));
      if (wake <= last || wake === Infinity) break;
      wakes.push(wake);
      last = wake;
    }
    return wakes;
  }

  /** Applies every frame that ends by `ns`; those that end by the `expected` times are probably next. */
  async #advance(ns: number, expected: readonly number[] = []): Promise<void> {
    throwIfAborted(this.#options.signal);
    const { t1Ns, n } = this.#options.space.frames;
    let end = this.memory.framesApplied;
    while (end < n && t1Ns[end]! <= ns) end++;
    await this.#remapUntil(end);
    const interval = this.#nextInterval(end);
    this.#advancedNs = ns;
    let first = end;
    let start = ns;
    const guesses = expected.map((wake) => {
      const guess = this.#interval(first, Math.max(first, this.firstEndingAfter(wake)), start);
      first = guess.end;
      start = wake;
      return guess;
    });
    await this.#feed.advance(interval, this.#watcher(), guesses);
  }

  /** Moves pages in the frames before `end`: each before the touches of the frame in which it moved. */
  async #remapUntil(end: number): Promise<void> {
    const remaps = this.#options.remaps ?? [];
    const { t1Ns, n } = this.#options.space.frames;
    for (; this.#nextRemap < remaps.length; this.#nextRemap++) {
      const { tNs, id, kind } = remaps[this.#nextRemap]!;
      const frame = lowerBound(t1Ns, n, (t1) => t1 >= tNs);
      if (frame >= end) return;
      const interval = this.#nextInterval(frame);
      await this.#feed.advance(interval, this.#watcher(), [this.#interval(interval.end, end)]);
      for (const world of this.#worlds.values()) world.remap(id, kind);
    }
  }

  #nextInterval(end: number): Interval {
    const first = this.memory.framesApplied;
    return this.#interval(first, Math.max(first, end));
  }

  /**
   * Touches of an interval may be stamped alike when all that is asked of them is whether they came before the ends of intervals, or,
   * where a wake cut a frame, after that frame: so it is with trackers that wake at the ends of all their windows.
   */
  #interval(first: number, end: number, wokenNs = this.#advancedNs): Interval {
    return { first, end, isAlike: this.#asksAtWakesOnly && this.firstStartingAt(wokenNs) <= first };
  }

  /** Those who look at single touches just now, if any. */
  #watcher(): Watcher | undefined {
    return this.#walkers.length > 0 || this.#evictors.length > 0 || this.#samplers.active ? this.#watchers : undefined;
  }
  readonly #watchers: Watcher = {
    frame: (frame) => {
      for (const evictor of this.#evictors) evictor.frame(frame, this.#options.space.frames.t1Ns[frame]!);
    },
    touches: (touches, from, to, frame) => {
      for (const { tlb } of this.#walkers) tlb.apply(touches, from, to, frame);
      for (const evictor of this.#evictors) evictor.apply(touches, from, to);
      if (this.#samplers.active) this.#samplers.apply(touches, from, to, this.memory.classBits);
    },
  };

  worldOf(run: PassRun): World {
    const name = run.world?.name ?? run;
    let world = this.#worlds.get(name);
    if (world === undefined) {
      const config = run.world?.config ?? DEFAULT_WORLD;
      world = new World(this.memory, this.#walksOf(run.world), config);
      this.#worlds.set(name, world);
    }
    return world;
  }

  sample(period: number, out: PageBitmap): number {
    return this.#samplers.add(period, out);
  }

  /** Page walks behind a TLB, shared by all worlds with the same one. */
  #walksOf(world: PassWorld | undefined): StampMemory | undefined {
    if (world?.tlb === undefined) return undefined;
    const key = `${JSON.stringify(world.tlb)} ${world.config.hugeBlocks?.words.join() ?? ''}`;
    const known = this.#walkers.find((walker) => walker.key === key);
    if (known !== undefined) return known.walks;
    const walks = new StampMemory(this.memory.nPages, this.memory.classBits, this.memory);
    // What happened before anybody looked has walked.
    walks.stamps.set(this.memory.stamps);
    this.#walkers.push({ key, tlb: new Tlb(world.tlb, walks, world.config.hugeBlocks), walks });
    return walks;
  }

  firstStartingAt(ns: number): number {
    return lowerBound(this.#options.space.frames.t0Ns, this.#options.space.frames.n, (t0) => t0 >= ns);
  }
  firstEndingAfter(ns: number): number {
    return lowerBound(this.#options.space.frames.t1Ns, this.#options.space.frames.n, (t1) => t1 > ns);
  }
  cutsFrame(ns: number): boolean {
    const { frames } = this.#options.space;
    return this.memory.framesApplied < frames.n && frames.t0Ns[this.memory.framesApplied]! < ns;
  }
  eachCutFrame(ns: number, visit: VisitRows): void {
    const { frames } = this.#options.space;
    for (let f = this.memory.framesApplied; f < frames.n && frames.t0Ns[f]! < ns; f++) this.#feed.eachPiece(f, f + 1, visit);
  }
  touchesSince(first: number): number {
    const { rowStart } = this.#options.space.frames;
    return rowStart[this.memory.framesApplied]! - rowStart[first]!;
  }
  eachFrameSince(first: number, visit: VisitRows): void {
    this.#feed.eachPiece(first, this.memory.framesApplied, visit);
  }

  /** Trackers start on the first frame boundary of the span, so that ticks in whole quanta cut no frame. */
  #startOf(span: TraceSpan): number {
    const { frames } = this.#options.space;
    const first = this.firstStartingAt(span.t0Ns);
    return first < frames.n && frames.t0Ns[first]! < span.t1Ns ? frames.t0Ns[first]! : span.t0Ns;
  }

  snap(ns: number): number {
    const { quantumNs, space } = this.#options;
    if (quantumNs === null || ns === Infinity) return ns;
    const f = this.firstEndingAfter(ns - SNAP * quantumNs);
    if (f >= space.frames.n) return ns;
    for (const edge of [space.frames.t1Ns[f]!, space.frames.t0Ns[f]!]) if (Math.abs(edge - ns) <= SNAP * quantumNs) return edge;
    return ns;
  }

  truthOf(range: PageRange, window: Window): Truth {
    const key = `${range.from} ${range.to} ${window.outerT0Ns} ${window.claimT0Ns} ${window.claimT1Ns} ${window.outerT1Ns}`;
    let truth = this.#truths.get(key);
    if (truth === undefined) this.#truths.set(key, (truth = new Truth(this, range, window)));
    return truth;
  }

  spanOf(window: Window): number {
    return this.#options.spans.findIndex((span) => window.claimT0Ns >= span.t0Ns && window.claimT1Ns <= span.t1Ns);
  }
}

/**
 * A run that never asks when a touch was, but whether it was since some wake. Others: what real trackers reported, or repeated, in
 * windows of their own; PMDs, which are split by the first write (settled-bits.ts); zaps of SPTEs, which ask for the last frame (desk.ts).
 */
function asksAtWakesOnly({ work, world }: PassRun): boolean {
  if (work.kind !== 'simulated' || work.recorded !== null) return false;
  const { mmu, hugeBlocks } = world?.config ?? DEFAULT_WORLD;
  return hugeBlocks === undefined && (mmu === 'guest' || !protectsEntries(work.scheme.descriptor.id));
}

interface Walker {
  readonly key: string;
  readonly tlb: Tlb;
  readonly walks: StampMemory;
}

/** Truths kept for sharing; more only cost memory, as equal windows are reported at the same instant. */
const MAX_SHARED_TRUTHS = 8;

function lowerBound(values: Float64Array, n: number, holds: (value: number) => boolean): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(values[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
