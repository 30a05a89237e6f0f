/** Times for logs that have none: the n-th access at a rate the user gives. */
import { UsageError } from '@workset/model';
import type { IngestContext } from '@workset/model';

export interface Rate {
  /** Time of one step, ns. */
  readonly nsPerStep: number;
  /** What a step is. */
  readonly step: 'access' | 'instruction';
}

/**
 * The rate from the options `accesses-per-second` or, for logs that count instructions, `instructions-per-second`.
 * @throws UsageError without one: a guessed rate would move every window of the result
 */
export function rateOption(ctx: IngestContext, what: string, instructions: boolean): Rate {
  const perInstruction = instructions ? positive(ctx, 'instructions-per-second') : undefined;
  if (perInstruction !== undefined) return { nsPerStep: 1e9 / perInstruction, step: 'instruction' };
  const perAccess = positive(ctx, 'accesses-per-second');
  if (perAccess !== undefined) return { nsPerStep: 1e9 / perAccess, step: 'access' };
  throw new UsageError(
    `${what} has no times`,
    `give the rate: accesses-per-second=1e9${instructions ? ' or instructions-per-second=5e8' : ''}`,
  );
}

/** A positive number option, undefined when absent. @throws UsageError */
export function positive(ctx: IngestContext, name: string): number | undefined {
  const text = ctx.options[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new UsageError(`${name}=${text} is not a positive number`);
  return value;
}
