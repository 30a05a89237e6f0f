/**
 * One pass over a trace: applies frames to the shared stamps and wakes every tracker at its own times.
 *
 * A touch counts as made at the end of its frame: at time t exactly the frames with t1 <= t have been applied. What a tick that
 * cuts a frame cannot know lands in the edge sets of its window, never in truth.
 */
import assert from 'node:assert/strict';
import { Prng, throwIfAborted, type CostProfile, type Nanos, type PageBitmap, type ParamValues, type TraceSpan } from '@workset/model';
import type { RunPart, SpaceReader } from '@workset/store';
import { Truth, type FrameClock, type Window } from './claims.ts';
import type { Evictor } from './evict/evictor.ts';
import { Ledger } from './ledger.ts';
import { SimKernel } from './memory/kernel.ts';
import { Samplers } from './memory/samplers.ts';
import { StampMemory } from './memory/stamps.ts';
import { Tlb, type TlbConfig } from './memory/tlb.ts';
import { DEFAULT_WORLD, World, type WorldConfig } from './memory/world.ts';
import type { PageRange, RecordedCycle, Report, Tracker, TrackingScheme } from './scheme.ts';

/** One run of the pass: a simulated scheme, or a real tracker's reports. */
export interface PassRun {
  readonly runId: string;
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
  readonly signal?: AbortSignal | undefined;
  /** Called about every million touches with the touches applied so far. */
  readonly onProgress?: ((touches: number) => void) | undefined;
}

export interface PassSummary {
  readonly touches: number;
  /** Windows reported, per run, in the order given. */
  readonly windows: readonly number[];
}

/** Share of a quantum by which clocks may drift before a tick is taken to cut a frame. */
const SNAP = 0.01;

export function runPass(options: PassOptions): Promise<PassSummary> {
  return new Pass(options).run();
}

class Pass implements FrameClock {
  readonly memory: StampMemory;
  readonly #options: PassOptions;
  readonly #buffer: Int32Array;
  readonly #runs: RunState[];
  readonly #truths = new Map<string, Truth>();
  readonly #samplers = new Samplers();
  readonly #walkers: Walker[] = [];
  readonly #evictors: readonly Evictor[];
  #worlds = new Map<string | PassRun, World>();
  #nextRemap = 0;
  #wakes = 0;
  #batch = -1;
  #batchRows = 0;
  #touches = 0;
  #reportAt = PROGRESS_TOUCHES;

  constructor(options: PassOptions) {
    this.#options = options;
    const { space } = options;
    assert.equal(space.frames.rowStart.length, space.frames.n + 1);
    this.memory = new StampMemory(space.info.nPages, space.info.classBits);
    this.#buffer = this.memory.arena.int32(Math.min(space.batchRows, Math.max(1, space.info.nTouches)));
    this.#runs = options.runs.map((run) => new RunState(run, this));
    this.#evictors = options.runs.flatMap(({ evictor }) => evictor ?? []);
  }

