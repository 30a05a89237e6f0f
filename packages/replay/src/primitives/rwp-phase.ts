/** The sync phase that RW-protection puts around a round of evictions (kernel-semantics 2.4). */
import type { Param, ParamValues } from '@workset/model';
import type { EvictionSetup, KernelOp } from '../primitive.ts';

export function* openSyncPhase({ armed }: Pick<EvictionSetup, 'armed'>): Generator<KernelOp> {
  if (!armed) yield* ['rwp-arm', 'flush'] as const;
  yield 'set-sync';
  yield 'scan';
}
export function* closeSyncPhase(): Generator<KernelOp> {
  yield 'set-async';
}

/** Parameter of the primitives that are safe only under RW-protection. */
export const protect = {
  kind: 'choice',
  default: 'rwp',
  choices: ['rwp', 'none'],
  help: 'what keeps the workload out between copy and drop',
  source: 'kernel-semantics 11 E3',
} as const satisfies Param;
type ProtectSetup = EvictionSetup<ParamValues<{ protect: typeof protect }>>;

/** A sync phase around `steps`, and a wake after them, when protection is asked for; else the bare steps. */
export function maybeProtected(steps: readonly KernelOp[]) {
  const isProtected = ({ params }: ProtectSetup): boolean => params.protect === 'rwp';
  return {
    *open(setup: ProtectSetup): Generator<KernelOp> {
      if (isProtected(setup)) yield* openSyncPhase(setup);
    },
    *evict(setup: ProtectSetup): Generator<KernelOp> {
      yield* steps;
      if (isProtected(setup)) yield 'wake';
    },
    *close(setup: ProtectSetup): Generator<KernelOp> {
      if (isProtected(setup)) yield* closeSyncPhase();
    },
  };
}
