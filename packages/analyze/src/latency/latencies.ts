/** Detection and cold latency of every run, from its page sets. */
import { literal } from '../results/sql-text.ts';
import type { QueryRow, Results } from '../results/results.ts';
import { groupBy } from '../stats/group-by.ts';
import { KINDS_OF, WindowSets } from '../scores/window-sets.ts';
import { LatencyTracker } from './latency-tracker.ts';
import type { LatencyKind } from './latency-tracker.ts';
import type { Scope, Target } from '@workset/model';

/** Pages whose latency lay within the same bounds. */
export type LatencyRow = {
  readonly run_id: string;
  readonly scope: Scope;
  readonly target: Target;
  readonly what: LatencyKind;
  readonly edge_lo_ns: number;
  /** NULL for `…_never`: at least edge_lo_ns. */
  readonly edge_hi_ns: number | null;
  /** Page events. */
  readonly n: number;
};

export interface LatencyQuantile {
  /** Bounds in ns; NULL when the quantile falls among pages that never were. */
  readonly lowNs: number | null;
  readonly highNs: number | null;
}
export interface LatencySummary {
  readonly events: number;
  /** Share that never was found (or called cold). */
  readonly never: number;
  readonly p50: LatencyQuantile;
  readonly p95: LatencyQuantile;
  readonly p99: LatencyQuantile;
}

/**
 * Scored windows without warm-up, for the scope and target each run claims; a gap of the recording ends all waiting.
 * @param options.runs run ids; default all
 */
export async function latencies(results: Results, options: { readonly runs?: readonly string[] } = {}): Promise<LatencyRow[]> {
  const wanted = options.runs === undefined ? '' : `AND run_id IN (${options.runs.map(literal).join(', ') || 'NULL'})`;
  const { rows } = await results.query(`SELECT run_id, "scope", "target" FROM runs WHERE status <> 'failed' ${wanted} ORDER BY run_id`);
  const all: LatencyRow[] = [];
  for (const run of rows) all.push(...(await latenciesOf(results, String(run['run_id']), run['scope'] as Scope, run['target'] as Target)));
  return all;
}

/** Those of one run. */
export async function latenciesOf(results: Results, runId: string, scope: Scope, target: Target): Promise<LatencyRow[]> {
  const { rows: windows } = await results.query(
    `SELECT w, span, claim_t0_ns, claim_t1_ns, outer_t0_ns, outer_t1_ns, report_ns FROM windows WHERE run_id = ${literal(runId)} AND scored AND NOT warmup ORDER BY w`,
  );
  const sets = await setsOf(results, runId, scope, target);
  const counts = new Map<string, LatencyRow>();
  const tracker = new LatencyTracker((what, lowNs, highNs, n) => {
    const key = `${what} ${lowNs} ${highNs}`;
    counts.set(key, { run_id: runId, scope, target, what, edge_lo_ns: lowNs, edge_hi_ns: highNs, n: n + (counts.get(key)?.n ?? 0) });
  });
  for (const span of groupBy(windows, (row) => String(row['span'])).values()) {
    for (const row of span) {
      const at = sets.get(Number(row['w'])) ?? new WindowSets();
      tracker.add({
        ...timesOf(row),
        truth: at.chunks(KINDS_OF[target].truth, scope),
        edge: at.chunks(KINDS_OF[target].edge, scope),
        reported: at.chunks('reported', ''),
      });
    }
    tracker.end();
  }
  return [...counts.values()].sort((a, b) =>
    a.what < b.what ? -1 : a.what > b.what ? 1 : a.edge_lo_ns - b.edge_lo_ns || (a.edge_hi_ns ?? Infinity) - (b.edge_hi_ns ?? Infinity),
  );
}

function timesOf(row: QueryRow) {
  const ns = (name: string): number => Number(row[name]);
  return {
    claimT0Ns: ns('claim_t0_ns'),
    claimT1Ns: ns('claim_t1_ns'),
    outerT0Ns: ns('outer_t0_ns'),
    outerT1Ns: ns('outer_t1_ns'),
    reportNs: ns('report_ns'),
  };
}

async function setsOf(results: Results, runId: string, scope: Scope, target: Target): Promise<Map<number, WindowSets>> {
  const { truth, edge } = KINDS_OF[target];
  const { rows } = await results.stream(
    `SELECT w, kind, "scope", chunk, bits FROM page_sets WHERE run_id = ${literal(runId)} AND (kind = 'reported' OR (kind IN (${literal(truth)}, ${literal(edge)}) AND "scope" = ${literal(scope)}))`,
  );
  const sets = new Map<number, WindowSets>();
  for await (const batch of rows) {
    for (const { w, kind, scope: of, chunk, bits } of batch) {
      let at = sets.get(Number(w));
      if (at === undefined) sets.set(Number(w), (at = new WindowSets()));
      at.add(String(kind), String(of), Number(chunk), bits as Uint8Array);
    }
  }
  return sets;
}

/** Percentiles over `detection` or `cold` rows, those that never were counted as longest. NULL with no events. */
export function latencySummary(rows: readonly LatencyRow[], what: 'detection' | 'cold'): LatencySummary | null {
  const found = rows.filter((row) => row.what === what).toSorted((a, b) => a.edge_hi_ns! - b.edge_hi_ns! || a.edge_lo_ns - b.edge_lo_ns);
  const never = rows.filter((row) => row.what === `${what}_never`).reduce((sum, { n }) => sum + n, 0);
  const events = found.reduce((sum, { n }) => sum + n, never);
  if (events === 0) return null;
  const at = (share: number): LatencyQuantile => {
    let left = Math.max(1, Math.ceil(share * events));
    for (const { n, edge_lo_ns, edge_hi_ns } of found) {
      left -= n;
      if (left <= 0) return { lowNs: edge_lo_ns, highNs: edge_hi_ns };
    }
    return { lowNs: null, highNs: null };
  };
  return { events, never: never / events, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
