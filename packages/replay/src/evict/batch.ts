/**
 * The batch of pages under eviction: none of it costs more than a few numbers per step while nobody touches it; pages that are touched
 * get a page model each.
 */
import { WRITE } from '@workset/model';
import type { KernelOp } from '../primitive.ts';
import type { Access, AccessResult, PageStart, QuietRead } from '../race/page-model.ts';
import type { Outcome } from './event-log.ts';
import { accessOf, dropStepOf, inFlight, startOf, type InFlight } from './in-flight.ts';
import { isDevice } from './pins.ts';
import { IN_FLIGHT, STALE, WINDOW_READ, type Residency } from './residency.ts';
import type { Sightings } from './sightings.ts';
import type { EvictPlan } from './spec.ts';
import type { Tally } from './tally.ts';
import type { Timing } from './timing.ts';
import type { Victims } from './victims.ts';

export interface BatchOptions {
  readonly plan: EvictPlan;
  readonly memory: Residency;
  readonly sightings: Sightings;
  readonly victims: Victims;
  readonly timing: Timing;
  readonly tally: Tally;
}

export class Batch {
  /** When its first step began. */
  startNs = 0;
  /** Pages not given back: what the steps are paid for. */
  alive = 0;
  /** Pages still in memory. */
  flying = 0;
  /** The moment at which the workload stands still; Infinity while it runs. */
  stallNs = Infinity;
  /** The step of a batch behind which an untouched page is gone. */
  readonly dropStep: number;
  readonly #o: BatchOptions;
  readonly #pageStart: PageStart;
  /** Steps that every page has behind it, then those of the batch. */
  readonly #open: readonly KernelOp[];
  readonly #steps: readonly KernelOp[];
  /** Pages, -1 where one was given back. */
  readonly #ids: Int32Array;
  #slots = 0;
  /** In the order of their first touch. */
  readonly #touched = new Map<number, InFlight>();

  constructor(options: BatchOptions, open: readonly KernelOp[], steps: readonly KernelOp[]) {
    this.#o = options;
    this.#open = open;
    this.#steps = steps;
    const { plan } = options;
    this.#pageStart = startOf(plan, open);
    this.dropStep = dropStepOf(this.#pageStart, open, steps);
    this.#ids = new Int32Array(plan.batch);
  }

  begin(startNs: number): void {
    this.startNs = startNs;
    this.#slots = this.alive = this.flying = 0;
  }
  /** Pages of the batch, -1 where one was given back; some may be gone already. */
  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#slots);
  }
  get isFull(): boolean {
    return this.#slots === this.#ids.length;
  }
  add(id: number): void {
    const { memory } = this.#o;
    memory.takeOut(id);
    // Steps may refuse such a page, and so have to be gone through.
    if (memory.pins?.isPinned(id) === true || memory.pins?.isMapped(id) === true) this.#touched.set(id, this.#model(id, 0));
    this.#ids[this.#slots++] = id;
    this.alive++;
    this.flying++;
  }

  /** An access to a page of the batch when `done` of its steps are over. */
  access(id: number, cls: number, nowNs: number, done: number): void {
    const { tally, timing, plan } = this.#o;
    let page = this.#touched.get(id);
    if (page === undefined) this.#touched.set(id, (page = this.#model(id, done)));
    const result = this.#try(page, cls);
    if (result === 'done') {
      if ((cls & WRITE) === 0) page.reads++;
      else page.writes++;
      return;
    }
    if (page.waiters.length === 0 && plan.handler === 'rescue' && page.model.rescue()) {
      this.message(cls);
      page.blockedNs += timing.messageNs;
      this.#giveBack(page, nowNs);
      this.#o.memory.pins?.reached(id, cls);
      return;
    }
    tally.countBlocked(cls);
    if (result !== 'lock') timing.count('uffd-message', 1);
    page.waiters.push({ sinceNs: nowNs, cls });
  }

