/** Every bench. To add one: write it beside these, add a line here; a tiny run of it is then part of `npm test`. */
import type { Bench } from '../lib/bench.ts';
import { curves, eviction } from './curves.ts';
import { growthBenches } from './growth.ts';
import { evictionReplay } from './eviction.ts';
import { ingestBenches } from './ingest.ts';
import { replayBenches } from './replay.ts';
import { pipeline, report, scoring, summary } from './score.ts';

export const benches: readonly Bench[] = [
  pipeline,
  scoring,
  summary,
  report,
  ...replayBenches,
  curves,
  eviction,
  evictionReplay,
  ...ingestBenches,
  ...growthBenches,
];
