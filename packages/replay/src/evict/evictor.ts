/**
 * The eviction replay of one run: which pages are resident, what the swapper does next, and what every touch of a page that is not
 * plainly resident costs. Kernel steps have durations; the trace runs between them, frame by frame.
 *
 * A touch of a resident page that nobody is evicting is one byte compared. Everything else is rare and goes through `#touch`.
 */
import { KERNEL, WRITE, type CostOp, type CostProfile, type PageBitmap } from '@workset/model';
import type { RunPart, SpaceReader } from '@workset/store';
import { primitives } from '../primitives/index.ts';
import type { EvictionPrimitive, EvictionSetup, KernelOp } from '../primitive.ts';
import { PageModel, type PageStart } from '../race/page-model.ts';
import type { PageRange } from '../scheme.ts';
import { Coldness } from './coldness.ts';
import { accessOf, type InFlight } from './in-flight.ts';
import { pagesOf, type EvictPlan } from './spec.ts';
import { Tally, type References } from './tally.ts';
import { Timing } from './timing.ts';

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

const ABSENT = 0;
const RESIDENT = 1;
const EVICTED = 2;
const IN_FLIGHT = 3;
/** Armed while a sync phase lasts: the next access is a message. */
const WATCHED = 4;
/** Dropped with accesses waiting: comes back when the eviction ends. */
const FILLING = 5;

const STALE = 1;
const WINDOW_READ = 2;

/** A direct eviction takes at most this share of the limit (2^-n), so that small limits are not emptied by one batch. */
const DIRECT_SHIFT = 5;

interface Episode {
  /** What is being done: steps of the phase, the next one, and when it completes. */
  phase: 'open' | 'batch' | 'close';
  steps: readonly KernelOp[];
  at: number;
  dueNs: number;
  /** Pages still to be evicted, next first. */
  queue: Int32Array;
  /** When each page of the queue had last shown itself when it was chosen. */
  queueSeen: Int32Array;
  queued: number;
  batch: InFlight[];
  unarmed: number;
}

export class Evictor {
  /** Frames replayed, as half-open ranges: what the references are run on. */
  readonly frames: [number, number][] = [];
  readonly #plan: EvictPlan;
  readonly #range: PageRange;
  readonly #part: RunPart;
  readonly #armed: boolean;
  readonly #pageOf: (id: number) => number;
  readonly #classBits: number;
  readonly #state: Uint8Array;
  readonly #marks: Uint8Array;
  readonly #droppedAt: Float64Array;
  readonly #coldness: Coldness;
  readonly #timing: Timing;
  readonly #tally: Tally;
  readonly #primitive: EvictionPrimitive;
  readonly #flying = new Map<number, InFlight>();
  readonly #limit: number;
  readonly #high: number;
  readonly #low: number;
  #episode: Episode | undefined;
  #canKick = true;
  #active = false;
  #now = 0;
  #lastNs = 0;
  #resident = 0;
  #peak = 0;
  #pageNs = 0;
  #recordedNs = 0;
  #touches = 0;
  #firstTouches = 0;

  constructor(options: EvictorOptions) {
    const { plan, space, range, part, profile, armed, footprintPages } = options;
    const { nPages, classBits } = space.info;
    this.#plan = plan;
    this.#range = range;
    this.#part = part;
    this.#armed = armed;
    this.#pageOf = (id) => space.pageOf(id);
    this.#classBits = classBits;
    // Pages outside the range are somebody else's: always there, never looked at.
    this.#state = new Uint8Array(nPages).fill(RESIDENT).fill(ABSENT, range.from, range.to);
    this.#marks = new Uint8Array(nPages);
    this.#droppedAt = new Float64Array(nPages);
    this.#coldness = new Coldness(nPages, range);
    this.#timing = new Timing(profile, plan, armed);
    this.#tally = new Tally(plan, part);
    this.#primitive = primitives.get(plan.primitive);
    this.#limit = pagesOf(plan.limit, footprintPages) ?? Infinity;
    this.#low = Math.min(this.#limit, pagesOf(plan.low, footprintPages) ?? this.#limit);
    this.#high = Math.floor((this.#limit + this.#low) / 2);
  }

