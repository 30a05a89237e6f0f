/** From set sizes to the figures of one row of `scores`. Definitions: docs/metrics.md. */
import { PAGE_BYTES } from '@workset/model';
import type { Overlaps } from './window-sets.ts';

export interface ScoreFigures {
  readonly truth: number;
  readonly truth_eligible: number;
  readonly edge_truth: number;
  readonly reported: number;
  readonly tp: number;
  readonly tp_eligible: number;
  readonly fn: number;
  readonly fp: number;
  readonly edge: number;
  readonly tn: number;
  readonly eligible: number;
  readonly wss_true_bytes: number;
  readonly wss_bytes: number;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly recall_eligible: number | null;
  readonly f1: number | null;
  readonly jaccard: number;
  readonly wss_error: number | null;
  readonly false_cold_rate: number | null;
  readonly false_hot_rate: number | null;
  readonly mcc: number | null;
}

export function scoreFigures(sizes: Overlaps): ScoreFigures {
  const tp = sizes.hit;
  const edge = sizes.reportedEdge;
  const fp = sizes.reported - tp - edge;
  const fn = sizes.truth - tp;
  // the edge excludes the truth, so |D∪T∪E| = |D| + |T∖D| + |E∖D|
  const tn = sizes.nPages - (sizes.reported + fn + (sizes.edge - edge));
  const precision = ratio(tp, tp + fp);
  const recall = ratio(tp, sizes.truth);
  return {
    truth: sizes.truth,
    truth_eligible: sizes.truthEligible,
    edge_truth: sizes.edge,
    reported: sizes.reported,
    tp,
    tp_eligible: sizes.hitEligible,
    fn,
    fp,
    edge,
    tn,
    eligible: sizes.eligible,
    wss_true_bytes: PAGE_BYTES * sizes.truth,
    wss_bytes: PAGE_BYTES * sizes.reported,
    precision,
    recall,
    recall_eligible: ratio(sizes.hitEligible, sizes.truthEligible),
    f1: f1Of(precision, recall),
    jaccard: ratio(tp, tp + fp + fn) ?? 1,
    wss_error: ratio(sizes.reported - sizes.truth, sizes.truth),
    false_cold_rate: ratio(fn, sizes.truth),
    false_hot_rate: ratio(fp, fp + tn),
    mcc: matthews(tp, fp, fn, tn),
  };
}

/** a/b, unknown when b is 0. */
export function ratio(a: number, b: number): number | null {
  return b === 0 ? null : a / b;
}

/** 0 when both are 0: nothing that was reported was right. */
export function f1Of(precision: number | null, recall: number | null): number | null {
  if (precision === null || recall === null) return null;
  return precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
}

/** Square roots before the product: a product of four page counts overflows 2^53. */
export function matthews(tp: number, fp: number, fn: number, tn: number): number | null {
  const margins = [tp + fp, tp + fn, tn + fp, tn + fn];
  if (margins.includes(0)) return null;
  return (tp * tn - fp * fn) / margins.reduce((product, margin) => product * Math.sqrt(margin), 1);
}
