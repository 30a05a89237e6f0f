/** Every chart; adding one is a file in charts/ and a line here. */
import { defineRegistry } from '@workset/model';
import { coldAge } from './charts/cold-age.ts';
import { confusion } from './charts/confusion.ts';
import { detectionLatency } from './charts/detection-latency.ts';
import { evictionOutcomes } from './charts/eviction-outcomes.ts';
import { evictionWindow } from './charts/eviction-window.ts';
import { fidelityChart } from './charts/fidelity.ts';
import { heatmap } from './charts/heatmap.ts';
import { missRatio } from './charts/miss-ratio.ts';
import { pareto } from './charts/pareto.ts';
import { prCurve } from './charts/pr-curve.ts';
import { precisionRecallByInterval } from './charts/precision-recall-by-interval.ts';
import { ranking } from './charts/ranking.ts';
import { refaults } from './charts/refaults.ts';
import { workingSet } from './charts/working-set.ts';
import { workingSetPolicy } from './charts/working-set-policy.ts';
import { wssDistribution } from './charts/wss-distribution.ts';
import { wssOverTime } from './charts/wss-over-time.ts';

export const CHARTS = defineRegistry('chart', [
  wssOverTime,
  wssDistribution,
  heatmap,
  pareto,
  precisionRecallByInterval,
  prCurve,
  coldAge,
  workingSetPolicy,
  detectionLatency,
  refaults,
  evictionOutcomes,
  evictionWindow,
  confusion,
  ranking,
  fidelityChart,
  missRatio,
  workingSet,
]);
export type ChartId = (typeof CHARTS.ids)[number];
