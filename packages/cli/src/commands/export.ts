/** `workset export DIR -o results.duckdb`: all tables and views in one file. */
import type { CommandSpec } from '../command.ts';
import { refuseOverwrite, resultsPath } from '../inputs.ts';
import { requireOut } from '../values.ts';

export const exportResults: CommandSpec = {
  name: 'export',
  summary: 'one file that any DuckDB client opens',
  about: ['Tables, views, macros and the comments with their units. Without the page sets (--no-sets) the file is small.'],
  positionals: { usage: 'DIR', min: 1, max: 1 },
  options: [
    { name: 'out', alias: 'o', value: 'FILE', help: 'DuckDB file to write; one that exists is replaced' },
    { name: 'no-sets', help: 'leave the table page_sets empty' },
  ],
  examples: ['workset export results -o results.duckdb'],
  async run(args, ctx) {
    const dir = resultsPath(args.positionals[0]!);
    const out = requireOut(args, `workset export ${dir} -o results.duckdb`);
    refuseOverwrite(out, [dir]);
    const [{ materialiseScores, Results }, { exportDatabase }] = await Promise.all([
      import('@workset/analyze'),
      import('../export-database.ts'),
    ]);
    await materialiseScores(dir, { signal: ctx.signal });
    {
      using results = await Results.open(dir);
      await results.query('FROM latencies LIMIT 0'); // computes them: other clients cannot
    }
    const tables = await exportDatabase(dir, out, { sets: !args.off('sets'), signal: ctx.signal });
    if (ctx.json) ctx.out.json({ out, tables });
    else
      ctx.out.table(
        ['table', 'rows'],
        Object.entries(tables).map(([name, rows]) => [name, String(rows)]),
        ['left', 'right'],
      );
  },
};
