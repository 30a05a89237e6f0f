/** Which runs a chart shows, and what they are called. */
import { UsageError } from '@workset/model';
import type { ChartContext, ChartParams, DataRow, QuerySource, RunInfo } from './chart.ts';
import type { BlindSpots } from './blind-spots.ts';
import { tracedByCurves } from './curves.ts';
import type { Theme } from './style.ts';
import { groupBy, inList, num, printable, quote, text } from './values.ts';

export const TABLES_SQL = 'SELECT table_name, column_name FROM information_schema.columns';
export const RUNS_SQL = `SELECT run_id, trace, scheme, kind, stream, params, seed, world, space, truth, target, cost_profile, status, n_windows, n_pages, duration_ns, vcpus
FROM runs WHERE status <> 'failed' AND scheme <> 'truth' ORDER BY trace, replace(scheme, 'observed:', ''), stream NULLS FIRST, kind DESC, run_id`;

/** Names of the tables and views that the source has, and `table.column` for each of their columns. */
export async function tablesOf(source: QuerySource): Promise<ReadonlySet<string>> {
  const { rows } = await source.query(TABLES_SQL);
  return new Set(rows.flatMap((row) => [text(row, 'table_name'), `${text(row, 'table_name')}.${text(row, 'column_name')}`]));
}

/** Fills in every default of `params` from what the source holds. */
export async function loadContext(
  source: QuerySource,
  params: ChartParams,
  look: { theme: Theme; width: number; oneSpace?: boolean; ofCurves?: boolean; blindSpots?: BlindSpots },
): Promise<ChartContext> {
  const tables = await tablesOf(source);
  const stored = tables.has('runs') ? (await source.query(RUNS_SQL)).rows : [];
  const distinct = oncePerTracker(stored, params.runs ?? []);
  const found = nameRuns(
    distinct,
    distinct.some((row) => hasEviction(row) && params.runs?.includes(text(row, 'run_id')) === true),
  );
  checkNames(params, found, look.ofCurves === true);
  const wanted = params.runs;
  const allRuns = wanted === undefined ? found : found.filter((run) => matches(run, wanted));
  const traces = [...new Set(allRuns.map((run) => run.trace))];
  const usual =
    look.ofCurves === true && tables.has('curves') ? await tracedByCurves(source) : mostFrequent(allRuns.map((run) => run.trace));
  const trace = (params.trace === undefined ? undefined : printable(params.trace)) ?? usual ?? '';
  const inTrace = allRuns.filter((run) => run.trace === trace);
  const space = params.space ?? (look.oneSpace === true ? mostFrequent(inTrace.map((run) => run.space)) : undefined);
  const ofTrace = space === undefined ? inTrace : inTrace.filter((run) => run.space === space);
  const runs = ofTrace.slice(0, params.maxRuns ?? 32);
  return {
    trace,
    traces,
    runs,
    allRuns,
    tables,
    nStored: stored.length,
    variants: stored.length - distinct.length,
    omitted: ofTrace.length - runs.length,
    scope: params.scope ?? 'any',
    target: params.target ?? 'touched',
    truth: unique(runs.map((run) => run.truth)),
    costProfile: unique(runs.filter((run) => run.kind === 'simulated').map((run) => run.costProfile)),
    spaces: [...new Set(inTrace.map((run) => run.space))],
    theme: look.theme,
    blindSpots: look.blindSpots ?? {},
    width: look.width,
    ...(space === undefined ? {} : { space }),
  };
}

/**
 * A tracker reports the same whatever swapper acts on its reports: of runs that differ in their eviction alone one stays, without eviction
 * where there is one. Runs asked for by id stay.
 */
function oncePerTracker(rows: readonly DataRow[], wanted: readonly string[]): readonly DataRow[] {
  const tracker = (row: DataRow): string => {
    const { evict: _, ...params } = parseObject(text(row, 'params'));
    return [
      ...['trace', 'scheme', 'kind', 'stream', 'seed', 'world', 'space', 'cost_profile'].map((name) => text(row, name)),
      JSON.stringify(params),
    ].join('\0');
  };
  const kept = new Set(
    [...groupBy(rows, tracker).values()].flatMap((same) => {
      const evicting = same.filter(hasEviction);
      const plain = same.filter((row) => !hasEviction(row));
      const asked = evicting.filter((row) => wanted.includes(text(row, 'run_id')));
      return asked.length > 0 ? [...plain, ...asked] : plain.length > 0 ? plain : evicting.slice(0, 1);
    }),
  );
  return rows.filter((row) => kept.has(row));
}

function hasEviction(row: DataRow): boolean {
  return Object.hasOwn(parseObject(text(row, 'params')), 'evict');
}

