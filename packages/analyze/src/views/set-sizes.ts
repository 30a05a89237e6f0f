import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

export const setSizes = {
  descriptor: {
    id: 'set_sizes',
    title: 'Pages in every stored set',
    source: 'docs/metrics.md',
    comment: 'number of pages of every stored page set; a set that is empty has no row',
    columns: [
      column('run_id', '', 'run'),
      column('w', 'index', 'window'),
      column('kind', '', 'reported, eligible, cold, truth, edge, truth_writes or edge_writes'),
      column('scope', '', 'any or mapped for truth and edge kinds'),
      column('pages', 'pages', 'size of the set'),
    ],
    sql: `SELECT run_id, w, kind, "scope", sum(bit_count(bits::BIT))::BIGINT AS pages FROM page_sets GROUP BY ALL`,
  },
} as const satisfies ViewSpec;
