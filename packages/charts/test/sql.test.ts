/** The set algebra of the charts, on sets small enough to check by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawChart } from '../src/index.ts';
import type { ChartId } from '../src/index.ts';
import { emptyResults } from './fixture.ts';
import type { Fixture } from './fixture.ts';

const S = 1e9;
const BASE = 0x10000;

/** Pages (from chunk 1 on) touched and reported, window by window. */
type Grid = readonly { readonly truth: readonly number[]; readonly reported: readonly number[] }[];

async function results(grid: Grid): Promise<Fixture> {
  const db = await emptyResults();
  await db.insert('runs', [
    {
      run_id: 'r',
      trace_id: 't',
      trace: 'tiny',
      scheme: 'uffd-rwp',
      kind: 'simulated',
      stream: null,
      params: '{}',
      seed: 1,
      world: 'r',
      space: 'gpa',
      truth: 'exact',
      scope: 'any',
      target: 'touched',
      cost_profile: 'p',
      status: 'ok',
      error: null,
      n_windows: grid.length,
      n_pages: 32,
      duration_ns: grid.length * S,
      vcpus: 2,
      version: '0',
    },
  ]);
  for (const [w, { truth, reported }] of grid.entries()) {
    await db.insert('windows', [
      {
        run_id: 'r',
        w,
        claim_t0_ns: w * S,
        claim_t1_ns: (w + 1) * S,
        outer_t0_ns: w * S,
        outer_t1_ns: (w + 1) * S,
        report_ns: (w + 1) * S,
        span: 0,
        warmup: false,
        scored: true,
        n_pages: 32,
      },
    ]);
    await addSet(db, w, 'truth', 'any', truth);
    await addSet(db, w, 'reported', '', reported);
    const tp = reported.filter((page) => truth.includes(page)).length;
    await db.insert('scores', [
      {
        run_id: 'r',
        w,
        scope: 'any',
        target: 'touched',
        truth: truth.length,
        truth_eligible: truth.length,
        edge_truth: 0,
        reported: reported.length,
        tp,
        tp_eligible: tp,
        fn: truth.length - tp,
        fp: reported.length - tp,
        edge: 0,
        tn: 32 - truth.length - reported.length + tp,
        eligible: 32,
        wss_true_bytes: truth.length * 4096,
        wss_bytes: reported.length * 4096,
      },
    ]);
    await db.insert('costs', [{ run_id: 'r', w, op: 'rwp-fault', count: tp, vcpu_ns: tp * 1e6, tracker_ns: 1e6 }]);
  }
  return db;
}

async function addSet(db: Fixture, w: number, kind: string, scope: string, pages: readonly number[]): Promise<void> {
  if (pages.length === 0) return;
  const bits = new Uint8Array(8192);
  for (const page of pages) bits[page >> 3]! |= 1 << (page & 7);
  await db.insert('page_sets', [{ run_id: 'r', w, kind, scope, chunk: 1, bits }]);
}

async function ask(db: Fixture, id: ChartId): Promise<Record<string, unknown>[]> {
  const { sql } = await drawChart(db, id);
  const { rows } = await db.query(sql);
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value])),
  );
}

test('wss-over-time: bytes of truth and report at the end of each window', async () => {
  const db = await results([
    { truth: [0, 1, 2], reported: [0] },
    { truth: [], reported: [4, 5] },
  ]);
  assert.deepEqual(
    (await ask(db, 'wss-over-time')).map((row) => [row['t_s'], row['truth_bytes'], row['reported_bytes']]),
    [
      [1, 3 * 4096, 4096],
      [2, 0, 2 * 4096],
    ],
  );
  db.close();
});

test('wss-over-time without scores counts the reported pages and knows no truth', async () => {
  const db = await results([
    { truth: [0, 1, 2], reported: [0] },
    { truth: [1], reported: [] },
  ]);
  await db.exec('DELETE FROM scores');
  assert.deepEqual(
    (await ask(db, 'wss-over-time')).map((row) => [row['truth_bytes'], row['reported_bytes']]),
    [
      [null, 4096],
      [null, 0],
    ],
  );
  db.close();
});

test('pareto: micro F1, stall over run time and vCPUs', async () => {
  const db = await results([
    { truth: [0, 1, 2, 3], reported: [0, 1] },
    { truth: [0, 1], reported: [0, 1, 2, 3] },
  ]);
  const [point] = await ask(db, 'pareto');
  assert.equal(point!['f1'], (2 * 4) / (2 * 4 + 2 + 2));
  assert.equal(point!['overhead'], (4 * 1e6) / (2 * S * 2));
  assert.equal(point!['tracker'], (2 * 1e6) / (2 * S));
  assert.equal(point!['best_overhead'], true);
  db.close();
});

