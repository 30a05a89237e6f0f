/** All views, in the order they are created (a view may use those above it). */
import { defineRegistry } from '@workset/model';
import { agreement, agreementWindows, fidelity } from './agreement.ts';
import { coldTail } from './cold-tail.ts';
import { damoWss } from './damo-wss.ts';
import { diag } from './diag.ts';
import { idleCauses } from './idle-causes.ts';
import { idleSnapshots, uffdCycles } from './observed.ts';
import { latencySummary } from './latency-summary.ts';
import { regionTruth } from './region-truth.ts';
import { damonSnapshots, regionHeat } from './regions.ts';
import { pareto, scoreAll, scoreBest, scoreSummary } from './score-all.ts';
import { setSizes } from './set-sizes.ts';
import { wssOverTime, wssPercentiles } from './wss.ts';

export const VIEWS = defineRegistry('view', [
  scoreAll,
  scoreSummary,
  scoreBest,
  pareto,
  setSizes,
  wssOverTime,
  wssPercentiles,
  damoWss,
  coldTail,
  agreementWindows,
  agreement,
  fidelity,
  latencySummary,
  regionHeat,
  regionTruth,
  damonSnapshots,
  idleSnapshots,
  idleCauses,
  uffdCycles,
  diag,
]);
export type ViewId = (typeof VIEWS.ids)[number];
