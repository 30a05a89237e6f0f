/** A results store in memory with the real schema and small made data: no replay, so the numbers mean nothing outside these tests. */
import { DuckDBInstance } from '@duckdb/node-api';
import { TABLES } from '@workset/model';
import type { Row, TableId } from '@workset/model';
import type { QueryResult, QuerySource } from '../src/index.ts';

export interface Fixture extends QuerySource {
  exec(sql: string): Promise<void>;
  insert(table: TableId, rows: readonly Row[]): Promise<void>;
  close(): void;
}

/** Every table of the schema, empty. */
export async function emptyResults(): Promise<Fixture> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const exec = async (sql: string): Promise<void> => {
    await connection.run(sql);
  };
  for (const table of Object.values(TABLES)) {
    await exec(`CREATE TABLE ${table.id} (${table.columns.map((column) => `"${column.name}" ${column.type}`).join(', ')})`);
  }
  return {
    exec,
    async query(sql): Promise<QueryResult> {
      const reader = await connection.runAndReadAll(sql);
      const names = reader.columnNames();
      const types = reader.columnTypes();
      return { columns: names.map((name, i) => ({ name, type: String(types[i]) })), rows: reader.getRowObjectsJS() as QueryResult['rows'] };
    },
    async insert(table, rows) {
      for (const row of rows) {
        const names = Object.keys(row);
        await exec(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((name) => literal(row[name]!)).join(', ')})`);
      }
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

function literal(value: Row[string]): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `from_hex('${Buffer.from(value).toString('hex')}')`;
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

export interface FixtureNames {
  readonly trace?: string;
  readonly path?: string;
  readonly scheme?: string;
}

const S = 1e9;
const ARENA = 0x40000;
const N_PAGES = 6144;
interface Made {
  readonly id: string;
  readonly kind: string;
  readonly stream?: string;
  readonly miss: number;
  readonly extra: number;
  readonly lag: number;
  readonly vcpuNs: number;
}
const SCHEMES: readonly Made[] = [
  { id: 'uffd-rwp', kind: 'simulated', miss: 0, extra: 0, lag: 0, vcpuNs: 1500 },
  { id: 'uffd-rwp', kind: 'observed', stream: 'A.rwp', miss: 0.004, extra: 0.01, lag: 0, vcpuNs: 0 },
  { id: 'uffd-rwp', kind: 'simulated', stream: 'A.rwp', miss: 0, extra: 0, lag: 0, vcpuNs: 1500 },
  { id: 'mm-young', kind: 'simulated', miss: 0.03, extra: 0, lag: 0, vcpuNs: 0 },
  { id: 'idle-page', kind: 'simulated', miss: 0.08, extra: 0.02, lag: 0, vcpuNs: 0 },
  { id: 'damon-paddr', kind: 'simulated', miss: 0.3, extra: 0.25, lag: 2, vcpuNs: 0 },
  { id: 'uffd-wp', kind: 'simulated', miss: 0.55, extra: 0, lag: 0, vcpuNs: 900 },
];

/** One trace, seven runs, two phases and a gap between two capture segments. */
export async function sampleResults(names: FixtureNames = {}, nWindows = 24): Promise<Fixture> {
  const db = await emptyResults();
  await addTrace(db, { ...names, seed: 1 }, nWindows);
  return db;
}

export async function addTrace(db: Fixture, names: FixtureNames & { seed?: number }, nWindows: number): Promise<void> {
  const trace = names.trace ?? 'rwp-shmem';
  await db.insert('inputs', [
    {
      input_id: `i-${trace}`,
      trace_id: `t-${trace}`,
      path: names.path ?? 'rwp-shmem/gt.vmgt.gz',
      sha256: 'ab'.repeat(32),
      size_bytes: 1234567,
      format: 'vmgt',
      truth: 'exact',
      space: 'gpa',
      clock: 'guest-monotonic',
      t_first_ns: 0,
      t_last_ns: nWindows * S,
      n_events: 400000,
      n_lost: null,
      n_rejected: 3,
      page_bytes: 4096,
      vcpus: 1,
    },
  ]);
  await db.insert('diagnostics', [
    {
      input_id: `i-${trace}`,
      severity: 'warning',
      code: 'cut-frame',
      line: null,
      byte_offset: 8192,
      count: 3,
      message: 'frames that a marker closed early',
    },
  ]);
  await addCurves(db, trace);
  let n = 0;
  for (const scheme of SCHEMES) {
    const id = names.scheme !== undefined && n === 0 ? names.scheme : scheme.id;
    await addRun(db, trace, { ...scheme, id }, `${trace}-run${n++}`, nWindows, names.seed ?? 1);
  }
}

/** An exact and a sampled miss-ratio curve, and a working-set curve. */
async function addCurves(db: Fixture, trace: string): Promise<void> {
  const common = { trace_id: `t-${trace}`, trace, space: 'gpa', truth: 'exact', touches: 400000, pages: N_PAGES, version: '0.1.0' };
  for (let x = 1; x <= N_PAGES; x *= 2) {
    const value = 1 / (1 + x / 300);
    const misses = { ...common, kind: 'miss-ratio', x, x_unit: 'pages', value_unit: 'ratio' };
    await db.insert('curves', [
      { ...misses, method: 'exact', rate: 1, seed: null, value, error: 0 },
      { ...misses, method: 'sampled', rate: 0.05, seed: 3, value: value * 1.04, error: 0.03 },
      {
        ...common,
        kind: 'working-set',
        method: 'exact',
        rate: 1,
        seed: null,
        x: x * 1e6,
        x_unit: 'ns',
        value: N_PAGES * (1 - value),
        value_unit: 'pages',
        error: 0,
      },
    ]);
  }
}

async function addRun(db: Fixture, trace: string, scheme: Made, runId: string, nWindows: number, seed: number): Promise<void> {
  const observed = scheme.kind === 'observed';
  await db.insert('runs', [
    {
      run_id: runId,
      trace_id: `t-${trace}`,
      trace,
      scheme: observed ? `observed:${scheme.id}` : scheme.id,
      kind: scheme.kind,
      stream: scheme.stream ?? null,
      params: observed ? '{}' : '{"interval":"1s"}',
      seed: 1,
      world: runId,
      space: 'gpa',
      truth: 'exact',
      scope: 'mapped',
      target: scheme.id === 'uffd-wp' ? 'written' : 'touched',
      cost_profile: 'kvm-estimate',
      status: 'ok',
      error: null,
      n_windows: nWindows,
      n_pages: N_PAGES,
      duration_ns: nWindows * S,
      vcpus: 1,
      version: '0.1.0',
    },
  ]);
  const windows: Row[] = [];
  const sets: Row[] = [];
  const scores: Row[] = [];
  const costs: Row[] = [];
  const regions: Row[] = [];
  for (let w = 0; w < nWindows; w++) {
    const span = w < nWindows * 0.6 ? 0 : 1;
    const t0 = (w + span * 2) * S;
    windows.push({
      run_id: runId,
      w,
      claim_t0_ns: t0,
      claim_t1_ns: t0 + 0.99 * S,
      outer_t0_ns: t0 - 1e6,
      outer_t1_ns: t0 + S,
      report_ns: t0 + S,
      span,
      warmup: w === 0,
      scored: true,
      n_pages: N_PAGES,
    });
    const truth = truthOf(w, nWindows);
    const seen = truthOf(Math.max(0, w - scheme.lag), nWindows);
    const reported = new Set([...seen].filter((page) => noise(page, w, seed) >= scheme.miss));
    for (let page = 0; page < N_PAGES; page++) if (noise(page, w, seed + 7) < scheme.extra * 0.1) reported.add(page);
    sets.push(
      ...chunks(runId, w, 'truth', 'any', truth),
      ...chunks(runId, w, 'truth', 'mapped', truth),
      ...chunks(runId, w, 'reported', '', reported),
    );
    for (const scope of ['any', 'mapped']) scores.push(score(runId, w, scope, truth, reported));
    if (scheme.id === 'damon-paddr') {
      for (const [i, score] of [18, 5, 0].entries())
        regions.push({ run_id: runId, w, start_page: ARENA + i * 1365 + 3, n_pages: 1365, score, age_ns: i * S });
    }
    if (!observed) {
      costs.push({
        run_id: runId,
        w,
        op: scheme.vcpuNs > 0 ? 'rwp-fault' : 'rmap-walk',
        count: reported.size,
        vcpu_ns: reported.size * scheme.vcpuNs,
        tracker_ns: reported.size * 300,
      });
      costs.push({ run_id: runId, w, op: 'syscall', count: 2, vcpu_ns: 0, tracker_ns: 1000 });
    }
  }
  for (const [table, rows] of [
    ['windows', windows],
    ['page_sets', sets],
    ['scores', scores],
    ['costs', costs],
    ['regions', regions],
  ] as const) {
    const names = Object.keys(rows[0] ?? {});
    if (rows.length > 0)
      await db.exec(
        `INSERT INTO ${table} (${names.join(', ')}) VALUES ${rows.map((row) => `(${names.map((name) => literal(row[name]!)).join(', ')})`).join(', ')}`,
      );
  }
}

/** Phase 1: the first third, densely. Phase 2: a sweep. Two far pages as a second address range. */
function truthOf(w: number, nWindows: number): Set<number> {
  const pages = new Set<number>();
  const third = N_PAGES / 3;
  if (w < nWindows / 2) for (let page = 0; page < third; page += 1 + (page >>> 10)) pages.add(page);
  else for (let page = 0; page < 700; page++) pages.add(third + ((page + w * 257) % (2 * third)));
  return pages;
}

function noise(page: number, w: number, seed: number): number {
  let h = Math.imul(page + 1, 0x9e3779b1) ^ Math.imul(w + 1, 0x85ebca6b) ^ Math.imul(seed, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return ((h ^ (h >>> 12)) >>> 0) / 2 ** 32;
}

/** The last third of the arena lies 1 GiB further on. */
function chunks(runId: string, w: number, kind: string, scope: string, pages: ReadonlySet<number>): Row[] {
  const byChunk = new Map<number, Uint8Array>();
  for (const page of pages) {
    const number = ARENA + page + (page >= (N_PAGES * 2) / 3 ? 0x40000 : 0);
    const chunk = Math.floor(number / 65536);
    const bits = byChunk.get(chunk) ?? new Uint8Array(8192);
    bits[(number % 65536) >> 3]! |= 1 << (number & 7);
    byChunk.set(chunk, bits);
  }
  return [...byChunk].map(([chunk, bits]) => ({ run_id: runId, w, kind, scope, chunk, bits }));
}

function score(runId: string, w: number, scope: string, truth: ReadonlySet<number>, reported: ReadonlySet<number>): Row {
  const tp = [...reported].filter((page) => truth.has(page)).length;
  const [fn, fp] = [truth.size - tp, reported.size - tp];
  const tn = N_PAGES - tp - fn - fp;
  const div = (a: number, b: number): number | null => (b === 0 ? null : a / b);
  return {
    run_id: runId,
    w,
    scope,
    target: 'touched',
    truth: truth.size,
    truth_eligible: truth.size,
    edge_truth: 0,
    reported: reported.size,
    tp,
    tp_eligible: tp,
    fn,
    fp,
    edge: 0,
    tn,
    eligible: N_PAGES,
    wss_true_bytes: truth.size * 4096,
    wss_bytes: reported.size * 4096,
    precision: div(tp, tp + fp),
    recall: div(tp, truth.size),
    recall_eligible: div(tp, truth.size),
    f1: div(2 * tp, 2 * tp + fp + fn),
    jaccard: tp + fp + fn === 0 ? 1 : tp / (tp + fp + fn),
    wss_error: div(reported.size - truth.size, truth.size),
    false_cold_rate: div(fn, truth.size),
    false_hot_rate: div(fp, fp + tn),
    mcc: null,
  };
}