test('heatmap: share of each granule, empty granules left out', async () => {
  const db = await results([{ truth: [0, 1, 2, 3, 800], reported: [0, 1, 2, 3, 4, 5, 6, 7] }]);
  const rows = await ask(db, 'heatmap');
  assert.deepEqual(
    rows.map((row) => [row['what'], row['band'], row['start_page'], row['n_pages'], row['share']]),
    [
      ['reported', 0, BASE, 8, 1],
      ['truth', 0, BASE, 8, 0.5],
      ['truth', 1, BASE + 800, 8, 0.125],
    ],
  );
  db.close();
});

test('detection-latency: onset pages found by the same or a later report', async () => {
  const db = await results([
    { truth: [], reported: [] },
    { truth: [0, 1, 2, 3], reported: [0] },
    { truth: [0, 1], reported: [1, 9] },
    { truth: [], reported: [] },
    { truth: [], reported: [2] },
  ]);
  assert.deepEqual(
    (await ask(db, 'detection-latency')).map((row) => [row['lag'], row['latency_ns'], row['found']]),
    [
      [0, S, 0.25],
      [1, 2 * S, 0.5],
      [2, 3 * S, 0.5],
    ],
  );
  db.close();
});

test('working-set-policy: what the last n windows do not hold', async () => {
  const db = await results([
    { truth: [0, 1], reported: [0] },
    { truth: [0, 1], reported: [1] },
    { truth: [0, 2], reported: [0, 2] },
  ]);
  const rows = await ask(db, 'working-set-policy');
  assert.deepEqual(
    rows.map((row) => [row['what'], row['n'], row['kept_bytes'], row['missing']]),
    [
      ['truth', 1, 2 * 4096, 0.25],
      ['truth', 2, 2 * 4096, 0.5],
      ['reported', 1, 4096, 1 - 1 / 4],
      ['reported', 2, 2 * 4096, 0.5],
    ],
  );
  db.close();
});

test('cold-age: memory outside the union of the last windows', async () => {
  const db = await results([
    { truth: [0, 1, 2], reported: [] },
    { truth: [2, 3], reported: [2] },
  ]);
  assert.deepEqual(
    (await ask(db, 'cold-age')).map((row) => [row['what'], row['idle_s'], Number(row['idle_bytes']) / 4096]),
    [
      ['truth', 1, 30],
      ['truth', 2, 28],
      ['reported', 1, 31],
      ['reported', 2, 31],
    ],
  );
  db.close();
});

test('pr-curve: regions that begin and end inside a byte count exactly', async () => {
  const truth = [3, 4, 5, 12, 13, 30];
  const db = await results([{ truth, reported: [3, 4] }]);
  await db.insert('regions', [
    { run_id: 'r', w: 0, start_page: BASE + 4, n_pages: 9, score: 9, age_ns: null },
    { run_id: 'r', w: 0, start_page: BASE + 13, n_pages: 1, score: 5, age_ns: null },
    { run_id: 'r', w: 0, start_page: BASE - 3, n_pages: 7, score: 1, age_ns: null },
  ]);
  const rows = (await ask(db, 'pr-curve')).filter((row) => row['what'] === 'curve');
  assert.deepEqual(
    rows.map((row) => [row['threshold'], row['precision'], row['recall']]),
    [
      [9, 3 / 9, 3 / 6],
      [5, 4 / 10, 4 / 6],
      [1, 5 / 17, 5 / 6],
    ],
  );
  db.close();
});

test('fidelity: Jaccard of the real report and its model', async () => {
  const db = await results([{ truth: [0], reported: [0, 1, 2, 3] }]);
  await db.exec(
    `INSERT INTO runs SELECT * REPLACE ('o' AS run_id, 'observed:uffd-rwp' AS scheme, 'observed' AS kind, 'A' AS stream) FROM runs`,
  );
  await db.exec(`INSERT INTO windows SELECT * REPLACE ('o' AS run_id) FROM windows`);
  const bits = new Uint8Array(8192);
  bits[0] = 0b111000;
  await db.insert('page_sets', [{ run_id: 'o', w: 0, kind: 'reported', scope: '', chunk: 1, bits }]);
  const rows = await ask(db, 'fidelity');
  assert.deepEqual(
    rows.map((row) => [row['follows'], row['jaccard'], row['kernel_pages'], row['model_pages'], row['jaccard_explained']]),
    [[false, 1 / 6, 3, 4, null]],
  );
  const layers = async (): Promise<number[]> =>
    ((await drawChart(db, 'fidelity')).spec['concat'] as { layer: unknown[] }[]).map(({ layer }) => layer.length);
  assert.deepEqual(await layers(), [1]);
  await db.exec(`UPDATE runs SET scheme = replace(scheme, 'uffd-rwp', 'idle-page')`);
  await db.exec(
    `CREATE VIEW idle_causes AS SELECT 'o' AS observed_run, 'r' AS simulated_run, 0 AS w, 0.75 AS jaccard_explained UNION ALL SELECT 'o', 'x', 0, 0.5`,
  );
  assert.deepEqual(
    (await ask(db, 'fidelity')).map((row) => [row['jaccard'], row['jaccard_explained']]),
    [[1 / 6, 0.75]],
  );
  assert.deepEqual(await layers(), [2]);
  assert.match(JSON.stringify((await drawChart(db, 'fidelity')).spec['usermeta']), /idle_causes/);
  db.close();
});

