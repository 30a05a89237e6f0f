/** A page on its way out, and the accesses that wait for it. */
import type { Access, PageModel } from '../race/page-model.ts';

export interface Waiter {
  readonly sinceNs: number;
  readonly cls: number;
}

export interface InFlight {
  readonly id: number;
  readonly model: PageModel;
  readonly startNs: number;
  reads: number;
  writes: number;
  blockedNs: number;
  waiters: Waiter[];
  /** True once the page was dropped or given back. */
  settled: boolean;
}

/** What an access of class `cls` is to the page model: kernel accesses reach the page through the tables, not the TLB. */
export function accessOf(cls: number): Access {
  return (['read', 'write', 'gup-read', 'gup-write'] as const)[cls]!;
}
