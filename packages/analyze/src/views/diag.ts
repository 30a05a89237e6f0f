import { column } from './view.ts';
import type { ViewSpec } from './view.ts';

export const diag = {
  descriptor: {
    id: 'diag',
    title: 'What was dropped, guessed or lost',
    source: 'docs/results-format.md',
    comment: 'diagnostics with the path of the input, errors first',
    columns: [
      column('severity', '', 'error, warning or info'),
      column('code', '', 'stable reason code'),
      column('count', 'count', 'how often'),
      column('path', '', 'input file; NULL = the whole trace or run'),
      column('line', 'line', 'first line it was seen on'),
      column('byte_offset', 'bytes', 'first offset it was seen at'),
      column('message', '', 'what it means'),
      column('input_id', '', 'input'),
    ],
    sql: `SELECT d.severity, d.code, d.count, i.path, d.line, d.byte_offset, d.message, d.input_id
FROM diagnostics d LEFT JOIN (SELECT input_id, any_value(path) AS path FROM inputs GROUP BY input_id) i ON i.input_id = d.input_id
ORDER BY CASE d.severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, d.count DESC, d.code`,
  },
} as const satisfies ViewSpec;
