/** How long kernel steps and refaults take, and what they are charged as, under one cost profile and one store. */
import { PAGE_BYTES, type CostOp, type CostProfile } from '@workset/model';
import { KERNEL_OPS, type KernelOp } from '../primitive.ts';
import type { EvictPlan } from './spec.ts';

/** What a kernel step takes, ns of the swapper, and how often it was charged. */
interface StepCost {
  readonly perPageNs: number;
  readonly perCallNs: number;
  pages: number;
  calls: number;
}

export class Timing {
  readonly #plan: EvictPlan;
  readonly #steps: Readonly<Record<KernelOp, StepCost>>;
  readonly #counts = new Map<CostOp, number>();
  /** A synchronous fault message and its answer, ns of the faulting thread. */
  readonly messageNs: number;
  /** Bringing a page back, ns of the faulting thread. */
  readonly refaultNs: number;
  flushes = 0;
  pteWrites = 0;
  #refaults = 0;

  constructor(profile: CostProfile, plan: EvictPlan) {
    this.#plan = plan;
    const sum = (costs: readonly CostOp[]): number => costs.reduce((total, cost) => total + profile.prices[cost].trackerNs, 0);
    this.#steps = Object.fromEntries(
      Object.entries(KERNEL_OPS).map(([op, { perPage, perCall }]) => [
        op,
        { perPageNs: sum(perPage), perCallNs: sum(perCall), pages: 0, calls: 0 },
      ]),
    ) as unknown as Record<KernelOp, StepCost>;
    this.messageNs = profile.prices['uffd-message'].vcpuNs;
    this.refaultNs = this.#inKernel ? this.#io(1) : this.messageNs + this.#io(1) + profile.prices['uffd-copy'].trackerNs;
  }

  /** Duration of one step on `n` pages, whole ns. Only a change of mode takes time without pages. */
  duration(op: KernelOp, n: number): number {
    if (op === 'store' || op === 'writeback') return n === 0 ? 0 : this.#io(n);
    if (isFree(op, n)) return 0;
    const { perPageNs, perCallNs } = this.#steps[op];
    return Math.round(n * perPageNs + perCallNs);
  }

  /** Charges one step on `n` pages. */
  charge(op: KernelOp, n: number): void {
    if (isFree(op, n)) return;
    const step = this.#steps[op];
    step.pages += n;
    step.calls = (step.calls + 1) | 0;
    this.pteWrites += n * KERNEL_OPS[op].pteWrites;
    if (op === 'flush') this.flushes++;
  }
  chargeRefault(): void {
    this.#refaults = (this.#refaults + 1) | 0;
  }

  count(cost: CostOp, n: number): void {
    if (n > 0) this.#counts.set(cost, (this.#counts.get(cost) ?? 0) + n);
  }
  /** Hands over what was counted since the last call. */
  take(charge: (op: CostOp, count: number) => void): void {
    if (!this.#inKernel) for (const cost of ['uffd-message', 'uffd-copy'] as const) this.count(cost, this.#refaults);
    this.#refaults = 0;
    for (const [op, step] of Object.entries(this.#steps) as [KernelOp, StepCost][]) {
      for (const cost of KERNEL_OPS[op].perPage) this.count(cost, step.pages);
      for (const cost of KERNEL_OPS[op].perCall) this.count(cost, step.calls);
      step.pages = step.calls = 0;
    }
    for (const [cost, n] of this.#counts) charge(cost, n);
    this.#counts.clear();
  }

  /** Kernel swap brings its pages back without a message. */
  get #inKernel(): boolean {
    return this.#plan.primitive === 'madv-pageout';
  }
  #io(pages: number): number {
    return this.#plan.latencyNs + Math.round((pages * PAGE_BYTES * 1e9) / this.#plan.bytesPerSecond);
  }
}

function isFree(op: KernelOp, n: number): boolean {
  return n === 0 && op !== 'set-async' && op !== 'set-sync';
}
