/** Rows of the table `scores`. */
import { RunError } from '@workset/model';
import type { Row, Scope, Target } from '@workset/model';
import { PAIRS } from './score-group.ts';
import { scoreFigures } from './score-row.ts';
import type { ScoreFigures } from './score-row.ts';
import { KINDS_OF } from './window-sets.ts';
import type { Overlaps } from './window-sets.ts';

export interface ScoreRow extends ScoreFigures {
  readonly run_id: string;
  readonly w: number;
  readonly scope: Scope;
  readonly target: Target;
}

/** Throws RunError when the stored sets contradict one another. */
export function scoreRow(runId: string, w: number, { scope, target }: (typeof PAIRS)[number], overlaps: Overlaps): ScoreRow & Row {
  const figures = scoreFigures(overlaps);
  if (figures.fp < 0 || figures.tn < 0) {
    throw new RunError(
      `run ${runId}, window ${w}: page sets contradict one another (${scope} ${target}: fp ${figures.fp}, tn ${figures.tn} of ${overlaps.nPages} pages)`,
      'truth and edge must not overlap, and no set may hold more than the tracked pages; replay the run again',
    );
  }
  return { run_id: runId, w, scope, target, ...figures };
}

/**
 * Scopes and targets the run has truth for, as places in PAIRS: a trace without read/write or user/kernel classes stores no such sets, and
 * no rows is "unknown", not "nothing was touched". Touches by anyone, and what the run itself claims, are always scored.
 * @param stored `kind scope` of the sets it has
 */
export function pairsOf(run: { readonly scope: string; readonly target: string }, stored: ReadonlySet<string>): number[] {
  return PAIRS.flatMap(({ scope, target }, i) => {
    const { truth, edge } = KINDS_OF[target];
    const own = scope === run.scope && target === run.target;
    const known = own || (scope === 'any' && target === 'touched') || stored.has(`${truth} ${scope}`) || stored.has(`${edge} ${scope}`);
    return known ? [i] : [];
  });
}
