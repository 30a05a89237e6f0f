/** Every chart; adding one is a file in charts/ and a line here. */
import { defineRegistry } from '@workset/model';
import { heatmap } from './charts/heatmap.ts';
import { pareto } from './charts/pareto.ts';
import { wssOverTime } from './charts/wss-over-time.ts';

export const CHARTS = defineRegistry('chart', [wssOverTime, heatmap, pareto]);
export type ChartId = (typeof CHARTS.ids)[number];
