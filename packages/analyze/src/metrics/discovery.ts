import { ratioColumn, RUN_KEY, count } from './metric.ts';
import type { Metric } from './metric.ts';

/** Micro scores per run; the same figures as the view score_all. */
export const discovery = {
  descriptor: {
    id: 'discovery',
    title: 'Working-set discovery',
    source: 'Denning 1968; docs/metrics.md',
    definition:
      'precision, recall, F1, Jaccard, size error and false-cold rate over the sums of all scored windows but warm-up; NULL where a denominator is 0',
    reads: ['scores', 'windows'],
    columns: [
      ...RUN_KEY,
      count('windows', 'count', 'scored windows'),
      ratioColumn('precision', 'tp/(tp+fp)'),
      ratioColumn('recall', 'tp/truth'),
      ratioColumn('f1', 'harmonic mean of the two'),
      ratioColumn('jaccard', 'tp/(tp+fp+fn)'),
      ratioColumn('wss_error', '(reported-truth)/truth'),
      ratioColumn('false_cold_rate', 'fn/truth'),
    ],
  },
  params: {},
  sql: () => ({
    text: `SELECT run_id, "scope", "target", windows, "precision", recall, f1, jaccard, wss_error, false_cold_rate FROM score_all ORDER BY ALL`,
    bind: {},
  }),
} as const satisfies Metric;
