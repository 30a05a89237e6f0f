/** Results as `info` prints them. */
import { resultsInfo } from '@workset/store';

import type { CommandContext } from '../command.ts';
import { sanitise } from '../sanitise.ts';
import { shellQuote } from '../shell-quote.ts';
import { withResults } from '../with-results.ts';

const RUNS = `SELECT trace, scheme, stream, status, truth, scope, target, params, seed, n_windows, run_id FROM runs ORDER BY trace, kind DESC, scheme, run_id`;

/** Prints unless --json; returns the facts. */
export async function printResults(path: string, ctx: CommandContext): Promise<Record<string, unknown>> {
  const made = resultsInfo(path);
  const { rows } = await withResults(path, ctx, (results) => results.query(RUNS), { unscored: true });
  if (!ctx.json) {
    const { out } = ctx;
    const traces = [...new Set(rows.map((row) => String(row['trace'])))];
    out.line(
      `${out.paint('bold', sanitise(path))}: workset results, ${rows.length} runs over ${traces.length === 1 ? `trace ${sanitise(traces[0]!)}` : `${traces.length} traces`}`,
    );
    out.fields([['made by', `workset ${made.producer.version}: ${made.producer.argv.join(' ')}`]]);
    out.line();
    const cell = (value: unknown): string => (value === null || value === undefined ? '' : String(value));
    out.table(
      ['trace', 'scheme', 'stream', 'status', 'truth', 'windows', 'parameters', 'run'],
      rows.map((row) =>
        [row['trace'], row['scheme'], row['stream'], row['status'], row['truth'], row['n_windows'], row['params'], row['run_id']].map(cell),
      ),
      ['left', 'left', 'left', 'left', 'left', 'right'],
    );
    out.line(
      `\nnext: workset score ${sanitise(shellQuote(path))}   or: workset sql ${sanitise(shellQuote(path))}   or: workset report ${sanitise(shellQuote(path))} -o report.html`,
    );
  }
  return { ...made, runs: rows };
}
