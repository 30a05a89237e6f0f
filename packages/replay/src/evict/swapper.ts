/**
 * The swapper's side of an eviction replay: an episode of evictions as kernel steps with due times. One batch of pages is under way at
 * a time. A batch that nobody touches costs a few numbers per step; pages that are touched meanwhile get a page model each.
 */
import type { PageBitmap } from '@workset/model';
import { primitives } from '../primitives/index.ts';
import type { KernelOp } from '../primitive.ts';
import type { PageStart } from '../race/page-model.ts';
import { accessOf, dropStepOf, inFlight, type InFlight } from './in-flight.ts';
import { ARMED, IN_FLIGHT, RESIDENT, STALE, WINDOW_READ, type Residency } from './residency.ts';
import type { Sightings } from './sightings.ts';
import type { EvictPlan } from './spec.ts';
import type { Outcome } from './event-log.ts';
import type { Tally } from './tally.ts';
import type { Timing } from './timing.ts';
import { ANY_AGE, type Victims } from './victims.ts';

export interface SwapperOptions {
  readonly plan: EvictPlan;
  /** True when the tracking scheme leaves cold pages RW-protected. */
  readonly armed: boolean;
  /** Page frames to evict down to; Infinity = every cold page goes. */
  readonly low: number;
  readonly memory: Residency;
  readonly sightings: Sightings;
  readonly victims: Victims;
  readonly timing: Timing;
  readonly tally: Tally;
}

type Phase = 'idle' | 'open' | 'batch' | 'close';

export class Swapper {
  /** When the step under way completes; Infinity when there is none. */
  dueNs = Infinity;
  /** True while accesses to armed pages send messages. */
  inSync = false;
  readonly #o: SwapperOptions;
  readonly #open: readonly KernelOp[];
  readonly #openArming: readonly KernelOp[];
  readonly #evict: readonly KernelOp[];
  readonly #close: readonly KernelOp[];
  readonly #dropStep: number;
  readonly #pageStart: PageStart;
  readonly #usesArms: boolean;
  #phase: Phase = 'idle';
  #steps: readonly KernelOp[] = [];
  #at = 0;
  /** Pages to be evicted, with what had last been seen of each; the next one. */
  #queue = new Int32Array(0);
  #queueMarks = new Int32Array(0);
  #queued = 0;
  #unarmed = 0;
  #scanIsKnown = false;
  /** Pages of the batch, -1 where one was given back; those still in it, and those still in memory. */
  readonly #batch: Int32Array;
  #slots = 0;
  #alive = 0;
  #flying = 0;
  #startNs = 0;
  readonly #touched = new Map<number, InFlight>();
  /** The moment at which the workload stands still; Infinity while it runs. */
  #stallNs = Infinity;
  #rearmPending = false;
  /** What a report called cold while a sync phase was under way. */
  #next: PageBitmap | undefined;

  constructor(options: SwapperOptions) {
    this.#o = options;
    const { plan } = options;
    const primitive = primitives.get(plan.primitive);
    const setup = { backing: plan.backing, params: plan.params };
    this.#open = [...primitive.open({ ...setup, armed: true })];
    this.#openArming = [...primitive.open({ ...setup, armed: false })];
    this.#evict = [...primitive.evict({ ...setup, armed: true })];
    this.#close = [...primitive.close({ ...setup, armed: true })];
    this.#usesArms = this.#open.includes('set-sync');
    const entry = this.#usesArms ? 'armed' : 'present';
    this.#pageStart = { backing: plan.backing, entry, minor: Boolean(plan.params['minor']), pinned: false, sharedMapping: false };
    this.#dropStep = dropStepOf(this.#pageStart, this.#open, this.#evict);
    this.#batch = new Int32Array(plan.batch);
  }

  get isIdle(): boolean {
    return this.#phase === 'idle';
  }

