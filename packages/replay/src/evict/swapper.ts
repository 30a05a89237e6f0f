/**
 * The swapper's side of an eviction replay: an episode of evictions as kernel steps with due times. It opens, evicts one batch of pages
 * after the other, and closes.
 */
import type { PageBitmap } from '@workset/model';
import { primitives } from '../primitives/index.ts';
import type { KernelOp } from '../primitive.ts';
import { Batch, type BatchOptions } from './batch.ts';
import { refusalOf, startOf, type Refusal } from './in-flight.ts';
import { ANY_AGE } from './victims.ts';

export interface SwapperOptions extends BatchOptions {
  /** True when the tracking scheme leaves cold pages RW-protected. */
  readonly armed: boolean;
  /** Page frames to evict down to; Infinity = every cold page goes. */
  readonly low: number;
}

type Phase = 'idle' | 'open' | 'batch' | 'close';

export class Swapper {
  /** When the step under way completes; Infinity when there is none. */
  dueNs = Infinity;
  /** True while accesses to armed pages send messages. */
  inSync = false;
  /** Pages that the last eviction on the spot was refused. */
  refused = 0;
  readonly #o: SwapperOptions;
  readonly #open: readonly KernelOp[];
  readonly #openArming: readonly KernelOp[];
  readonly #evict: readonly KernelOp[];
  readonly #close: readonly KernelOp[];
  readonly #usesArms: boolean;
  /** The steps of a batch until its pages are gone, and those after. */
  readonly #untilDrop: readonly KernelOp[];
  readonly #afterDrop: readonly KernelOp[];
  /** How a batch ends for a page that a device has pinned, or that another process maps; undefined = as for any other. */
  readonly #pinnedRefusal: Refusal | undefined;
  readonly #mappedRefusal: Refusal | undefined;
  /** Pages evicted on the spot. */
  #direct = new Int32Array(0);
  #phase: Phase = 'idle';
  #steps: readonly KernelOp[] = [];
  #at = 0;
  /** Pages to be evicted, with what had last been seen of each; the next one. */
  #queue = new Int32Array(0);
  #queueMarks = new Int32Array(0);
  #queued = 0;
  #unarmed = 0;
  #scanIsKnown = false;
  readonly #batch: Batch;
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
    options.sightings.tracksArms = options.armed && this.#usesArms;
    this.#batch = new Batch(options, this.#open, this.#evict);
    const start = startOf(plan, this.#open);
    this.#pinnedRefusal = refusalOf({ ...start, pinned: true }, this.#open, this.#evict);
    this.#mappedRefusal = refusalOf({ ...start, sharedMapping: true }, this.#open, this.#evict);
    this.#untilDrop = this.#evict.slice(0, this.#batch.dropStep + 1);
    this.#afterDrop = this.#evict.slice(this.#batch.dropStep + 1);
  }