  async run(): Promise<PassSummary> {
    const spans = this.#options.spans;
    for (let s = 0; s < spans.length; s++) {
      await this.#drain(spans[s]!.t0Ns);
      const start = this.#startOf(spans[s]!);
      this.#advance(start);
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
    for (const run of this.#runs) run.finish();
    return { touches: this.#touches, windows: this.#runs.map((run) => run.nWindows) };
  }

  /** Wakes everybody in time order up to and including `until`. */
  async #drain(until: number): Promise<void> {
    for (;;) {
      let next = Infinity;
      for (const run of this.#runs) next = Math.min(next, run.nextNs);
      if (next > until || next === Infinity) break;
      this.#advance(next);
      for (const run of this.#runs) run.finishDue(next);
      for (const run of this.#runs) run.wakeDue(next);
      if (this.#truths.size > MAX_SHARED_TRUTHS) this.#truths.clear();
      if (++this.#wakes % DRAIN_WAKES === 0) for (const { part } of this.#options.runs) await part.drain();
    }
    // Behind the last wake nobody asks: what is left of the trace is not read.
    if (until !== Infinity) this.#advance(until);
  }

  /** Applies every frame that ends by `ns`. */
  #advance(ns: number): void {
    throwIfAborted(this.#options.signal);
    const { frames } = this.#options.space;
    const { memory } = this;
    let end = memory.framesApplied;
    while (end < frames.n && frames.t1Ns[end]! <= ns) end++;
    if (this.#walkers.length === 0 && this.#evictors.length === 0 && !this.#samplers.active && this.#options.remaps === undefined)
      this.#applyUntil(end);
    else for (let f = memory.framesApplied; f < end; f++) this.#applyFrame(f);
  }

  /** Applies the frames up to `end` when nobody looks at single touches: batch by batch. */
  #applyUntil(end: number): void {
    const { frames, batchRows } = this.#options.space;
    const { memory } = this;
    const endRow = frames.rowStart[end]!;
    for (let row = frames.rowStart[memory.framesApplied]!, f = memory.framesApplied; row < endRow;) {
      const batch = Math.floor(row / batchRows);
      this.#loadBatch(batch);
      const base = batch * batchRows;
      memory.applyFrames(this.#buffer, base, row - base, this.#batchRows, frames.rowStart, f, end);
      const next = Math.min(endRow, base + this.#batchRows);
      this.#touches += next - row;
      while (f < end && frames.rowStart[f + 1]! <= next) f++;
      row = next;
      if (this.#touches >= this.#reportAt) this.#progress();
    }
    memory.framesApplied = end;
  }

  #applyFrame(f: number): void {
    const { frames } = this.#options.space;
    this.#remapUntil(frames.t1Ns[f]!);
    for (const evictor of this.#evictors) evictor.frame(f, frames.t1Ns[f]!);
    this.#eachPiece(f, (touches, from, to) => this.#apply(touches, from, to, f));
    this.#touches += frames.rowStart[f + 1]! - frames.rowStart[f]!;
    this.memory.framesApplied = f + 1;
    if (this.#touches >= this.#reportAt) this.#progress();
  }

  #apply(touches: Int32Array, from: number, to: number, frame: number): void {
    this.memory.apply(touches, from, to, frame);
    for (const { tlb } of this.#walkers) tlb.apply(touches, from, to, frame);
    for (const evictor of this.#evictors) evictor.apply(touches, from, to);
    if (this.#samplers.active) this.#samplers.apply(touches, from, to, this.memory.classBits);
  }

  #remapUntil(ns: number): void {
    const remaps = this.#options.remaps ?? [];
    for (; this.#nextRemap < remaps.length && remaps[this.#nextRemap]!.tNs <= ns; this.#nextRemap++) {
      const { id, kind } = remaps[this.#nextRemap]!;
      for (const world of this.#worlds.values()) world.remap(id, kind);
    }
  }

  /** The world of a run in this span, made on first use. */
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

  #progress(): void {
    this.#reportAt = this.#touches + PROGRESS_TOUCHES;
    throwIfAborted(this.#options.signal);
    this.#options.onProgress?.(this.#touches);
  }

  /** Visits the rows of a frame, batch by batch. */
  #eachPiece(frame: number, visit: (touches: Int32Array, from: number, to: number) => void): void {
    const { space } = this.#options;
    const end = space.frames.rowStart[frame + 1]!;
    for (let row = space.frames.rowStart[frame]!; row < end;) {
      const batch = Math.floor(row / space.batchRows);
      this.#loadBatch(batch);
      const base = batch * space.batchRows;
      const stop = Math.min(end - base, this.#batchRows);
      visit(this.#buffer, row - base, stop);
      row = base + stop;
    }
  }

  #loadBatch(batch: number): void {
    if (batch === this.#batch) return;
    this.#batchRows = this.#options.space.readBatch(batch, this.#buffer);
    this.#batch = batch;
  }

  firstStartingAt(ns: number): number {
    return lowerBound(this.#options.space.frames.t0Ns, this.#options.space.frames.n, (t0) => t0 >= ns);
  }
  firstEndingAfter(ns: number): number {
    return lowerBound(this.#options.space.frames.t1Ns, this.#options.space.frames.n, (t1) => t1 > ns);
  }
  eachCutFrame(ns: number, visit: (touches: Int32Array, from: number, to: number) => void): void {
    const { frames } = this.#options.space;
    for (let f = this.memory.framesApplied; f < frames.n && frames.t0Ns[f]! < ns; f++) this.#eachPiece(f, visit);
  }

  /** Trackers start on the first frame boundary of the span, so that ticks in whole quanta cut no frame. */
  #startOf(span: TraceSpan): number {
    const { frames } = this.#options.space;
    const first = this.firstStartingAt(span.t0Ns);
    return first < frames.n && frames.t0Ns[first]! < span.t1Ns ? frames.t0Ns[first]! : span.t0Ns;
  }

  /** A wanted wake time, moved to the frame boundary it misses only by clock drift. */
  snap(ns: number): number {
    const { quantumNs, space } = this.#options;
    if (quantumNs === null || ns === Infinity) return ns;
    const f = this.firstEndingAfter(ns - SNAP * quantumNs);
    if (f >= space.frames.n) return ns;
    for (const edge of [space.frames.t1Ns[f]!, space.frames.t0Ns[f]!]) if (Math.abs(edge - ns) <= SNAP * quantumNs) return edge;
    return ns;
  }

  /** Truth of a window, shared by all runs that claim it over the same pages. */
  truthOf(range: PageRange, window: Window): Truth {
    const key = `${range.from} ${range.to} ${window.outerT0Ns} ${window.claimT0Ns} ${window.claimT1Ns} ${window.outerT1Ns}`;
    let truth = this.#truths.get(key);
    if (truth === undefined) this.#truths.set(key, (truth = new Truth(this, range, window)));
    return truth;
  }

  /** The span that wholly holds the claim window, -1 when it crosses a gap. */
  spanOf(window: Window): number {
    return this.#options.spans.findIndex((span) => window.claimT0Ns >= span.t0Ns && window.claimT1Ns <= span.t1Ns);
  }
}

interface Walker {
  readonly key: string;
  readonly tlb: Tlb;
  readonly walks: StampMemory;
}

interface PendingWindow {
  readonly w: number;
  readonly truth: Truth;
  readonly outerT1Ns: number;
  /** What the run's swapper is told once the window is over. */
  readonly reported: PageBitmap | undefined;
}

/** One run during a pass: its tracker, its kernel, its open windows. */
class RunState {
  nextNs = Infinity;
  nWindows = 0;
  readonly #run: PassRun;
  readonly #pass: Pass;
  readonly #ledger: Ledger;
  #pending: PendingWindow[] = [];
  #wakeNs = Infinity;
  #tracker: Tracker | undefined;
  #kernel: SimKernel | undefined;
  #nextReport = 0;
  /** Truth taken before its report was complete. */
  #claimed: { claimT1Ns: Nanos; truth: Truth } | undefined;
  #spans = 0;

  constructor(run: PassRun, pass: Pass) {
    this.#run = run;
    this.#pass = pass;
    this.#ledger = new Ledger(run.profile);
    if (run.work.kind === 'observed') this.#setWake(run.work.reports[0]?.claimT1Ns ?? Infinity);
  }

  startSpan(start: Nanos, space: SpaceReader): void {
    const { work, range, runId, seed } = this.#run;
    if (work.kind !== 'simulated') return;
    this.#kernel = new SimKernel({
      world: this.#pass.worldOf(this.#run),
      space,
      range,
      recorded: work.recorded,
      random: new Prng(`${runId} ${seed} ${this.#spans++}`),
      charge: (op, count) => this.#ledger.charge(op, count),
      claim: (window) => this.#claim(window),
      report: (report) => this.#report(report),
      sample: (period, out) => this.#pass.sample(period, out),
    });
    this.#kernel.now = start;
    this.#tracker = work.scheme.attach(this.#kernel, work.params);
    this.#setWake(this.#tracker.firstWakeNs);
  }

  endSpan(): void {
    if (this.#run.work.kind !== 'simulated') return;
    this.#tracker = undefined;
    this.#kernel = undefined;
    this.#setWake(Infinity);
  }

  /** Books work done after the last report. */
  finish(): void {
    this.#ledger.flush(AFTER_LAST_REPORT, this.#run.part);
  }

  /** Completes windows whose outer end has come. */
  finishDue(now: Nanos): void {
    if (this.#pending.length === 0) return;
    for (const { truth, outerT1Ns, w, reported } of this.#pending) {
      if (outerT1Ns > now) continue;
      if (reported !== undefined) this.#run.evictor!.report(w, reported, outerT1Ns);
      truth.finish();
      truth.write(w, this.#run.part);
    }
    this.#pending = this.#pending.filter((window) => window.outerT1Ns > now);
    this.#setWake(this.#wakeNs);
  }

  wakeDue(now: Nanos): void {
    if (this.#wakeNs > now) return;
    const { work } = this.#run;
    if (work.kind === 'observed') {
      this.#report(work.reports[this.#nextReport++]!);
      this.#setWake(work.reports[this.#nextReport]?.claimT1Ns ?? Infinity);
      return;
    }
    this.#kernel!.now = now;
    this.#setWake(this.#tracker!.wake(now), now);
  }

  #setWake(wanted: Nanos, now = -Infinity): void {
    const snapped = this.#run.work.kind === 'simulated' && this.#recorded === null ? this.#pass.snap(wanted) : wanted;
    this.#wakeNs = snapped > now ? snapped : wanted;
    this.nextNs = this.#pending.reduce((next, window) => Math.min(next, window.outerT1Ns), this.#wakeNs);
  }

  get #recorded(): readonly RecordedCycle[] | null {
    return this.#run.work.kind === 'simulated' ? this.#run.work.recorded : null;
  }

  #claim(window: Window): void {
    if (this.#pass.spanOf(window) < 0) return;
    this.#claimed = { claimT1Ns: window.claimT1Ns, truth: this.#pass.truthOf(this.#run.range, window) };
  }

  #report(report: Report): void {
    const { part, range } = this.#run;
    const w = this.nWindows++;
    const span = this.#pass.spanOf(report);
    part.window({
      w,
      claimT0Ns: report.claimT0Ns,
      claimT1Ns: report.claimT1Ns,
      outerT0Ns: report.outerT0Ns,
      outerT1Ns: report.outerT1Ns,
      reportNs: report.outerT1Ns,
      span,
      warmup: report.warmup ?? false,
      scored: span >= 0,
      nPages: range.to - range.from,
    });
    part.pageSet(w, 'reported', '', report.reported);
    if (report.eligible !== undefined) part.pageSet(w, 'eligible', '', report.eligible, true);
    // A swapper writes the set it acts on itself.
    if (report.cold !== undefined && this.#run.evictor === undefined) part.pageSet(w, 'cold', '', report.cold);
    for (const region of report.regions ?? []) part.region(w, region.startPage, region.nPages, region.score, region.ageNs);
    this.#run.evictor?.takeCosts((op, count) => this.#ledger.charge(op, count));
    this.#ledger.flush(w, part);
    if (span < 0) return;
    const truth = this.#claimed?.claimT1Ns === report.claimT1Ns ? this.#claimed.truth : this.#pass.truthOf(range, report);
    if (report.outerT1Ns > Math.max(report.claimT1Ns, this.#kernel?.now ?? 0)) {
      this.#pending.push({ w, truth, outerT1Ns: report.outerT1Ns, reported: this.#run.evictor && report.reported.clone() });
      this.nextNs = Math.min(this.nextNs, report.outerT1Ns);
      return;
    }
    truth.finish();
    truth.write(w, part);
    this.#run.evictor?.report(w, report.reported, report.claimT1Ns);
  }
}

/** The window number of costs that belong to no reported window. */
const AFTER_LAST_REPORT = -1;
const PROGRESS_TOUCHES = 1 << 22;
/** Wakes between looks at how much the parts have buffered. */
const DRAIN_WAKES = 16;
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
