/** What `score` prints of eviction replays: refaults beside LRU and OPT at the same memory, what was lost, what was blocked. */
import type { QueryRow, Results } from '@workset/analyze';
import { formatBytes, formatDuration, PAGE_BYTES } from '@workset/model';

import type { CommandContext } from './command.ts';
import { count } from './describe/trace.ts';

const SQL = `SELECT e.*, r.trace, r.scheme, r.stream FROM eviction_runs e JOIN runs r USING (run_id)
ORDER BY r.trace, e.policy, e.limit_pages, e.spec, e.refaults, r.scheme, r.run_id`;

/** Rows of eviction_runs by run; empty when nothing was evicted. */
export async function readEvictions(results: Results): Promise<ReadonlyMap<string, QueryRow>> {
  const { rows } = await results.query(SQL);
  return new Map(rows.map((row) => [String(row['run_id']), row]));
}

export function printEvictions(rows: readonly QueryRow[], ctx: CommandContext): void {
  if (rows.length === 0) return;
  const { out } = ctx;
  out.line(`\n${out.paint('bold', 'eviction: refaults beside exact LRU and OPT with the same memory')}`);
  out.table(
    ['  scheme', 'eviction', 'memory', 'evictions', 'refaults', 'LRU', 'OPT', 'lost writes', 'blocked'],
    rows.map((row) => [
      `  ${String(row['scheme'])}`,
      String(row['spec']),
      figure(row, 'memory_pages', (pages) => formatBytes(pages * PAGE_BYTES)),
      figure(row, 'evictions', count),
      figure(row, 'refaults', count),
      figure(row, 'lru_refaults', count),
      figure(row, 'opt_refaults', count),
      figure(row, 'lost_writes', count),
      figure(row, 'blocked_user_ns', (ns) => formatDuration(Number(ns.toPrecision(3)))),
    ]),
    ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
  );
}

function figure(row: QueryRow, name: string, text: (value: number) => string): string {
  return typeof row[name] === 'number' ? text(row[name]) : '-';
}