  /** A page of the batch when `done` of its steps are over, with nobody having touched it. */
  #model(id: number, done: number): InFlight {
    const { pins } = this.#o.memory;
    const start =
      pins === undefined ? this.#pageStart : { ...this.#pageStart, pinned: pins.isPinned(id), sharedMapping: pins.isMapped(id) };
    return inFlight(id, start, [...this.#open, ...this.#steps.slice(0, done)]);
  }

  /** Lets an access through, or says what it waits for. */
  #try(page: InFlight, cls: number): AccessResult {
    const { id, model, waiters } = page;
    const { pins } = this.#o.memory;
    const aside = this.#asideOf(id, cls);
    // Once somebody waits for the page, all do whose way is through its entry.
    const result = aside === undefined && waiters.length > 0 ? 'missing' : model.access(aside ?? accessOf(cls));
    if (pins === undefined || result !== 'done') return result;
    if (isDevice(cls) && !pins.isPinned(id)) model.pin();
    if (pins.isElsewhere(cls)) model.sharedMapping = true;
    pins.reached(id, cls);
    return result;
  }
  /** How an access gets to the page by another way than through its entry. */
  #asideOf(id: number, cls: number): Access | QuietRead | undefined {
    const { pins } = this.#o.memory;
    const writes = (cls & WRITE) !== 0;
    if (pins?.isElsewhere(cls) === true) return writes ? 'second-write' : 'second-read';
    if (isDevice(cls) && pins?.isPinned(id) === true) return writes ? 'pinned-write' : 'pinned-read';
    return undefined;
  }
  /** A device has written to the frame of a page that is on its way back. */
  lose(id: number): void {
    this.#touched.get(id)!.model.lostWrites++;
  }

  /** An access that waited for a message to be answered at once. */
  message(cls: number): void {
    const { tally, timing } = this.#o;
    tally.countBlocked(cls);
    timing.count('uffd-message', 1);
    tally.blocked(cls, timing.messageNs);
  }

  /** Gives up what is under way; returns the pages that stay. */
  cutOff(nowNs: number): Int32Array {
    const { memory } = this.#o;
    for (const page of this.#touched.values()) {
      this.#fill(page, nowNs);
      if (page.settled) continue;
      this.#endEviction(page, 'unfinished', nowNs - this.startNs);
      this.#release(page, nowNs);
    }
    const left = this.ids.filter((id) => id >= 0 && memory.kindOf(id) === IN_FLIGHT);
    for (const id of left) {
      if (!this.#touched.has(id)) this.#endEviction(inFlight(id, this.#pageStart, []), 'unfinished', nowNs - this.startNs);
      memory.giveBack(id);
    }
    this.#touched.clear();
    this.#slots = this.flying = 0;
    return left;
  }

  /** Step number `at` is over. */
  apply(at: number, dueNs: number): void {
    const step = this.#steps[at]!;
    for (const page of this.#touched.values()) {
      if (page.settled) continue;
      const result = page.model.step(step);
      if (page.model.phase === 'evicted') this.#drop(page, dueNs);
      else if (result !== 'ok') this.#giveBack(page, dueNs);
      else if (step === 'writeback') this.#retry(page, dueNs);
    }
    if (at === this.dropStep) this.#dropUntouched(dueNs);
    if (step === 'wake') for (const page of this.#touched.values()) this.#fill(page, dueNs);
  }

  /** All steps are over. */
  end(dueNs: number): void {
    for (const page of this.#touched.values()) {
      page.model.finish();
      if (!page.settled) this.#drop(page, dueNs);
      this.#fill(page, dueNs);
    }
    this.#touched.clear();
    this.#slots = this.flying = 0;
  }

  #dropUntouched(dueNs: number): void {
    const { memory, tally } = this.#o;
    const latencyNs = dueNs - this.startNs;
    const moment = memory.moment(Math.min(dueNs, this.stallNs));
    const isDirect = this.stallNs !== Infinity;
    const touched = this.#touched.size > 0 ? this.#touched : undefined;
    const gone = this.ids.filter((id) => id >= 0 && touched?.has(id) !== true);
    for (let i = 0; i < gone.length; i = (i + 1) | 0) memory.drop(gone[i]!, moment, 0);
    this.flying -= gone.length;
    tally.evicted(gone, this.startNs, latencyNs, isDirect);
  }

  /** A touched page is gone; with accesses waiting it keeps its place until it is back. */
  #drop(page: InFlight, dueNs: number): void {
    const { id, model, waiters } = page;
    const { memory } = this.#o;
    page.settled = true;
    this.flying--;
    this.#endEviction(page, model.lostWrites > 0 ? 'lost-write' : 'done', dueNs - this.startNs);
    if (waiters.length > 0) memory.dropAndFill(id);
    else
      memory.drop(
        id,
        memory.moment(Math.min(dueNs, this.stallNs)),
        (model.lostWrites > 0 ? STALE : 0) | (page.reads > 0 ? WINDOW_READ : 0),
      );
  }

  #endEviction(page: InFlight, outcome: Outcome, latencyNs: number): void {
    const { id, reads, writes, model, waiters } = page;
    const tNs = this.startNs;
    const blockedNs = waiters.reduce((sum, { sinceNs }) => sum + tNs + latencyNs - sinceNs, page.blockedNs);
    const direct = this.stallNs !== Infinity;
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
    memory.fill(id);
    for (const { cls } of page.waiters) memory.pins?.reached(id, cls);
    page.waiters = [];
    this.#faultedIn(id);
  }

  /** Out of the eviction: the page stays, as the newest. */
  #giveBack(page: InFlight, tNs: number): void {
    const { id, model } = page;
    page.settled = true;
    this.#endEviction(page, `aborted-${model.reason ?? 'cancelled'}`, tNs - this.startNs);
    this.#release(page, tNs);
    this.#touched.delete(id);
    this.#ids[this.#ids.indexOf(id)] = -1;
    this.alive--;
    this.flying--;
    this.#o.memory.giveBack(id);
    this.#faultedIn(id);
  }
  #release(page: InFlight, tNs: number): void {
    const { tally, timing, memory } = this.#o;
    for (const { sinceNs, cls } of page.waiters) {
      tally.blocked(cls, tNs - sinceNs + timing.messageNs);
      memory.pins?.reached(page.id, cls);
    }
    page.waiters = [];
  }

  /** Reclaim has let go of the page lock: the waiting accesses map the page again, in their order. */
  #retry(page: InFlight, tNs: number): void {
    const { waiters } = page;
    page.waiters = [];
    for (const { sinceNs, cls } of waiters) {
      page.blockedNs += tNs - sinceNs;
      this.#o.tally.blocked(cls, tNs - sinceNs);
      if (this.#try(page, cls) !== 'done') page.waiters.push({ sinceNs: tNs, cls });
    }
    if (page.waiters.length > 0 && this.#o.plan.handler === 'rescue' && page.model.rescue()) this.#giveBack(page, tNs);
  }

  #faultedIn(id: number): void {
    this.#o.sightings.see(id);
    this.#o.victims.faultedIn(id);
  }
}