test('ranking: the better F1 ranks first, trace by trace', async () => {
  const db = await results([{ truth: [0, 1], reported: [0] }]);
  await db.exec(`INSERT INTO runs SELECT * REPLACE ('b' AS run_id, 'mm-young' AS scheme) FROM runs`);
  for (const name of ['windows', 'scores']) await db.exec(`INSERT INTO ${name} SELECT * REPLACE ('b' AS run_id) FROM ${name}`);
  await db.exec(`UPDATE scores SET tp = 2, fn = 0 WHERE run_id = 'b'`);
  assert.deepEqual(
    (await ask(db, 'ranking')).map((row) => [row['run_id'], row['f1'], row['rank']]),
    [
      ['b', 1, 1],
      ['r', 2 / 3, 2],
    ],
  );
  db.close();
});

test('miss-ratio and working-set: the curves of one trace, exact before sampled, without any run', async () => {
  const db = await emptyResults();
  const point = (kind: string, x: number, value: number, more = {}) => ({
    trace_id: 't',
    trace: 'tiny',
    space: 'gpa',
    truth: 'exact',
    kind,
    method: 'exact',
    rate: 1,
    seed: null,
    x,
    x_unit: kind === 'miss-ratio' ? 'pages' : 'ns',
    value,
    value_unit: kind === 'miss-ratio' ? 'ratio' : 'pages',
    error: 0,
    touches: 10,
    pages: 4,
    version: '0',
    ...more,
  });
  await db.insert('curves', [
    point('miss-ratio', 4, 0.4),
    point('miss-ratio', 1, 1),
    point('miss-ratio', 2, 0.5, { method: 'sampled', rate: 0.5, seed: 7, error: 0.75 }),
    point('working-set', 1e6, 2),
    point('miss-ratio', 1, 1, { trace: 'other' }),
  ]);
  const { spec, context } = await drawChart(db, 'miss-ratio');
  assert.equal(context.trace, 'tiny');
  const { data, layer } = spec as unknown as { data: { values: unknown[] }; layer: unknown[] };
  assert.deepEqual(data.values, [
    { series: 'gpa, exact', x: 4096, y: 1, lo: 1, hi: 1 },
    { series: 'gpa, exact', x: 4 * 4096, y: 0.4, lo: 0.4, hi: 0.4 },
    { series: 'gpa, sampled 50%, seed 7', x: 2 * 4096, y: 0.5, lo: 0, hi: 1.25 },
  ]);
  assert.equal(layer.length, 2, 'a band of the error, and the lines');
  assert.deepEqual(
    (await ask(db, 'working-set')).map((row) => [row['x'], row['value']]),
    [[1e6, 2]],
  );
  db.close();
});

test('runs that differ in eviction alone are one tracker: drawn once, without eviction where there is such a run, or as asked for', async () => {
  const db = await results([{ truth: [0, 1], reported: [0] }]);
  const add = async (id: string, params: object, world = 'r'): Promise<void> => {
    await db.exec(
      `INSERT INTO runs SELECT * REPLACE ('${id}' AS run_id, '${JSON.stringify(params)}' AS params, '${world}' AS world) FROM runs WHERE run_id = 'r'`,
    );
    for (const name of ['windows', 'scores'])
      await db.exec(`INSERT INTO ${name} SELECT * REPLACE ('${id}' AS run_id) FROM ${name} WHERE run_id = 'r'`);
  };
  for (const interval of ['1s', '2s'])
    for (const evict of ['uffd-wp:limit=60%', 'uffd-wp:limit=80%', 'rwp-sync:limit=60%'])
      await add(`${interval}${evict}`, { interval, evict });
  await add('1s', { interval: '1s' });
  await add('tlb', { interval: '2s', evict: 'uffd-wp:limit=60%' }, 'tlb=on');
  await db.exec(`DELETE FROM runs WHERE run_id = 'r'`);
  const drawn = await drawChart(db, 'confusion');
  assert.deepEqual(
    drawn.context.runs.map((run) => run.runId),
    ['1s', '2srwp-sync:limit=60%', 'tlb'],
  );
  assert.equal(drawn.context.variants, 5);
  assert.equal(drawn.context.runs[0]!.label, 'uffd-rwp interval=1s');
  assert.match(JSON.stringify(drawn.spec['title']), /eviction variants drawn once/);
  const asked = ['1suffd-wp:limit=60%', '1suffd-wp:limit=80%'];
  const { context } = await drawChart(db, 'confusion', { params: { runs: asked } });
  assert.deepEqual(
    context.runs.map((run) => run.runId),
    asked,
  );
  assert.match(context.runs[1]!.label, /evict=uffd-wp:limit=80%/);
  db.close();
});
