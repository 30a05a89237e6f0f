/** Pages touched while they are under eviction: each has a model of its own, made at the first touch. All others end as planned. */
import { KERNEL, WRITE } from '@workset/model';
import type { KernelOp } from '../primitive.ts';
import { PageModel, type AbortReason, type Access, type PageStart } from '../race/page-model.ts';
import type { EvictPlan } from './spec.ts';

export interface Waiter {
  readonly sinceNs: number;
  readonly cls: number;
}

export interface InFlight {
  readonly id: number;
  readonly model: PageModel;
  reads: number;
  writes: number;
  blockedNs: number;
  waiters: Waiter[];
  /** True once the page was dropped or given back. */
  settled: boolean;
}

/** A page that nobody but the user knows, when its eviction begins. */
export function startOf(plan: Pick<EvictPlan, 'backing' | 'params'>, open: readonly KernelOp[]): PageStart {
  const entry = open.includes('set-sync') ? 'armed' : 'present';
  return { backing: plan.backing, entry, minor: Boolean(plan.params['minor']), pinned: false, sharedMapping: false };
}

/** The page as it stands after the given steps, with nobody having touched it. */
export function inFlight(id: number, start: PageStart, done: Iterable<KernelOp>): InFlight {
  const model = new PageModel(start);
  for (const step of done) model.step(step);
  return { id, model, reads: 0, writes: 0, blockedNs: 0, waiters: [], settled: false };
}

/** What an access of class `cls` through the page tables is to the page model: only the user's reach the page through the TLB. */
export function accessOf(cls: number): Access {
  if (cls < KERNEL) return cls === WRITE ? 'write' : 'read';
  return (cls & WRITE) === 0 ? 'gup-read' : 'gup-write';
}

/** The first of `steps` that refuses a page, and why; undefined when none does. */
export function refusalOf(start: PageStart, open: Iterable<KernelOp>, steps: readonly KernelOp[]): Refusal | undefined {
  const { model } = inFlight(0, start, open);
  const step = steps.findIndex((op) => {
    model.step(op);
    return model.phase === 'aborted';
  });
  return step < 0 ? undefined : { step, reason: model.reason! };
}
export interface Refusal {
  readonly step: number;
  readonly reason: AbortReason;
}

/** The step of `steps` behind which an untouched page is gone; the last one when only their end says so. */
export function dropStepOf(start: PageStart, open: Iterable<KernelOp>, steps: readonly KernelOp[]): number {
  const { model } = inFlight(0, start, open);
  const at = steps.findIndex((step) => {
    model.step(step);
    return model.phase === 'evicted';
  });
  return at < 0 ? steps.length - 1 : at;
}