/** A name that is none would give an empty picture. Throws UsageError. */
function checkNames({ runs = [], trace }: ChartParams, found: readonly RunInfo[], ofCurves: boolean): void {
  if (found.length === 0) return;
  const unknown = runs.find((name) => !found.some((run) => matches(run, [name])));
  if (unknown !== undefined)
    throw new UsageError(
      `no run or scheme ${JSON.stringify(unknown)} in these results`,
      `there are: ${[...new Set(found.map(schemeOf))].join(', ')}`,
    );
  const traces = [...new Set(found.map((run) => run.trace))];
  if (trace !== undefined && !ofCurves && !traces.includes(printable(trace)))
    throw new UsageError(`no trace ${JSON.stringify(trace)} in these results`, `there are: ${traces.join(', ')}`);
}

function schemeOf(run: RunInfo): string {
  return run.kind === 'observed' ? `observed:${run.family}` : run.family;
}

function matches(run: RunInfo, wanted: readonly string[]): boolean {
  return wanted.includes(run.runId) || wanted.includes(schemeOf(run)) || wanted.includes(run.variant);
}

function mostFrequent(names: readonly string[]): string | undefined {
  return [...groupBy(names, (name) => name)].sort((a, b) => b[1].length - a[1].length)[0]?.[0];
}

function unique(names: readonly string[]): string {
  return [...new Set(names.filter((name) => name !== ''))].join(', ');
}

/** Labels runs so that no two of a trace look alike: parameters are named only where siblings differ. */
function nameRuns(rows: readonly DataRow[], byEviction: boolean): RunInfo[] {
  const family = (row: DataRow): string => printable(text(row, 'scheme')).replace(/^observed:/, '');
  const groups = groupBy(rows, (row) => `${text(row, 'trace')}\0${family(row)}`);
  return [...groups.values()].flatMap((siblings) => {
    const differing = differingParams(siblings.filter((row) => streamOf(row) === null)).filter((name) => byEviction || name !== 'evict');
    return siblings.map((row) => nameRun(row, family(row), differing));
  });
}

function nameRun(row: DataRow, family: string, differing: readonly string[]): RunInfo {
  const params = parseObject(text(row, 'params'));
  const kind = text(row, 'kind') === 'observed' ? 'observed' : 'simulated';
  const stream = streamOf(row);
  const extra =
    stream !== null ? [`[${stream}]`] : differing.map((name) => `${name}=${paramText(name === 'seed' ? num(row, 'seed') : params[name])}`);
  const variant = [family, ...(kind === 'observed' && stream === null ? [] : extra)].join(' ');
  return {
    runId: text(row, 'run_id'),
    trace: printable(text(row, 'trace')),
    family,
    kind,
    stream,
    variant,
    label: kind === 'observed' ? `${variant} observed` : variant,
    params: text(row, 'params'),
    space: text(row, 'space'),
    truth: text(row, 'truth'),
    target: text(row, 'target'),
    costProfile: text(row, 'cost_profile'),
    nPages: num(row, 'n_pages'),
    nWindows: num(row, 'n_windows'),
    durationNs: num(row, 'duration_ns'),
    vcpus: num(row, 'vcpus'),
  };
}

function streamOf(row: DataRow): string | null {
  return row['stream'] === null || row['stream'] === undefined ? null : printable(text(row, 'stream'));
}

function differingParams(rows: readonly DataRow[]): string[] {
  const objects = rows.map((row) => parseObject(text(row, 'params')));
  const names = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const differing = names.filter((name) => new Set(objects.map((object) => JSON.stringify(object[name]))).size > 1);
  if (new Set(rows.map((row) => num(row, 'seed'))).size > 1) differing.push('seed');
  return differing;
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function paramText(value: unknown): string {
  return printable(
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : JSON.stringify(value ?? null),
  );
}

/** `run_id IN (…)` for the runs drawn. */
export function runFilter(ctx: ChartContext, column = 'run_id'): string {
  return `${column} IN ${inList(ctx.runs.map((run) => run.runId))}`;
}

export function allRunFilter(ctx: ChartContext, column = 'run_id'): string {
  return `${column} IN ${inList(ctx.allRuns.map((run) => run.runId))}`;
}

/** What charts read: reports, and the truth in the scope of the chart. */
function readSets(ctx: ChartContext): string {
  return `(kind = 'reported' OR (kind = 'truth' AND scope = ${quote(ctx.scope)}))`;
}

/**
 * `page_sets` of the runs drawn, for FROM: reported sets and truth. When they are some of many runs, run by run: DuckDB leaves files out by an equality only, and sets
 * are most of what results hold.
 */
export function pageSets(ctx: ChartContext): string {
  return pageSetsOf(
    ctx.runs.map((run) => run.runId),
    ctx.nStored,
    readSets(ctx),
  );
}

/**
 * @param nAll runs that the results hold
 * @param which condition on the sets; it stands inside, where it keeps DuckDB from reading their bits
 */
export function pageSetsOf(runIds: readonly string[], nAll: number, which: string): string {
  if (runIds.length === 0 || 2 * runIds.length > nAll) return `(SELECT * FROM page_sets WHERE run_id IN ${inList(runIds)} AND ${which})`;
  return `(${runIds.map((id) => `SELECT * FROM page_sets WHERE run_id = ${quote(id)} AND ${which}`).join('\n    UNION ALL ')})`;
}
