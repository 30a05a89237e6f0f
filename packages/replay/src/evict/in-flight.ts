/** Pages touched while they are under eviction: each has a model of its own, made at the first touch. All others end as planned. */
import type { KernelOp } from '../primitive.ts';
import { PageModel, type Access, type PageStart } from '../race/page-model.ts';

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

/** The page as it stands after the given steps, with nobody having touched it. */
export function inFlight(id: number, start: PageStart, done: Iterable<KernelOp>): InFlight {
  const model = new PageModel(start);
  for (const step of done) model.step(step);
  return { id, model, reads: 0, writes: 0, blockedNs: 0, waiters: [], settled: false };
}

/** What an access of class `cls` is to the page model: kernel accesses reach the page through the tables, not the TLB. */
export function accessOf(cls: number): Access {
  return (['read', 'write', 'gup-read', 'gup-write'] as const)[cls]!;
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
