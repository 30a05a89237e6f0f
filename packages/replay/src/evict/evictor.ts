/**
 * The eviction replay of one run: which pages are resident, what the swapper does next, and what every touch of a page that is not
 * plainly resident costs. Kernel steps have durations; the trace runs between them, touch by touch.
 *
 * A touch of a resident page that nobody is evicting is one bit looked at. Everything else goes through `#touch`.
 */
import { WRITE, type CostOp, type CostProfile, type PageBitmap } from '@workset/model';
import type { RunPart, SpaceReader } from '@workset/store';
import type { PageRange } from '../scheme.ts';
import { isAside, isDevice, Pins } from './pins.ts';
import { ABSENT, ARMED, EVICTED, FILLING, IN_FLIGHT, RESIDENT, Residency, STALE, WINDOW_READ } from './residency.ts';
import { Sightings } from './sightings.ts';
import { limitsOf, type EvictPlan, type Limits } from './spec.ts';
import { Swapper } from './swapper.ts';
import { Tally, type References } from './tally.ts';
import { Timing } from './timing.ts';
import { TouchClock } from './touch-clock.ts';
import { Victims } from './victims.ts';

export interface EvictorOptions {
  readonly plan: EvictPlan;
  readonly space: SpaceReader;
  readonly range: PageRange;
  readonly part: RunPart;
  readonly profile: CostProfile;
  /** True when the tracking scheme leaves cold pages RW-protected. */
  readonly armed: boolean;
  /** Pages the replayed accesses touch: what a percentage refers to. */
  readonly footprintPages: number;
}

/** Rows looked over at a time: no more than what an eviction on the spot leaves to do. */
const MAX_ROWS = 64;
const MIN_ROWS = 8;
const NEAR_PAGES = 1 << 16;

export class Evictor {
  /** Frames replayed, as half-open ranges: what the references are run on. */
  readonly frames: [number, number][] = [];
  readonly #plan: EvictPlan;
  readonly #space: SpaceReader;
  readonly #range: PageRange;
  readonly #part: RunPart;
  readonly #classBits: number;
  readonly #limits: Limits;
  readonly #memory: Residency;
  readonly #sightings: Sightings;
  readonly #victims: Victims;
  readonly #timing: Timing;
  readonly #tally: Tally;
  readonly #swapper: Swapper;
  readonly #clock = new TouchClock();
  /** Rows of touches that are not of plain pages; as many as are looked over at a time. */
  readonly #rows: Int32Array;
  /** Memory too large for the second-level cache. */
  readonly #isFar: boolean;
  /** False once the policy has found nothing to evict in the background, until the next report. */
  #canKick = true;
  #active = false;
  /** Before this nothing more happens. */
  #readyNs = 0;
  #lastNs = 0;
  #pageNs = 0;
  #recordedNs = 0;
  #touches = 0;
  #firstTouches = 0;

