/** Ground truth of a window, straight from its definition: every frame is looked at, for every window, with Sets. */
import { SCOPES, TARGETS, type Scope, type Target } from '@workset/model';
import { meaningOf, type PlainTrace } from '../trace.ts';

export interface OracleWindowTimes {
  readonly outerT0Ns: number;
  readonly claimT0Ns: number;
  readonly claimT1Ns: number;
  readonly outerT1Ns: number;
}

export interface OracleTruth {
  readonly scope: Scope;
  readonly target: Target;
  /** Touched in a frame wholly inside the claim window. */
  readonly truth: ReadonlySet<number>;
  /** Touched in a frame that overlaps the outer window, and not in truth. */
  readonly edge: ReadonlySet<number>;
}

export function truthOf(trace: PlainTrace, tracked: ReadonlySet<number>, window: OracleWindowTimes): OracleTruth[] {
  return SCOPES.flatMap((scope) => TARGETS.map((target) => truthOfKind(trace, tracked, window, scope, target)));
}

function truthOfKind(
  trace: PlainTrace,
  tracked: ReadonlySet<number>,
  window: OracleWindowTimes,
  scope: Scope,
  target: Target,
): OracleTruth {
  const truth = new Set<number>();
  const maybe = new Set<number>();
  for (const { t0Ns, t1Ns, touches } of trace.frames) {
    const isSure = t0Ns >= window.claimT0Ns && t1Ns <= window.claimT1Ns;
    const isMaybe = t0Ns < window.outerT1Ns && t1Ns > window.outerT0Ns;
    for (const touch of touches) {
      const { writes, mapped } = meaningOf(trace, touch);
      if (!tracked.has(touch.page) || (scope === 'mapped' && !mapped) || (target === 'written' && !writes)) continue;
      if (isSure) truth.add(touch.page);
      if (isMaybe) maybe.add(touch.page);
    }
  }
  return { scope, target, truth, edge: new Set([...maybe].filter((page) => !truth.has(page))) };
}
