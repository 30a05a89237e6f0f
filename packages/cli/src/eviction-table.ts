/** What `score` prints of eviction replays: refaults beside LRU and OPT at the same memory, what was lost, what was blocked. */
import type { QueryRow, Results } from '@workset/analyze';
import { formatBytes, formatDuration, PAGE_BYTES } from '@workset/model';

import type { CommandContext } from './command.ts';
import { count } from './describe/trace.ts';
import { sanitiseCell } from './sanitise.ts';
import { groupBy, paramTexts } from './score-table.ts';

/** Said by a column of their own. */
const HIDDEN = ['schedule', 'evict'];

const SQL = `SELECT e.*, r.trace, r.scheme, r.stream, r.params, r.seed, r.space, r.world, r.cost_profile FROM eviction_runs e JOIN runs r USING (run_id)
ORDER BY r.trace, e.policy, e.limit_pages, e.spec, e.refaults, r.scheme, r.run_id`;

/** Rows of eviction_runs by run; empty when nothing was evicted. */
export async function readEvictions(results: Results): Promise<ReadonlyMap<string, QueryRow>> {
  const { rows } = await results.query(SQL);
  return new Map(rows.map((row) => [String(row['run_id']), row]));
}

/** @param allParams every parameter, not only those in which runs of one scheme differ */
export function printEvictions(rows: readonly QueryRow[], allParams: boolean, ctx: CommandContext): void {
  const traces = groupBy(rows, (row) => String(row['trace']));
  for (const [trace, ofTrace] of traces) {
    const of = traces.length > 1 ? ` of ${sanitiseCell(trace)}` : '';
    ctx.out.line(`\n${ctx.out.paint('bold', `eviction${of}: refaults beside exact LRU and OPT with the same memory`)}`);
    printTrace(ofTrace, allParams, ctx);
  }
}

function printTrace(rows: readonly QueryRow[], allParams: boolean, ctx: CommandContext): void {
  const params = paramTexts(rows, allParams, HIDDEN);
  const words: Readonly<Record<string, (row: QueryRow) => string>> = {
    '  scheme': (row) => `  ${String(row['scheme'])}`,
    stream: (row) => String(row['stream'] ?? ''),
    parameters: (row) => params.get(row)!,
    eviction: (row) => String(row['spec']),
  };
  const columns = Object.entries(words).filter(([, text]) => rows.some((row) => text(row) !== ''));
  ctx.out.table(
    [...columns.map(([name]) => name), 'memory', 'evictions', 'refaults', 'LRU', 'OPT', 'lost writes', 'blocked'],
    rows.map((row) => [
      ...columns.map(([, text]) => text(row)),
      figure(row, 'memory_pages', (pages) => formatBytes(pages * PAGE_BYTES)),
      figure(row, 'evictions', count),
      figure(row, 'refaults', count),
      figure(row, 'lru_refaults', count),
      figure(row, 'opt_refaults', count),
      figure(row, 'lost_writes', count),
      figure(row, 'blocked_user_ns', (ns) => formatDuration(Number(ns.toPrecision(3)))),
    ]),
    [...columns.map(() => 'left' as const), ...Array.from({ length: 7 }, () => 'right' as const)],
  );
}

function figure(row: QueryRow, name: string, text: (value: number) => string): string {
  return typeof row[name] === 'number' ? text(row[name]) : '-';
}
