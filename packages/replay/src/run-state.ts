/** One run during a pass: its tracker, its kernel, its open windows. */
import { Prng, type Nanos, type PageBitmap } from '@workset/model';
import type { SpaceReader } from '@workset/store';
import type { Truth, Window } from './claims.ts';
import type { PassRun } from './engine.ts';
import { Ledger } from './ledger.ts';
import { SimKernel } from './memory/kernel.ts';
import type { World } from './memory/world.ts';
import type { PageRange, RecordedCycle, Report, Tracker } from './scheme.ts';

/** What a run needs of the pass it is in. */
export interface RunHost {
  /** The world of a run in this span, made on first use. */
  worldOf(run: PassRun): World;
  sample(period: number, out: PageBitmap): number;
  /** A wanted wake time, moved to the frame boundary it misses only by clock drift. */
  snap(ns: Nanos): Nanos;
  /** Truth of a window, shared by all runs that claim it over the same pages. */
  truthOf(range: PageRange, window: Window): Truth;
  /** The span that wholly holds the claim window, -1 when it crosses a gap. */
  spanOf(window: Window): number;
}

/** The window number of costs that belong to no reported window. */
const AFTER_LAST_REPORT = -1;

interface PendingWindow {
  readonly w: number;
  readonly truth: Truth;
  readonly outerT1Ns: number;
  /** What the run's swapper is told once the window is over. */
  readonly reported: PageBitmap | undefined;
}

export class RunState {
  nextNs = Infinity;
  nWindows = 0;
  readonly #run: PassRun;
  readonly #pass: RunHost;
  readonly #ledger: Ledger;
  #pending: PendingWindow[] = [];
  #wakeNs = Infinity;
  #lastNs = 0;
  #tracker: Tracker | undefined;
  #kernel: SimKernel | undefined;
  #nextReport = 0;
  /** Truth taken before its report was complete. */
  #claimed: { claimT1Ns: Nanos; truth: Truth } | undefined;
  #spans = 0;

  constructor(run: PassRun, pass: RunHost) {
    this.#run = run;
    this.#pass = pass;
    this.#ledger = new Ledger(run.profile);
    if (run.work.kind === 'observed') this.#setWake(run.work.reports[0]?.claimT1Ns ?? Infinity);
  }

  startSpan(start: Nanos, space: SpaceReader): void {
    const { work, range, randomName, seed } = this.#run;
    if (work.kind !== 'simulated') return;
    this.#kernel = new SimKernel({
      world: this.#pass.worldOf(this.#run),
      space,
      range,
      recorded: work.recorded,
      random: new Prng(`${randomName} ${seed} ${this.#spans++}`),
      charge: (op, count) => this.#ledger.charge(op, count),
      claim: (window) => this.#claim(window),
      report: (report) => this.#report(report),
      sample: (period, out) => this.#pass.sample(period, out),
    });
    this.#kernel.now = start;
    this.#lastNs = start;
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

  /**
   * When it probably wants to be woken next after `now`, its next wake or later, if it goes on as before; `now` itself when that cannot
   * be said. A wrong guess costs time, nothing else.
   */
  expectedAfter(now: Nanos): Nanos {
    if (this.nextNs > now) return this.nextNs;
    const { work } = this.#run;
    if (work.kind === 'observed') {
      let report = this.#nextReport + 1;
      while (report < work.reports.length && work.reports[report]!.claimT1Ns <= now) report++;
      return work.reports[report]?.claimT1Ns ?? Infinity;
    }
    const cycle = this.nextNs - this.#lastNs;
    if (!(cycle > 0)) return now;
    const guess = this.nextNs + cycle * (1 + Math.floor((now - this.nextNs) / cycle));
    return this.#recorded === null ? this.#pass.snap(guess) : guess;
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
    this.#lastNs = now;
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
    if (report.eligible !== undefined) part.pageSet(w, 'eligible', '', report.eligible);
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