  constructor(options: EvictorOptions) {
    const { plan, space, range, part, profile, armed, footprintPages } = options;
    const { nPages, classBits } = space.info;
    this.#plan = plan;
    this.#space = space;
    this.#range = range;
    this.#part = part;
    this.#classBits = classBits;
    this.#limits = limitsOf(plan, footprintPages);
    this.#rows = new Int32Array(Math.min(MAX_ROWS, Math.max(MIN_ROWS, this.#limits.direct)));
    this.#memory = new Residency(nPages, range, plan.events, classBits > 2 ? new Pins(nPages, plan.backing !== 'anon') : undefined);
    this.#isFar = nPages > NEAR_PAGES && this.#memory.pins === undefined;
    this.#sightings = new Sightings(nPages, Math.max(1, plan.cold));
    this.#victims = new Victims(this.#memory, this.#sightings, plan.order === 'oldest-fault-in');
    this.#timing = new Timing(profile, plan);
    this.#tally = new Tally(plan, part, (id) => space.pageOf(id));
    this.#swapper = new Swapper({
      plan,
      armed,
      low: this.#limits.low,
      memory: this.#memory,
      sightings: this.#sightings,
      victims: this.#victims,
      timing: this.#timing,
      tally: this.#tally,
    });
  }

  startSpan(now: number): void {
    this.#active = true;
    this.#readyNs = this.#lastNs = now;
  }
  /** Evictions under way are cut off: what happens in a gap is not known. */
  endSpan(now: number): void {
    this.#runUntil(now);
    this.#swapper.cutOff(now);
    this.#active = false;
  }

  /** Call before the touches of frame `f`; they are spread evenly over it, in stored order, the last one at `t1Ns`. */
  frame(f: number, t1Ns: number): void {
    if (!this.#active) return;
    const { t0Ns, rowStart } = this.#space.frames;
    const startNs = Math.max(t0Ns[f]!, this.#readyNs);
    this.#readyNs = Math.max(startNs, t1Ns);
    this.#runUntil(startNs);
    this.#clock.start(startNs, this.#readyNs, rowStart[f + 1]! - rowStart[f]!);
    this.#pageNs += this.#memory.used * (t1Ns - this.#lastNs);
    this.#recordedNs += t1Ns - this.#lastNs;
    this.#lastNs = t1Ns;
    const last = this.frames.at(-1);
    if (last !== undefined && last[1] === f) last[1] = f + 1;
    else this.frames.push([f, f + 1]);
  }

  /** Rows [from, to) of the buffer, the next ones of the frame. */
  apply(touches: Int32Array, from: number, to: number): void {
    if (!this.#active) return;
    this.#clock.piece(from);
    for (let at = from; at < to;) {
      const stop = this.#clock.firstAfter(this.#swapper.dueNs, at, to);
      if (stop === at) this.#runUntil(this.#clock.timeOf(at));
      else at = this.#isFar ? this.#applyFar(touches, at, stop) : this.#applyEach(touches, at, stop);
    }
    this.#clock.advance(to - from);
    this.#touches += this.#tracked(touches, from, to);
  }

  /**
   * The hot loop, until the swapper's next step; returns where it ended, which is earlier when that step has changed. A few rows at a
   * time are looked over first: what is known of pages that are not plain comes from far away, and this way several at once.
   */
  #applyFar(touches: Int32Array, from: number, to: number): number {
    const memory = this.#memory;
    const { plain } = memory;
    const classBits = this.#classBits | 0;
    const dueNs = this.#swapper.dueNs;
    const rows = this.#rows;
    for (let at = from | 0; at < to;) {
      const stop = Math.min(at + rows.length, to) | 0;
      let n = 0;
      for (let i = at; i < stop; i = (i + 1) | 0) {
        const id = touches[i]! >>> classBits;
        rows[n] = i;
        n = (n + (~(plain[id >>> 5]! >>> id) & 1)) | 0;
      }
      memory.fetch(touches, rows, n, classBits);
      at = stop;
      const { drops } = memory;
      for (let k = 0; k < n; k = (k + 1) | 0) {
        const row = rows[k]!;
        const touch = touches[row]!;
        if (((plain[(touch >>> classBits) >>> 5]! >>> (touch >>> classBits)) & 1) !== 0) continue;
        this.#touch(touch, row);
        if (this.#swapper.dueNs !== dueNs) return (row + 1) | 0;
        // Pages that were plain may be gone.
        if (memory.drops !== drops) {
          at = (row + 1) | 0;
          break;
        }
      }
    }
    return to;
  }

  /** The same row by row. Where devices and other processes are told apart, their touches of a resident page mean something, too. */
  #applyEach(touches: Int32Array, from: number, to: number): number {
    const { plain, pins } = this.#memory;
    const classBits = this.#classBits | 0;
    const dueNs = this.#swapper.dueNs;
    for (let i = from | 0; i < to; i = (i + 1) | 0) {
      const touch = touches[i]!;
      const id = touch >>> classBits;
      if (((plain[id >>> 5]! >>> id) & 1) !== 0 && (pins === undefined || !isAside(this.#classOf(touch)))) continue;
      this.#touch(touch, i);
      if (this.#swapper.dueNs !== dueNs) return (i + 1) | 0;
    }
    return to;
  }

  /** A tracker's report as window w. */
  report(w: number, reported: PageBitmap, now: number): void {
    if (!this.#active) return;
    const nowNs = (this.#readyNs = Math.max(this.#readyNs, now));
    this.#runUntil(nowNs + 1);
    this.#sightings.takeReport(reported);
    this.#victims.takeReport(reported);
    const cold = this.#sightings.cold(this.#memory.here(this.#swapper.batchIds));
    this.#part.pageSet(w, 'cold', '', cold);
    this.#canKick = true;
    if (!this.#swapper.isIdle) this.#swapper.requeue(cold);
    else if (this.#limits.limit === Infinity || this.#memory.used > this.#limits.high) this.#canKick = this.#swapper.start(nowNs, cold);
    this.#swapper.rearm();
  }

  /** Hands over the operations counted since the last call. */
  takeCosts(charge: (op: CostOp, count: number) => void): void {
    this.#timing.take(charge);
  }

  /** Page frames the references get: the limit, or the most that was resident, which is more where pages could not be evicted. */
  get memoryPages(): number {
    const { limit } = this.#limits;
    return Math.max(limit === Infinity ? 1 : limit, this.#memory.peak);
  }

  get wantsReferences(): boolean {
    return this.#plan.references;
  }

  /** Writes the run's row. Call after the pass. */
  finish(references: References | null): void {
    const { limit } = this.#limits;
    const memory = {
      limit: limit === Infinity ? null : limit,
      used: this.memoryPages,
      peak: this.#memory.peak,
      mean: this.#recordedNs === 0 ? null : this.#pageNs / this.#recordedNs,
      touches: this.#touches,
      firstTouches: this.#firstTouches,
      flushes: this.#timing.flushes,
      pteWrites: this.#timing.pteWrites,
    };
    this.#tally.finish(memory, references);
  }

  #tracked(touches: Int32Array, from: number, to: number): number {
    const { from: low, to: high } = this.#range;
    if (low === 0 && high === this.#memory.entry.length) return to - from;
    let n = 0;
    for (let i = from; i < to; i++) {
      const id = touches[i]! >>> this.#classBits;
      if (id >= low && id < high) n++;
    }
    return n;
  }

  /** A touch of a page that is not plainly resident; `row` is its place in the buffer. */
  #touch(touch: number, row: number): void {
    const memory = this.#memory;
    const id = touch >>> this.#classBits;
    const cls = this.#classOf(touch);
    const kind = memory.kindOf(id);
    if (memory.pins !== undefined && this.#passesBy(memory.pins, id, cls, kind, row)) return;
    switch (kind) {
      case EVICTED:
        if (memory.used >= this.#limits.limit) this.#makeRoom(cls, this.#clock.timeOf(row));
        this.#refault(id, cls, row);
        this.#arrive(id, row);
        break;
      case ABSENT:
        this.#firstTouches = (this.#firstTouches + 1) | 0;
        if (memory.used >= this.#limits.limit) this.#makeRoom(cls, this.#clock.timeOf(row));
        this.#arrive(id, row);
        break;
      case ARMED:
        memory.giveBack(id);
        if (!this.#swapper.inSync) break;
        this.#sightings.see(id);
        this.#victims.seen(id);
        this.#swapper.message(cls);
        break;
      case IN_FLIGHT:
      case FILLING:
        return this.#swapper.access(id, cls, this.#clock.timeOf(row));
    }
    memory.pins?.reached(id, cls);
  }

  /** An access that is not through the swapper's page tables; true when that is all there is to it. */
  #passesBy(pins: Pins, id: number, cls: number, kind: number, row: number): boolean {
    if (id < this.#range.from || id >= this.#range.to) return true;
    if (isDevice(cls) && pins.isOrphaned(id)) {
      if ((cls & WRITE) === 0) return true;
      this.#tally.lostWrite();
      if (kind === EVICTED) this.#memory.markStale(id);
      if (kind === FILLING) this.#swapper.lose(id);
      return true;
    }
    if (isDevice(cls) && pins.isPinned(id)) {
      if (kind === IN_FLIGHT) this.#swapper.access(id, cls, this.#clock.timeOf(row));
      return true;
    }
    if (!pins.isElsewhere(cls) || (kind !== RESIDENT && kind !== ARMED)) return false;
    pins.reached(id, cls);
    return true;
  }

  /** Without class bits every touch may have been a write by the user. */
  #classOf(touch: number): number {
    return this.#classBits === 0 ? WRITE : touch & ((1 << this.#classBits) - 1);
  }

  #arrive(id: number, row: number): void {
    this.#memory.arrive(id);
    this.#sightings.see(id);
    this.#victims.faultedIn(id);
    if (this.#memory.used > this.#limits.high && this.#canKick && this.#swapper.isIdle)
      this.#canKick = this.#swapper.start(this.#clock.timeOf(row));
  }

  #refault(id: number, cls: number, row: number): void {
    const flags = this.#memory.flagsOf(id);
    this.#timing.chargeRefault();
    const isStale = (flags & STALE) !== 0;
    const wasRead = (flags & WINDOW_READ) !== 0;
    if (!this.#plan.events) return this.#tally.countRefault(cls, this.#timing.refaultNs, wasRead, isStale);
    const nowNs = this.#clock.timeOf(row);
    this.#tally.refault(id, cls, nowNs, nowNs - this.#memory.droppedAt(id), this.#timing.refaultNs, wasRead, isStale);
  }

  /**
   * No free page frame: the workload stands still until there is one. The batch under way is waited for, or one is evicted on the spot.
   * The trace's times do not stretch, so nothing else happens meanwhile.
   */
  #makeRoom(cls: number, nowNs: number): void {
    const { limit, direct } = this.#limits;
    // Where all that is left is refused, the limit cannot be kept.
    for (let refused = 0; this.#memory.used >= limit && refused < this.#memory.used; refused += this.#swapper.refused) {
      const waitNs = this.#swapper.isIdle ? this.#swapper.evictNow(nowNs, direct) : this.#swapper.finishNow(nowNs);
      this.#tally.blocked(cls, waitNs);
    }
  }

  /** Completes every step due before `ns`. */
  #runUntil(ns: number): void {
    while (this.#swapper.dueNs < ns) this.#swapper.completeStep();
  }
}