  startSpan(now: number): void {
    this.#active = true;
    this.#now = this.#lastNs = now;
  }
  /** Evictions under way are cut off: what happens in a gap is not known. */
  endSpan(now: number): void {
    this.#runUntil(now);
    this.#cutOff(now);
    this.#active = false;
  }

  /** Call before the touches of frame `f`, which all happen at `t1Ns`. */
  frame(f: number, t1Ns: number): void {
    if (!this.#active) return;
    this.#runUntil(t1Ns);
    this.#pageNs += this.#resident * (t1Ns - this.#lastNs);
    this.#recordedNs += t1Ns - this.#lastNs;
    this.#now = this.#lastNs = t1Ns;
    const last = this.frames.at(-1);
    if (last !== undefined && last[1] === f) last[1] = f + 1;
    else this.frames.push([f, f + 1]);
  }

  /** Rows [from, to) of the frame. The hot loop. */
  apply(touches: Int32Array, from: number, to: number): void {
    if (!this.#active) return;
    const state = this.#state;
    const classBits = this.#classBits | 0;
    for (let i = from | 0, end = to | 0; i < end; i = (i + 1) | 0) {
      const touch = touches[i]!;
      if (state[touch >>> classBits] !== RESIDENT) this.#touch(touch);
    }
    this.#touches += this.#tracked(touches, from, to);
  }

  /** A tracker's report as window w. */
  report(w: number, reported: PageBitmap, now: number): void {
    if (!this.#active) return;
    this.#runUntil(now + 1);
    this.#now = now;
    this.#coldness.report(reported);
    this.#part.pageSet(w, 'cold', '', this.#coldness.cold(Math.max(1, this.#plan.cold)));
    this.#canKick = true;
    if (this.#episode !== undefined) this.#requeue(this.#episode);
    else if (this.#limit === Infinity || this.#resident > this.#high) this.#startEpisode();
  }

  /** Hands over the operations counted since the last call. */
  takeCosts(charge: (op: CostOp, count: number) => void): void {
    this.#timing.take(charge);
  }

  /** Page frames the references get: the limit, or the most that was resident. */
  get memoryPages(): number {
    return this.#limit === Infinity ? Math.max(1, this.#peak) : this.#limit;
  }

  get wantsReferences(): boolean {
    return this.#plan.references;
  }

  /** Writes the run's row. Call after the pass. */
  finish(references: References | null): void {
    const memory = {
      limit: this.#limit === Infinity ? null : this.#limit,
      used: this.memoryPages,
      peak: this.#peak,
      mean: this.#recordedNs === 0 ? null : this.#pageNs / this.#recordedNs,
      touches: this.#touches,
      firstTouches: this.#firstTouches,
      flushes: this.#timing.flushes,
      pteWrites: this.#timing.pteWrites,
    };
    this.#part.row('eviction_runs', this.#tally.summary(memory, references));
  }

  #tracked(touches: Int32Array, from: number, to: number): number {
    const { from: low, to: high } = this.#range;
    if (low === 0 && high === this.#state.length) return to - from;
    let n = 0;
    for (let i = from; i < to; i++) {
      const id = touches[i]! >>> this.#classBits;
      if (id >= low && id < high) n++;
    }
    return n;
  }

  /** A touch of a page that is not plainly resident. */
  #touch(touch: number): void {
    const id = touch >>> this.#classBits;
    const cls = this.#classOf(touch);
    switch (this.#state[id]) {
      case ABSENT:
        this.#firstTouches++;
        this.#makeRoom(cls);
        this.#arrive(id);
        break;
      case EVICTED:
        this.#makeRoom(cls);
        this.#refault(id, cls, this.#now, this.#now - this.#droppedAt[id]!, this.#timing.refaultNs);
        this.#arrive(id);
        break;
      case WATCHED:
        this.#state[id] = RESIDENT;
        this.#coldness.seen(id);
        this.#message(cls);
        break;
      default:
        this.#touchFlying(this.#flying.get(id)!, cls);
    }
  }

  /** Without class bits every touch may have been a write by the user. */
  #classOf(touch: number): number {
    return this.#classBits === 0 ? WRITE : touch & ((1 << this.#classBits) - 1);
  }

  #arrive(id: number): void {
    this.#state[id] = RESIDENT;
    this.#coldness.faultedIn(id);
    this.#resident++;
    if (this.#resident > this.#peak) this.#peak = this.#resident;
    if (this.#resident > this.#high && this.#low < this.#limit && this.#episode === undefined && this.#canKick) this.#startEpisode();
  }

  #refault(id: number, cls: number, tNs: number, awayNs: number, waitNs: number): void {
    const marks = this.#marks[id]!;
    this.#timing.chargeRefault();
    this.#tally.blocked((cls & KERNEL) !== 0, waitNs);
    this.#tally.refault({
      tNs,
      page: this.#pageOf(id),
      cls,
      awayNs,
      waitNs,
      windowRead: (marks & WINDOW_READ) !== 0,
      stale: (marks & STALE) !== 0,
    });
  }

  /** An access that waited for a message to be answered at once. */
  #message(cls: number): void {
    this.#countBlocked(cls);
    this.#timing.count('uffd-message', 1);
    this.#tally.blocked((cls & KERNEL) !== 0, this.#timing.messageNs);
  }
  #countBlocked(cls: number): void {
    if ((cls & WRITE) === 0) this.#tally.blockedReads++;
    else this.#tally.blockedWrites++;
  }

  #touchFlying(page: InFlight, cls: number): void {
    // Once somebody waits for the page, all do.
    const result = page.waiters.length > 0 ? 'missing' : page.model.access(accessOf(cls));
    if (result === 'done') {
      if ((cls & WRITE) === 0) page.reads++;
      else page.writes++;
      return;
    }
    if (page.waiters.length === 0 && this.#plan.handler === 'rescue' && page.model.rescue()) {
      this.#message(cls);
      page.blockedNs += this.#timing.messageNs;
      this.#giveBack(page, this.#now);
      return;
    }
    this.#countBlocked(cls);
    if (result !== 'lock') this.#timing.count('uffd-message', 1);
    page.waiters.push({ sinceNs: this.#now, cls });
  }

  /** Evicts on the spot while the faulting access waits, until one more page fits. */
  #makeRoom(cls: number): void {
    while (this.#resident >= this.#limit) {
      const wanted = Math.min(this.#plan.batch, Math.max(1, this.#limit >>> DIRECT_SHIFT));
      const victims = this.#victims(wanted, 0);
      const waitNs = victims.length > 0 ? this.#evictNow(victims) : this.#finishBatchNow();
      this.#tally.blocked((cls & KERNEL) !== 0, waitNs);
    }
  }

  /** Up to `wanted` pages, coldest (or oldest) first; under `age` only while there are older ones. */
  #victims(wanted: number, age: number): number[] {
    const victims: number[] = [];
    const isFree = (id: number): boolean => this.#state[id] === RESIDENT || this.#state[id] === WATCHED;
    if (this.#plan.order === 'coldest') {
      while (victims.length < wanted) {
        const id = age === 0 ? this.#coldness.next(isFree) : this.#coldness.nextCold(age, isFree);
        if (id < 0) break;
        victims.push(id);
      }
      if (age > 0) return victims;
    }
    const taken = new Set(victims);
    const { order } = this.#coldness;
    for (let id = order.after(); id >= 0 && victims.length < wanted; id = order.after(id)) {
      if (isFree(id) && !taken.has(id) && this.#coldness.ageOf(id) >= (age === 0 ? -Infinity : age)) victims.push(id);
    }
    return victims;
  }

  /** A whole eviction with nothing in between; returns how long it took. */
  #evictNow(victims: readonly number[]): number {
    const unarmed = this.#unarmed(victims);
    const setup = this.#setup(unarmed > 0);
    const steps = [...this.#primitive.open(setup), ...this.#primitive.evict(setup), ...this.#primitive.close(setup)];
    const batch = victims.map((id) => this.#takeOff(id, this.#now));
    let latencyNs = 0;
    for (const step of steps) {
      const n = step === 'rwp-arm' ? unarmed : batch.length;
      latencyNs += this.#timing.duration(step, n);
      this.#timing.charge(step, n);
      for (const { model } of batch) model.step(step);
    }
    for (const page of batch) {
      page.model.finish();
      if (page.model.phase === 'evicted') this.#drop(page, this.#now, true, latencyNs);
      else this.#giveBack(page, this.#now);
    }
    return latencyNs;
  }

  #setup(armFirst: boolean): EvictionSetup {
    return { backing: this.#plan.backing, armed: !armFirst, params: this.#plan.params };
  }
  /** How many of the pages the tracker has not left armed. */
  #unarmed(ids: ArrayLike<number>): number {
    if (!this.#armed) return ids.length;
    let n = 0;
    for (let i = 0; i < ids.length; i++) if (this.#coldness.isFresh(ids[i]!)) n++;
    return n;
  }

  #takeOff(id: number, startNs: number): InFlight {
    const entry: PageStart['entry'] = this.#armed && !this.#coldness.isFresh(id) ? 'armed' : 'present';
    const model = new PageModel({
      backing: this.#plan.backing,
      entry,
      minor: Boolean(this.#plan.params['minor']),
      pinned: false,
      sharedMapping: false,
    });
    const page: InFlight = { id, model, startNs, reads: 0, writes: 0, blockedNs: 0, waiters: [], settled: false };
    this.#state[id] = IN_FLIGHT;
    this.#flying.set(id, page);
    return page;
  }

  #startEpisode(): void {
    const queue = this.#choose();
    this.#canKick = queue.length > 0;
    if (queue.length === 0) return;
    const unarmed = this.#unarmed(queue);
    const steps = [...this.#primitive.open(this.#setup(unarmed > 0))];
    this.#episode = { phase: 'open', steps, at: 0, dueNs: this.#now, queue, queueSeen: this.#seenOf(queue), queued: 0, batch: [], unarmed };
    if (steps.includes('set-sync')) this.#watch(queue);
    if (steps.length > 0) this.#schedule(this.#episode);
    else this.#nextBatch(this.#episode);
  }

  /** Pages to evict now, by the policy. */
  #choose(): Int32Array {
    const { cold } = this.#plan;
    if (this.#limit === Infinity)
      return Int32Array.from(this.#coldness.cold(cold).ids()).filter((id) => this.#state[id] === RESIDENT || this.#state[id] === WATCHED);
    const surplus = this.#resident - this.#flying.size - this.#low;
    return surplus > 0 ? Int32Array.from(this.#victims(surplus, cold)) : new Int32Array(0);
  }

  /** A new report changes what is cold: the rest of the queue is chosen again. */
  #requeue(episode: Episode): void {
    episode.queue = this.#choose();
    episode.queueSeen = this.#seenOf(episode.queue);
    episode.queued = 0;
    if (this.#inSyncPhase(episode)) this.#watch(episode.queue);
  }

  #inSyncPhase({ phase, steps }: Episode): boolean {
    return (
      phase !== 'close' && [...this.#primitive.open(this.#setup(false))].includes('set-sync') && (phase === 'batch' || steps.length > 0)
    );
  }

  /** In a sync phase every armed page sends a message: the queue, and all that the tracker left armed. */
  #watch(queue: Int32Array): void {
    for (const id of queue) if (this.#state[id] === RESIDENT) this.#state[id] = WATCHED;
    if (!this.#armed) return;
    for (let id = this.#range.from; id < this.#range.to; id++)
      if (this.#state[id] === RESIDENT && !this.#coldness.isFresh(id)) this.#state[id] = WATCHED;
  }
  #unwatch(): void {
    for (let id = this.#range.from; id < this.#range.to; id++) if (this.#state[id] === WATCHED) this.#state[id] = RESIDENT;
  }

  /** Completes every step due before `ns`. */
  #runUntil(ns: number): void {
    while (this.#episode !== undefined && this.#episode.dueNs < ns) this.#completeStep(this.#episode);
  }

  #schedule(episode: Episode): void {
    episode.dueNs += this.#timing.duration(episode.steps[episode.at]!, this.#pagesIn(episode));
  }
  #pagesIn(episode: Episode): number {
    if (episode.phase === 'open') return episode.steps[episode.at] === 'rwp-arm' ? episode.unarmed : episode.queue.length;
    return episode.phase === 'close' ? 0 : episode.batch.reduce((n, { model }) => n + (model.phase === 'aborted' ? 0 : 1), 0);
  }

  #completeStep(episode: Episode): void {
    const step = episode.steps[episode.at]!;
    this.#timing.charge(step, this.#pagesIn(episode));
    if (episode.phase === 'batch') this.#applyStep(episode, step);
    episode.at++;
    if (episode.at < episode.steps.length) return this.#schedule(episode);
    if (episode.phase === 'close') {
      this.#unwatch();
      this.#episode = undefined;
      return;
    }
    if (episode.phase === 'batch') this.#endBatch(episode);
    this.#nextBatch(episode);
  }

  #applyStep({ batch, dueNs }: Episode, step: KernelOp): void {
    for (const page of batch) {
      if (page.settled) continue;
      const result = page.model.step(step);
      if (page.model.phase === 'evicted') this.#drop(page, dueNs, false, dueNs - page.startNs);
      else if (result !== 'ok') this.#giveBack(page, dueNs);
      else if (step === 'writeback') this.#retry(page, dueNs);
    }
    if (step === 'wake') for (const page of batch) this.#fill(page, dueNs);
  }

  #endBatch({ batch, dueNs }: Episode): void {
    for (const page of batch) {
      page.model.finish();
      if (!page.settled) this.#drop(page, dueNs, false, dueNs - page.startNs);
      this.#fill(page, dueNs);
      if (this.#flying.get(page.id) === page) this.#flying.delete(page.id);
    }
  }

  #nextBatch(episode: Episode): void {
    episode.batch = [];
    const wasOpened = episode.phase === 'batch' || episode.steps.length > 0;
    while (episode.batch.length < this.#plan.batch && episode.queued < episode.queue.length) {
      const at = episode.queued++;
      const id = episode.queue[at]!;
      if (!this.#isStillWanted(id, episode.queueSeen[at]!)) continue;
      const page = this.#takeOff(id, episode.dueNs);
      for (const step of this.#primitive.open(this.#setup(true))) page.model.step(step);
      episode.batch.push(page);
    }
    const setup = this.#setup(false);
    if (episode.batch.length > 0) {
      episode.phase = 'batch';
      episode.steps = [...this.#primitive.evict(setup)];
    } else {
      episode.phase = 'close';
      episode.steps = wasOpened ? [...this.#primitive.close(setup)] : [];
    }
    episode.at = 0;
    if (episode.steps.length > 0) this.#schedule(episode);
    else this.#episode = undefined;
  }

  /** False for pages that are gone, or showed themselves after they were chosen. */
  #isStillWanted(id: number, seen: number): boolean {
    const state = this.#state[id];
    return (state === RESIDENT || state === WATCHED) && (this.#plan.order === 'oldest-fault-in' || this.#coldness.lastSeenOf(id) === seen);
  }
  #seenOf(queue: Int32Array): Int32Array {
    return queue.map((id) => this.#coldness.lastSeenOf(id));
  }

  /** The page is gone; with accesses waiting it keeps its place until it is back. */
  #drop(page: InFlight, tNs: number, direct: boolean, latencyNs: number): void {
    const { id, model } = page;
    page.settled = true;
    this.#marks[id] = (model.lostWrites > 0 ? STALE : 0) | (page.reads > 0 ? WINDOW_READ : 0);
    this.#droppedAt[id] = tNs;
    this.#endEviction(page, model.lostWrites > 0 ? 'lost-write' : 'done', direct, latencyNs);
    this.#coldness.gone(id);
    if (page.waiters.length > 0) {
      this.#state[id] = FILLING;
      return;
    }
    this.#state[id] = EVICTED;
    this.#flying.delete(id);
    this.#resident--;
  }

  #endEviction(page: InFlight, outcome: string, direct: boolean, latencyNs: number): void {
    const { id, startNs, reads, writes, model, waiters } = page;
    const blockedNs = waiters.reduce((sum, { sinceNs }) => sum + startNs + latencyNs - sinceNs, page.blockedNs);
    this.#tally.eviction({
      tNs: startNs,
      page: this.#pageOf(id),
      outcome,
      direct,
      latencyNs,
      reads,
      writes,
      lostWrites: model.lostWrites,
      blockedNs,
    });
  }

  /** Brings back a page that accesses waited for: one refault, however many waited. */
  #fill(page: InFlight, tNs: number): void {
    if (page.waiters.length === 0 || this.#state[page.id] !== FILLING) return;
    const [first, ...others] = page.waiters as [InFlight['waiters'][number], ...InFlight['waiters']];
    const waitOf = (sinceNs: number): number => tNs - sinceNs + this.#timing.refaultNs;
    this.#refault(page.id, first.cls, first.sinceNs, 0, waitOf(first.sinceNs));
    for (const { sinceNs, cls } of others) this.#tally.blocked((cls & KERNEL) !== 0, waitOf(sinceNs));
    page.waiters = [];
    this.#flying.delete(page.id);
    this.#state[page.id] = RESIDENT;
    this.#coldness.faultedIn(page.id);
  }

  /** Out of the eviction: the page stays, as the newest. */
  #giveBack(page: InFlight, tNs: number): void {
    const { id, model } = page;
    page.settled = true;
    this.#endEviction(page, `aborted-${model.reason ?? 'cancelled'}`, false, tNs - page.startNs);
    this.#release(page, tNs);
    this.#flying.delete(id);
    this.#state[id] = RESIDENT;
    this.#coldness.gone(id);
    this.#coldness.faultedIn(id);
  }
  #release(page: InFlight, tNs: number): void {
    for (const { sinceNs, cls } of page.waiters) this.#tally.blocked((cls & KERNEL) !== 0, tNs - sinceNs + this.#timing.messageNs);
    page.waiters = [];
  }

  /** Reclaim has let go of the page lock: the waiting accesses map the page again, in their order. */
  #retry(page: InFlight, tNs: number): void {
    const { waiters } = page;
    page.waiters = [];
    for (const { sinceNs, cls } of waiters) {
      page.blockedNs += tNs - sinceNs;
      this.#tally.blocked((cls & KERNEL) !== 0, tNs - sinceNs);
      if (page.model.access(accessOf(cls)) !== 'done') page.waiters.push({ sinceNs: tNs, cls });
    }
    if (page.waiters.length > 0 && this.#plan.handler === 'rescue' && page.model.rescue()) this.#giveBack(page, tNs);
  }

  /** The rest of the batch under way, at once; returns how long it takes. */
  #finishBatchNow(): number {
    const episode = this.#episode!;
    const { phase, batch } = episode;
    let endNs = this.#now;
    while (this.#episode === episode && episode.phase === phase && episode.batch === batch) {
      endNs = episode.dueNs;
      this.#completeStep(episode);
    }
    return endNs - this.#now;
  }

  #cutOff(now: number): void {
    for (const page of this.#flying.values()) {
      this.#fill(page, now);
      if (page.settled) continue;
      this.#endEviction(page, 'unfinished', false, now - page.startNs);
      this.#release(page, now);
      this.#state[page.id] = RESIDENT;
    }
    this.#flying.clear();
    this.#episode = undefined;
    this.#unwatch();
  }
}