  /** Starts evicting what the policy wants gone; false when that is nothing. `cold`: as of a report that has just come. */
  start(nowNs: number, cold?: PageBitmap): boolean {
    this.#choose(cold);
    if (this.#queue.length === 0) return false;
    this.#scanIsKnown = this.#o.armed && cold !== undefined;
    this.#unarmed = this.#countUnarmed(this.#queue);
    this.#phase = 'open';
    this.#steps = this.#unarmed > 0 ? this.#openArming : this.#open;
    this.#at = 0;
    this.dueNs = nowNs;
    if (this.#steps.length > 0) this.#schedule();
    else this.#nextBatch();
    return true;
  }

  /**
   * A new report changes what is cold: what has not been begun is chosen again. A sync phase ends first, as pages chosen now were not
   * armed when it began.
   */
  requeue(cold: PageBitmap): void {
    this.#putBack(this.#queued);
    if (!this.#usesArms) return this.#choose(cold);
    this.#queue = this.#queueMarks = new Int32Array(0);
    this.#queued = 0;
    this.#next = cold;
  }

  /** After a report of an RW-protection tracker: everything is armed anew, behind a sync phase that is under way. */
  rearm(): void {
    if (!this.#o.armed || !this.#usesArms) return;
    this.#rearmPending = true;
    if (this.isIdle) this.#armAll();
  }

  /** Completes the step that is due. */
  completeStep(): void {
    const step = this.#steps[this.#at]!;
    this.#o.timing.charge(step, this.#pagesIn(step));
    if (this.#phase === 'batch') this.#applyToBatch(step);
    else this.#applyToQueue(step);
    this.#at++;
    if (this.#at < this.#steps.length) return this.#schedule();
    if (this.#phase === 'close') return this.#end();
    if (this.#phase === 'batch') this.#endBatch();
    this.#nextBatch();
  }

  /** The workload stands still until the batch (or the phase) under way is over; returns for how long. */
  finishNow(nowNs: number): number {
    const { phase, startNs } = { phase: this.#phase, startNs: this.#startNs };
    let endNs = nowNs;
    this.#stallNs = nowNs;
    do {
      endNs = this.dueNs;
      this.completeStep();
    } while (this.#phase === phase && (phase !== 'batch' || (this.#at > 0 && this.#startNs === startNs)));
    this.#stallNs = Infinity;
    const waitNs = endNs - nowNs;
    this.dueNs -= waitNs;
    this.#startNs -= waitNs;
    return waitNs;
  }

  /** Evicts up to `wanted` pages while the workload stands still, with no episode under way; returns for how long. */
  evictNow(nowNs: number, wanted: number): number {
    const { memory, tally } = this.#o;
    const chosen = this.#o.victims.take(wanted, ANY_AGE);
    const unarmed = this.#countUnarmed(chosen);
    this.#scanIsKnown = false;
    let afterNs = 0;
    const run = (steps: readonly KernelOp[], pagesOf: (step: KernelOp) => number): void => {
      for (const step of steps) {
        afterNs += this.#o.timing.duration(step, pagesOf(step));
        this.#o.timing.charge(step, pagesOf(step));
      }
    };
    run(unarmed > 0 ? this.#openArming : this.#open, (step) => (step === 'rwp-arm' ? unarmed : chosen.length));
    let n = 0;
    for (const id of chosen) {
      if (this.#isHot(id)) {
        this.#see(id);
        this.#passOver(id);
      } else chosen[n++] = id;
    }
    run(this.#evict.slice(0, this.#dropStep + 1), () => n);
    const moment = memory.moment(nowNs);
    for (let i = 0; i < n; i = (i + 1) | 0) {
      memory.drop(chosen[i]!, moment, 0);
      tally.evicted(chosen[i]!, nowNs, afterNs, true);
    }
    if (n > 0) tally.latency(afterNs, n);
    run(this.#evict.slice(this.#dropStep + 1), () => n);
    run(this.#close, () => 0);
    return afterNs;
  }

  /** An access to a page of the batch. */
  access(id: number, cls: number, nowNs: number): void {
    const { tally, timing, plan } = this.#o;
    let page = this.#touched.get(id);
    if (page === undefined) {
      page = inFlight(id, this.#pageStart, [...this.#open, ...this.#steps.slice(0, this.#at)]);
      this.#touched.set(id, page);
    }
    // Once somebody waits for the page, all do.
    const result = page.waiters.length > 0 ? 'missing' : page.model.access(accessOf(cls));
    if (result === 'done') {
      if ((cls & 1) === 0) page.reads++;
      else page.writes++;
      return;
    }
    if (page.waiters.length === 0 && plan.handler === 'rescue' && page.model.rescue()) {
      this.message(cls);
      page.blockedNs += timing.messageNs;
      this.#giveBack(page, nowNs);
      return;
    }
    tally.countBlocked(cls);
    if (result !== 'lock') timing.count('uffd-message', 1);
    page.waiters.push({ sinceNs: nowNs, cls });
  }

  /** An access that waited for a message to be answered at once. */
  message(cls: number): void {
    const { tally, timing } = this.#o;
    tally.countBlocked(cls);
    timing.count('uffd-message', 1);
    tally.blocked(cls, timing.messageNs);
  }

  /** Gives up what is under way: what happens in a gap of the recording is not known. */
  cutOff(nowNs: number): void {
    const { memory, victims } = this.#o;
    for (const page of this.#touched.values()) {
      this.#fill(page, nowNs);
      if (page.settled) continue;
      this.#endEviction(page, 'unfinished', nowNs - this.#startNs);
      this.#release(page, nowNs);
    }
    const left: number[] = [];
    for (let slot = 0; slot < this.#slots; slot++) {
      const id = this.#batch[slot]!;
      if (id < 0 || memory.kindOf(id) !== IN_FLIGHT) continue;
      if (!this.#touched.has(id)) this.#endEviction(inFlight(id, this.#pageStart, []), 'unfinished', nowNs - this.#startNs);
      memory.state[id] = RESIDENT;
      left.push(id);
    }
    this.#touched.clear();
    this.#putBack(this.#queued);
    victims.putBack(
      Int32Array.from(left),
      Int32Array.from(left, (id) => victims.markOf(id)),
    );
    this.#slots = this.#flying = 0;
    this.#next = undefined;
    if (!this.isIdle) this.#end();
  }

  /** Pages to evict now, by the policy. */
  #choose(cold: PageBitmap | undefined): void {
    const { plan, memory, sightings, victims, low } = this.#o;
    if (low === Infinity) this.#queue = Int32Array.from(cold?.ids() ?? []).filter((id) => memory.isFree(id));
    else this.#queue = victims.take(memory.used - this.#flying - low, plan.cold === 0 ? ANY_AGE : sightings.report - plan.cold);
    this.#queueMarks = this.#queue.map((id) => victims.markOf(id));
    this.#queued = 0;
  }

  #putBack(from: number): void {
    if (this.#o.low !== Infinity) this.#o.victims.putBack(this.#queue.subarray(from), this.#queueMarks.subarray(from));
    this.#queued = this.#queue.length;
  }

  /** Pages that must be armed first: all, or those the swapper knows to have come since everything was armed. */
  #countUnarmed(ids: Int32Array): number {
    if (!this.#o.armed) return ids.length;
    let n = 0;
    for (let i = 0; i < ids.length; i++) if (this.#isKnownUnarmed(ids[i]!)) n++;
    return n;
  }
  #isKnownUnarmed(id: number): boolean {
    return !this.#o.armed || this.#o.sightings.sinceArmed.has(id);
  }
  /** Touched since it was armed, as the scan in the sync phase will show. */
  #isHot(id: number): boolean {
    return this.#usesArms && !this.#isKnownUnarmed(id) && this.#o.memory.state[id] === RESIDENT;
  }

  #schedule(): void {
    const step = this.#steps[this.#at]!;
    this.dueNs += this.#o.timing.duration(step, this.#pagesIn(step));
  }
  #pagesIn(step: KernelOp): number {
    if (this.#phase === 'batch') return this.#alive;
    if (this.#phase === 'close' || (step === 'scan' && this.#scanIsKnown)) return 0;
    return step === 'rwp-arm' ? this.#unarmed : this.#queue.length;
  }

  /** Steps around the batches. */
  #applyToQueue(step: KernelOp): void {
    const { state } = this.#o.memory;
    if (step === 'set-sync' || step === 'set-async') this.inSync = step === 'set-sync';
    if (step === 'rwp-arm') {
      for (const id of this.#queue) if (state[id] === RESIDENT && this.#isKnownUnarmed(id)) state[id] = ARMED;
    }
    if (step === 'scan') for (const id of this.#queue) if (state[id] === RESIDENT) this.#see(id);
  }

  #nextBatch(): void {
    const { plan, memory } = this.#o;
    const wasOpened = this.#phase === 'batch' || this.#steps.length > 0;
    let n = 0;
    while (n < plan.batch && this.#queued < this.#queue.length) {
      const at = this.#queued++;
      const id = this.#queue[at]!;
      if (!this.#isStillWanted(id, this.#queueMarks[at]!)) {
        this.#passOver(id);
        continue;
      }
      memory.state[id] = IN_FLIGHT;
      this.#batch[n++] = id;
    }
    this.#slots = this.#alive = this.#flying = n;
    this.#at = 0;
    this.#startNs = this.dueNs;
    this.#phase = n > 0 ? 'batch' : 'close';
    this.#steps = n > 0 ? this.#evict : wasOpened ? this.#close : [];
    if (this.#steps.length > 0) this.#schedule();
    else this.#end();
  }

  /** False for pages that are gone, or showed themselves after they were chosen. */
  #isStillWanted(id: number, mark: number): boolean {
    const { memory, plan, victims } = this.#o;
    if (this.inSync) return memory.state[id] === ARMED;
    return memory.isFree(id) && (plan.order === 'oldest-fault-in' || victims.markOf(id) === mark);
  }

  /** A page that showed itself has its new place already, unless only faulting in counts: then it goes to the end. */
  #passOver(id: number): void {
    const { memory, plan, victims } = this.#o;
    if (plan.order === 'oldest-fault-in' && memory.isFree(id)) victims.faultedIn(id);
  }

  #end(): void {
    this.#phase = 'idle';
    this.#steps = [];
    this.inSync = false;
    const { dueNs } = this;
    this.dueNs = Infinity;
    if (this.#startNext(dueNs)) return;
    if (this.#rearmPending) this.#armAll();
  }
  /** Goes on with what a report has called cold meanwhile; under a limit the next fault will ask. */
  #startNext(nowNs: number): boolean {
    const cold = this.#next;
    this.#next = undefined;
    if (cold === undefined || this.#o.low !== Infinity) return false;
    cold.andNot(this.#o.sightings.sinceReport);
    const isStarted = this.start(nowNs, cold);
    this.#scanIsKnown = false;
    return isStarted;
  }
  #armAll(): void {
    this.#rearmPending = false;
    if (this.#o.sightings.report === 0) return;
    this.#o.memory.armAll();
    this.#o.sightings.sinceArmed.clear();
  }

  #applyToBatch(step: KernelOp): void {
    for (const page of this.#touched.values()) {
      if (page.settled) continue;
      const result = page.model.step(step);
      if (page.model.phase === 'evicted') this.#drop(page);
      else if (result !== 'ok') this.#giveBack(page, this.dueNs);
      else if (step === 'writeback') this.#retry(page);
    }
    if (this.#at === this.#dropStep) this.#dropUntouched();
    if (step === 'wake') for (const page of this.#touched.values()) this.#fill(page, this.dueNs);
  }

  #endBatch(): void {
    for (const page of this.#touched.values()) {
      page.model.finish();
      if (!page.settled) this.#drop(page);
      this.#fill(page, this.dueNs);
    }
    this.#touched.clear();
    this.#slots = this.#flying = 0;
  }

  #dropUntouched(): void {
    const { memory, tally } = this.#o;
    const latencyNs = this.dueNs - this.#startNs;
    const moment = memory.moment(Math.min(this.dueNs, this.#stallNs));
    const isDirect = this.#stallNs !== Infinity;
    const touched = this.#touched.size > 0 ? this.#touched : undefined;
    let n = 0;
    for (let slot = 0; slot < this.#slots; slot = (slot + 1) | 0) {
      const id = this.#batch[slot]!;
      if (id < 0 || touched?.has(id) === true) continue;
      memory.drop(id, moment, 0);
      tally.evicted(id, this.#startNs, latencyNs, isDirect);
      n = (n + 1) | 0;
    }
    this.#flying -= n;
    if (n > 0) tally.latency(latencyNs, n);
  }

  /** A touched page is gone; with accesses waiting it keeps its place until it is back. */
  #drop(page: InFlight): void {
    const { id, model, waiters } = page;
    const { memory } = this.#o;
    page.settled = true;
    this.#flying--;
    this.#endEviction(page, model.lostWrites > 0 ? 'lost-write' : 'done', this.dueNs - this.#startNs);
    if (waiters.length > 0) memory.dropAndFill(id);
    else
      memory.drop(
        id,
        memory.moment(Math.min(this.dueNs, this.#stallNs)),
        (model.lostWrites > 0 ? STALE : 0) | (page.reads > 0 ? WINDOW_READ : 0),
      );
  }

  #endEviction(page: InFlight, outcome: Outcome, latencyNs: number): void {
    const { id, reads, writes, model, waiters } = page;
    const tNs = this.#startNs;
    const blockedNs = waiters.reduce((sum, { sinceNs }) => sum + tNs + latencyNs - sinceNs, page.blockedNs);
    const direct = this.#stallNs !== Infinity;
    this.#o.tally.eviction({ id, tNs, outcome, direct, latencyNs, reads, writes, lostWrites: model.lostWrites, blockedNs });
  }

  /** Brings back a page that accesses waited for: one refault, however many waited. */
  #fill(page: InFlight, tNs: number): void {
    const { id, model, reads } = page;
    if (page.waiters.length === 0 || !page.settled) return;
    const { tally, timing, memory } = this.#o;
    const [first, ...others] = page.waiters as [InFlight['waiters'][number], ...InFlight['waiters']];
    const waitOf = (sinceNs: number): number => tNs - sinceNs + timing.refaultNs;
    timing.chargeRefault();
    tally.refault(id, first.cls, first.sinceNs, 0, waitOf(first.sinceNs), reads > 0, model.lostWrites > 0);
    for (const { sinceNs, cls } of others) tally.blocked(cls, waitOf(sinceNs));
    page.waiters = [];
    memory.fill(id);
    this.#faultedIn(id);
  }

  /** Out of the eviction: the page stays, as the newest. */
  #giveBack(page: InFlight, tNs: number): void {
    const { id, model } = page;
    page.settled = true;
    this.#endEviction(page, `aborted-${model.reason ?? 'cancelled'}`, tNs - this.#startNs);
    this.#release(page, tNs);
    this.#touched.delete(id);
    this.#batch[this.#batch.indexOf(id)] = -1;
    this.#alive--;
    this.#flying--;
    this.#o.memory.state[id] = RESIDENT;
    this.#faultedIn(id);
  }
  #release(page: InFlight, tNs: number): void {
    const { tally, timing } = this.#o;
    for (const { sinceNs, cls } of page.waiters) tally.blocked(cls, tNs - sinceNs + timing.messageNs);
    page.waiters = [];
  }

  /** Reclaim has let go of the page lock: the waiting accesses map the page again, in their order. */
  #retry(page: InFlight): void {
    const { waiters } = page;
    const tNs = this.dueNs;
    page.waiters = [];
    for (const { sinceNs, cls } of waiters) {
      page.blockedNs += tNs - sinceNs;
      this.#o.tally.blocked(cls, tNs - sinceNs);
      if (page.model.access(accessOf(cls)) !== 'done') page.waiters.push({ sinceNs: tNs, cls });
    }
    if (page.waiters.length > 0 && this.#o.plan.handler === 'rescue' && page.model.rescue()) this.#giveBack(page, tNs);
  }

  #faultedIn(id: number): void {
    this.#o.sightings.see(id);
    this.#o.victims.faultedIn(id);
  }
  #see(id: number): void {
    this.#o.sightings.see(id);
    this.#o.victims.seen(id);
  }
}