  /** Pages of the batch under way, -1 where one was given back. */
  get batchIds(): Int32Array {
    return this.#batch.ids;
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
    if (this.#phase === 'batch') this.#batch.apply(this.#at, this.dueNs);
    else this.#applyToQueue(step);
    this.#at++;
    if (this.#at < this.#steps.length) return this.#schedule();
    if (this.#phase === 'close') return this.#end();
    if (this.#phase === 'batch') this.#batch.end(this.dueNs);
    this.#nextBatch();
  }

  /** The workload stands still until the batch (or the phase) under way is over; returns for how long. */
  finishNow(nowNs: number): number {
    const { phase, startNs } = { phase: this.#phase, startNs: this.#batch.startNs };
    let endNs = nowNs;
    this.#batch.stallNs = nowNs;
    this.refused = 0;
    do {
      endNs = this.dueNs;
      this.completeStep();
    } while (this.#phase === phase && (phase !== 'batch' || (this.#at > 0 && this.#batch.startNs === startNs)));
    this.#batch.stallNs = Infinity;
    const waitNs = endNs - nowNs;
    this.dueNs -= waitNs;
    this.#batch.startNs -= waitNs;
    return waitNs;
  }

  /** Evicts up to `wanted` pages while the workload stands still, with no episode under way; returns for how long. */
  evictNow(nowNs: number, wanted: number): number {
    const { memory, tally } = this.#o;
    if (this.#direct.length !== wanted) this.#direct = new Int32Array(wanted);
    const nChosen = this.#o.victims.takeInto(this.#direct, ANY_AGE);
    const chosen = nChosen === wanted ? this.#direct : this.#direct.subarray(0, nChosen);
    const unarmed = this.#countUnarmed(chosen);
    this.#scanIsKnown = false;
    let afterNs = this.#runNow(unarmed > 0 ? this.#openArming : this.#open, nChosen, unarmed);
    const nCold = this.#usesArms ? this.#passOverHot(chosen) : nChosen;
    const refusal = memory.pins === undefined ? undefined : (this.#pinnedRefusal ?? this.#mappedRefusal);
    const nFirst = refusal === undefined ? 0 : refusal.step + 1;
    afterNs += this.#runNow(this.#untilDrop.slice(0, nFirst), nCold, nCold);
    const n = refusal === undefined ? nCold : this.#giveBackRefused(chosen.subarray(0, nCold), nowNs, afterNs);
    this.refused = nCold - n;
    afterNs += this.#runNow(nFirst === 0 ? this.#untilDrop : this.#untilDrop.slice(nFirst), n, n);
    const moment = memory.moment(nowNs);
    for (let i = 0; i < n; i = (i + 1) | 0) memory.drop(chosen[i]!, moment, 0);
    tally.evicted(n === nChosen ? chosen : chosen.subarray(0, n), nowNs, afterNs, true);
    return afterNs + this.#runNow(this.#afterDrop, n, n) + this.#runNow(this.#close, 0, 0);
  }
  /** Pages that the primitive does not take stay, as the newest; returns how many others there are, at the front. */
  #giveBackRefused(ids: Int32Array, tNs: number, latencyNs: number): number {
    const { memory, tally, sightings, victims } = this.#o;
    let n = 0;
    for (const id of ids) {
      const refusal = this.#refusalOf(id);
      if (refusal === undefined) {
        ids[n++] = id;
        continue;
      }
      const outcome = `aborted-${refusal.reason as 'pinned' | 'shared'}` as const;
      tally.eviction({ id, tNs, outcome, direct: true, latencyNs, reads: 0, writes: 0, lostWrites: 0, blockedNs: 0 });
      memory.giveBack(id);
      sightings.see(id);
      victims.faultedIn(id);
    }
    return n;
  }
  #refusalOf(id: number): Refusal | undefined {
    const { pins } = this.#o.memory;
    return (pins!.isPinned(id) ? this.#pinnedRefusal : undefined) ?? (pins!.isMapped(id) ? this.#mappedRefusal : undefined);
  }
  /** Charges steps on `n` pages; returns how long they take. */
  #runNow(steps: readonly KernelOp[], n: number, nToArm: number): number {
    const { timing } = this.#o;
    let ns = 0;
    for (let i = 0; i < steps.length; i = (i + 1) | 0) {
      const step = steps[i]!;
      const pages = step === 'rwp-arm' ? nToArm : n;
      ns += timing.duration(step, pages);
      timing.charge(step, pages);
    }
    return ns;
  }

  /** Moves the pages that a scan shows to have been touched to the end; returns how many others there are, at the front. */
  #passOverHot(chosen: Int32Array): number {
    let n = 0;
    for (const id of chosen) {
      if (this.#isHot(id)) {
        this.#see(id);
        this.#passOver(id);
      } else chosen[n++] = id;
    }
    return n;
  }

  /** An access to a page of the batch. */
  access(id: number, cls: number, nowNs: number): void {
    this.#batch.access(id, cls, nowNs, this.#at);
  }
  /** An access that waited for a message to be answered at once. */
  message(cls: number): void {
    this.#batch.message(cls);
  }

  /** A device has written to the former frame of a page that is on its way back. */
  lose(id: number): void {
    this.#batch.lose(id);
  }

  /** Gives up what is under way: what happens in a gap of the recording is not known. */
  cutOff(nowNs: number): void {
    const { victims } = this.#o;
    const left = this.#batch.cutOff(nowNs);
    this.#putBack(this.#queued);
    victims.putBack(
      left,
      left.map((id) => victims.markOf(id)),
    );
    this.#next = undefined;
    if (!this.isIdle) this.#end();
  }

  /** Pages to evict now, by the policy. */
  #choose(cold: PageBitmap | undefined): void {
    const { plan, memory, sightings, victims, low } = this.#o;
    if (low === Infinity) this.#queue = Int32Array.from(cold?.ids() ?? []).filter((id) => memory.isFree(id));
    else this.#queue = victims.take(memory.used - this.#batch.flying - low, plan.cold === 0 ? ANY_AGE : sightings.report - plan.cold);
    this.#queueMarks = this.#queue.map((id) => victims.markOf(id));
    this.#queued = 0;
  }

  #putBack(from: number): void {
    if (this.#o.low !== Infinity) this.#o.victims.putBack(this.#queue.subarray(from), this.#queueMarks.subarray(from));
    this.#queued = this.#queue.length;
  }

  /** Pages that must be armed first: all, or those the swapper knows to have come since everything was armed. */
  #countUnarmed(ids: Int32Array): number {
    if (!this.#o.armed || !this.#usesArms) return ids.length;
    let n = 0;
    for (let i = 0; i < ids.length; i++) if (this.#isKnownUnarmed(ids[i]!)) n++;
    return n;
  }
  #isKnownUnarmed(id: number): boolean {
    return !this.#o.armed || this.#o.sightings.sinceArmed.has(id);
  }
  /** Touched since it was armed, as the scan in the sync phase will show. */
  #isHot(id: number): boolean {
    return !this.#isKnownUnarmed(id) && this.#o.memory.isPlain(id);
  }

  #schedule(): void {
    const step = this.#steps[this.#at]!;
    this.dueNs += this.#o.timing.duration(step, this.#pagesIn(step));
  }
  #pagesIn(step: KernelOp): number {
    if (this.#phase === 'batch') return this.#batch.alive;
    if (this.#phase === 'close' || (step === 'scan' && this.#scanIsKnown)) return 0;
    return step === 'rwp-arm' ? this.#unarmed : this.#queue.length;
  }

  /** Steps around the batches. */
  #applyToQueue(step: KernelOp): void {
    const { memory } = this.#o;
    if (step === 'set-sync' || step === 'set-async') this.inSync = step === 'set-sync';
    if (step === 'rwp-arm') {
      for (const id of this.#queue) if (memory.isPlain(id) && this.#isKnownUnarmed(id)) memory.arm(id);
    }
    if (step === 'scan') for (const id of this.#queue) if (memory.isPlain(id)) this.#see(id);
  }

  #nextBatch(): void {
    const wasOpened = this.#phase === 'batch' || this.#steps.length > 0;
    this.#batch.begin(this.dueNs);
    while (!this.#batch.isFull && this.#queued < this.#queue.length) {
      const at = this.#queued++;
      const id = this.#queue[at]!;
      if (this.#isStillWanted(id, this.#queueMarks[at]!)) this.#batch.add(id);
      else this.#passOver(id);
    }
    const isEmpty = this.#batch.alive === 0;
    this.#at = 0;
    this.#phase = isEmpty ? 'close' : 'batch';
    this.#steps = !isEmpty ? this.#evict : wasOpened ? this.#close : [];
    if (this.#steps.length > 0) this.#schedule();
    else this.#end();
  }

  /** False for pages that are gone, or showed themselves after they were chosen. */
  #isStillWanted(id: number, mark: number): boolean {
    const { memory, plan, victims } = this.#o;
    if (this.inSync) return memory.isArmed(id);
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

  #see(id: number): void {
    this.#o.sightings.see(id);
    this.#o.victims.seen(id);
  }
}
