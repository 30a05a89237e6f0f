/** Reports of large sweeps: what is asked once, and which runs have their page sets read. */
import type { ChartContext, ChartParams, QueryResult, QuerySource, RunInfo } from '../chart.ts';
import { RUNS_SQL, TABLES_SQL } from '../context.ts';
import { groupBy, inList, num, text } from '../values.ts';
import { html } from './html.ts';
import type { Child } from './html.ts';

/** Page-set rows (8 KiB of bits each) that the charts of one trace read: about a second of work per chart. */
const DETAIL_ROWS = 30_000;

/** The same source; what every chart asks first is asked once. */
export function askingOnce(source: QuerySource): QuerySource {
  const answers = new Map<string, Promise<QueryResult>>();
  return {
    query(sql) {
      if (sql !== RUNS_SQL && sql !== TABLES_SQL) return source.query(sql);
      const known = answers.get(sql) ?? source.query(sql);
      answers.set(sql, known);
      return known;
    },
  };
}

/** Runs whose page sets are read, by trace; traces that need no limit are left out. */
export type Detail = ReadonlyMap<string, readonly RunInfo[]>;

export async function detailRuns(source: QuerySource, tables: ReadonlySet<string>, all: ChartContext): Promise<Detail> {
  if (!tables.has('page_sets') || all.allRuns.length === 0) return new Map();
  const ids = inList(all.allRuns.map(({ runId }) => runId));
  const { rows } = await source.query(`SELECT run_id, count(*) AS n FROM page_sets WHERE run_id IN ${ids} GROUP BY run_id`);
  const sizes = new Map(rows.map((row) => [text(row, 'run_id'), num(row, 'n')]));
  const detail = new Map<string, readonly RunInfo[]>();
  for (const [trace, runs] of groupBy(all.allRuns, (run) => run.trace)) {
    const kept = withinBudget(runs, (run) => sizes.get(run.runId) ?? 0);
    if (kept.length < runs.length) detail.set(trace, kept);
  }
  return detail;
}

/** As many runs as fit, but two at least: the first of every scheme, then the second, and so on. */
function withinBudget(runs: readonly RunInfo[], size: (run: RunInfo) => number): RunInfo[] {
  const families = [...groupBy(runs, (run) => `${run.kind} ${run.family}`).values()];
  const turns = Math.max(...families.map((family) => family.length));
  const order = Array.from({ length: turns }, (_, turn) => families.flatMap((family) => family[turn] ?? [])).flat();
  let rows = 0;
  const kept = new Set(order.filter((run, i) => (rows += size(run)) <= DETAIL_ROWS || i < 2));
  return runs.filter((run) => kept.has(run));
}

/** Limits a chart that reads page sets. */
export function detailOf(detail: Detail, trace: string): ChartParams {
  const runs = detail.get(trace);
  return runs === undefined ? {} : { runs: runs.map(({ runId }) => runId) };
}

/** What the reader has to know about it. */
export function detailNote(detail: Detail, all: ChartContext): Child {
  return [...detail].map(([trace, kept]) => {
    const n = all.allRuns.filter((run) => run.trace === trace).length;
    return html`<p class="note"><b>Large results, shown in part.</b> Trace ${trace} has ${n} runs. What is drawn from page sets (detection latency, cold age, working-set policy, heat maps, worst windows) shows ${kept.length} of them, of each scheme in turn: ${kept.map((run) => run.label).join('; ')}. Other charts show up to 32 runs and say how many are left out; windows that share a point are averaged. Tables of scores and costs hold every run but those that differ from another in their eviction alone. Draw any other run with <code>workset chart DIR NAME --run ID</code>.</p>`;
  });
}
