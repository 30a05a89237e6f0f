/** All metrics. */
import { defineRegistry, parseParams } from '@workset/model';
import type { QueryResult, Results } from '../results/results.ts';
import { discovery } from './discovery.ts';
import type { Metric } from './metric.ts';
import { nrAccessesDistance } from './nr-accesses-distance.ts';
import { phaseLag } from './phase-lag.ts';
import { prediction } from './prediction.ts';
import { ranking, rankingAtK } from './ranking.ts';

export const METRICS = defineRegistry('metric', [discovery, ranking, rankingAtK, prediction, phaseLag, nrAccessesDistance]);
export type MetricId = (typeof METRICS.ids)[number];

/** Computes a metric over an open results directory. Throws UsageError for unknown names and parameters. */
export function measure(results: Results, id: string, given: Readonly<Record<string, unknown>> = {}): Promise<QueryResult> {
  const metric: Metric = METRICS.get(id);
  const { text, bind } = metric.sql(parseParams(`metric ${id}`, metric.params, given));
  return results.query(text, { bind });
}
