import assert from 'node:assert/strict';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { materialiseScores, Results } from '@workset/analyze';
import type { Row } from '@workset/model';
import { Prng } from '@workset/model';
import { scratch, windowRow, writeRows, writeSets } from './results-dir.ts';
import type { SetRow } from './results-dir.ts';

interface RunSpec {
  readonly id: string;
  readonly run?: Row;
  readonly windows: readonly Row[];
  readonly sets: readonly SetRow[];
}

/** A results directory with scores, opened. */
async function openWith(
  t: TestContext,
  runs: readonly RunSpec[],
  more: Partial<Record<'costs' | 'regions' | 'inputs' | 'diagnostics', readonly Row[]>> = {},
): Promise<Results> {
  const dir = scratch(t);
  await writeRows(
    dir,
    'runs',
    runs.map(({ id, run }) => ({ run_id: id, ...run })),
  );
  await writeRows(
    dir,
    'windows',
    runs.flatMap(({ id, windows }) => windows.map((row, w) => windowRow(id, w, row))),
  );
  for (const { id, sets } of runs) await writeSets(dir, id, sets);
  for (const [table, rows] of Object.entries(more)) await writeRows(dir, table as 'costs', rows);
  await materialiseScores(dir);
  const results = await Results.open(dir);
  t.after(() => results.close());
  return results;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const rowsOf = async (results: Results, sql: string): Promise<readonly object[]> => (await results.query(sql)).rows;

test('score_summary: sums and means over windows without warm-up, cost over the whole run', async (t) => {
  const results = await openWith(
    t,
    [
      {
        id: 'r',
        run: { duration_ns: 1000, vcpus: 2 },
        windows: [{ warmup: true }, {}, {}],
        sets: [
          { w: 0, kind: 'reported', pages: range(0, 64) },
          { w: 1, kind: 'reported', pages: range(0, 4) },
          { w: 1, kind: 'truth', scope: 'mapped', pages: range(0, 8) },
          { w: 2, kind: 'reported', pages: range(0, 4) },
          { w: 2, kind: 'truth', scope: 'mapped', pages: range(2, 4) },
          { w: 2, kind: 'edge', scope: 'mapped', pages: [0] },
        ],
      },
    ],
    {
      costs: [
        { run_id: 'r', w: 0, vcpu_ns: 100, tracker_ns: 50 },
        { run_id: 'r', w: 1, vcpu_ns: 100, tracker_ns: 0 },
      ],
    },
  );
  const [row] = await rowsOf(results, `FROM score_summary WHERE "scope" = 'mapped'`);
  const expected = {
    windows: 2,
    tp: 6,
    fp: 1,
    fn: 4,
    edge: 1,
    truth: 10,
    reported: 8,
    precision: 6 / 7,
    recall: 0.6,
    f1: 12 / 17,
    jaccard: 6 / 11,
    wss_error: -0.2,
    false_cold_rate: 0.4,
    precision_mean: (1 + 2 / 3) / 2,
    recall_mean: 0.75,
    wss_error_mean: (-0.5 + 1) / 2,
    overhead: 0.1,
    tracker_share: 0.05,
    own_scope: true,
  };
  for (const [name, value] of Object.entries(expected)) {
    const actual = (row as Row)[name];
    if (typeof value === 'number') assert.ok(Math.abs((actual as number) - value) < 1e-12, `${name}: ${actual} ≠ ${value}`);
    else assert.equal(actual, value, name);
  }
  assert.equal((await rowsOf(results, 'FROM score_all')).length, 2);
});

test('f1 is 0 when everything reported is wrong, NULL when nothing is reported or true', async (t) => {
  const run = (id: string, reported: number[], truth: number[]): RunSpec => ({
    id,
    windows: [{}],
    sets: [
      { w: 0, kind: 'reported', pages: reported },
      { w: 0, kind: 'truth', scope: 'mapped', pages: truth },
    ],
  });
  const results = await openWith(t, [run('a', [1], [2]), run('b', [], [2]), run('c', [1], []), run('d', [], [])]);
  assert.deepEqual(await rowsOf(results, `SELECT run_id, f1, jaccard FROM score_summary WHERE "scope" = 'mapped' ORDER BY run_id`), [
    { run_id: 'a', f1: 0, jaccard: 0 },
    { run_id: 'b', f1: null, jaccard: 0 },
    { run_id: 'c', f1: null, jaccard: 0 },
    { run_id: 'd', f1: null, jaccard: 1 },
  ]);
});

test('pareto keeps what nothing beats; score_best is the highest F1; compare_runs subtracts', async (t) => {
  const run = (id: string, hits: number): RunSpec => ({
    id,
    run: { scheme: id, duration_ns: 100 },
    windows: [{}],
    sets: [
      { w: 0, kind: 'reported', pages: range(0, hits) },
      { w: 0, kind: 'truth', scope: 'mapped', pages: range(0, 10) },
    ],
  });
  const results = await openWith(t, [run('cheap', 5), run('good', 10), run('beaten', 4), run('free', 1)], {
    costs: [
      { run_id: 'cheap', vcpu_ns: 10 },
      { run_id: 'good', vcpu_ns: 50 },
      { run_id: 'beaten', vcpu_ns: 11 },
    ],
  });
  assert.deepEqual(await rowsOf(results, `SELECT run_id, overhead, on_front FROM pareto WHERE "scope" = 'mapped'`), [
    { run_id: 'cheap', overhead: 0.1, on_front: true },
    { run_id: 'beaten', overhead: 0.11, on_front: false },
    { run_id: 'good', overhead: 0.5, on_front: true },
  ]);
  assert.deepEqual(await rowsOf(results, `SELECT run_id FROM score_best WHERE "scope" = 'mapped'`), [{ run_id: 'good' }]);
  assert.deepEqual(
    await rowsOf(
      results,
      `SELECT metric, a, b, difference FROM compare_runs('cheap', 'good') WHERE "scope" = 'mapped' AND metric IN ('recall', 'overhead') ORDER BY metric`,
    ),
    [
      { metric: 'overhead', a: 0.1, b: 0.5, difference: 0.4 },
      { metric: 'recall', a: 0.5, b: 1, difference: 0.5 },
    ],
  );
});

test('wss_over_time and wss_percentiles, with and without truth', async (t) => {
  const results = await openWith(t, [
    {
      id: 'r',
      windows: [{ warmup: true }, {}, {}, { scored: false }].map((row) => ({ ...row, n_pages: 4096 })),
      sets: [
        { w: 1, kind: 'reported', pages: range(0, 256) },
        { w: 1, kind: 'truth', scope: 'mapped', pages: range(0, 512) },
        { w: 3, kind: 'reported', pages: range(0, 1024) },
      ],
    },
  ]);
  assert.deepEqual(
    await rowsOf(
      results,
      `SELECT w, t_s, "scope", wss_mib, wss_true_mib FROM wss_over_time WHERE "scope" = 'mapped' OR "scope" IS NULL ORDER BY w`,
    ),
    [
      { w: 0, t_s: 0.1, scope: 'mapped', wss_mib: 0, wss_true_mib: 0 },
      { w: 1, t_s: 0.2, scope: 'mapped', wss_mib: 1, wss_true_mib: 2 },
      { w: 2, t_s: 0.3, scope: 'mapped', wss_mib: 0, wss_true_mib: 0 },
      { w: 3, t_s: 0.4, scope: null, wss_mib: 4, wss_true_mib: null },
    ],
  );
  assert.deepEqual(
    await rowsOf(
      results,
      `SELECT percentile, wss_mib, wss_true_mib FROM wss_percentiles WHERE "scope" = 'mapped' AND percentile IN (0, 50, 100)`,
    ),
    [
      { percentile: 0, wss_mib: 0, wss_true_mib: 0 },
      { percentile: 50, wss_mib: 0.5, wss_true_mib: 1 },
      { percentile: 100, wss_mib: 1, wss_true_mib: 2 },
    ],
  );
});

test('cold_tail: pages unseen for the last k windows', async (t) => {
  const results = await openWith(t, [
    {
      id: 'r',
      windows: [{}, {}, {}],
      sets: [
        { w: 0, kind: 'reported', pages: range(0, 10) },
        { w: 2, kind: 'reported', pages: range(5, 20) },
      ],
    },
  ]);
  // N = 64; k=1: 54, 64, 49; k=2: windows (0,1) 54, (1,2) 49
  assert.deepEqual(await rowsOf(results, 'SELECT idle_windows, idle_s, windows, cold_pages FROM cold_tail'), [
    { idle_windows: 1, idle_s: 0.1, windows: 3, cold_pages: (54 + 64 + 49) / 3 },
    { idle_windows: 2, idle_s: 0.2, windows: 2, cold_pages: 51.5 },
  ]);
});

test('agreement: best overlap, Jaccard, kappa; fidelity: simulated against observed of the same scheme', async (t) => {
  const results = await openWith(t, [
    { id: 'a', run: { stream: 'A' }, windows: [{}, { n_pages: 128 }], sets: [{ w: 0, kind: 'reported', pages: range(0, 8) }] },
    {
      id: 'b',
      run: { kind: 'observed', scheme: 'observed:uffd-rwp', stream: 'A' },
      // the first overlaps a's window 0 by 90 of 100 ms; the second, 40 ms long, lies wholly in it but is less than half of it
      windows: [
        { claim_t0_ns: 1e7, claim_t1_ns: 1e8 },
        { claim_t0_ns: 1e7, claim_t1_ns: 5e7 },
      ],
      sets: [{ w: 0, kind: 'reported', pages: range(4, 20) }],
    },
    { id: 'c', run: { target: 'written' }, windows: [{}, {}], sets: [] },
    {
      id: 'd',
      run: { scheme: 'damon-paddr', world: 'm', n_windows: 2 },
      windows: [{}, {}],
      sets: [{ w: 1, kind: 'reported', pages: [1] }],
    },
    { id: 'e', run: { scheme: 'idle-page', world: 'm', n_windows: 2 }, windows: [{}, {}], sets: [] },
    { id: 'f', run: { scheme: 'idle-page', world: 'm', n_windows: 3 }, windows: [{}, {}], sets: [] },
  ]);
  // of 64 pages: |A| 8, |B| 16, both 4; seen (64-8-16+8)/64, expected (8*16 + 56*48)/64²
  const seen = 48 / 64;
  const expected = (8 * 16 + 56 * 48) / 4096;
  assert.deepEqual(
    await rowsOf(
      results,
      "SELECT a_w, b_w, a_pages, b_pages, \"both\", jaccard, wss_error, kappa FROM agreement_windows WHERE a_run = 'a' AND b_run = 'b'",
    ),
    [{ a_w: 0, b_w: 0, a_pages: 8, b_pages: 16, both: 4, jaccard: 0.2, wss_error: -0.5, kappa: (seen - expected) / (1 - expected) }],
  );
  assert.deepEqual(
    await rowsOf(results, 'SELECT a_run, b_run, simulated_vs_observed AS svo, windows, jaccard FROM agreement ORDER BY ALL'),
    [
      { a_run: 'a', b_run: 'b', svo: true, windows: 1, jaccard: 0.2 },
      { a_run: 'd', b_run: 'e', svo: false, windows: 2, jaccard: 0 },
    ],
  );
  assert.deepEqual(await rowsOf(results, 'SELECT a_run, b_run FROM fidelity'), [{ a_run: 'a', b_run: 'b' }]);
});

test('idle_causes: windows meet by time, not by number, and pages of one side are told apart', async (t) => {
  const results = await openWith(t, [
    {
      id: 'real',
      run: { kind: 'observed', scheme: 'observed:idle-page', stream: 'B.idle' },
      windows: [{ warmup: true }, {}, {}],
      sets: [
        { w: 1, kind: 'reported', pages: [1, 2, 3, 4, 5] },
        { w: 1, kind: 'truth', scope: 'any', pages: [1, 2, 3, 6] },
        { w: 1, kind: 'truth', scope: 'mapped', pages: [1, 2, 6] },
        { w: 1, kind: 'edge', scope: 'any', pages: [4] },
        { w: 1, kind: 'edge', scope: 'mapped', pages: [4] },
      ],
    },
    {
      id: 'model',
      run: { scheme: 'idle-page', stream: 'B.idle' },
      // its window 0 is the second of the real report, its window 1 far away
      windows: [
        { claim_t0_ns: 1.1e8, claim_t1_ns: 2.05e8 },
        { claim_t0_ns: 9e8, claim_t1_ns: 1e9 },
      ],
      sets: [
        { w: 0, kind: 'reported', pages: [1, 6, 7] },
        { w: 1, kind: 'reported', pages: range(0, 60) },
      ],
    },
  ]);
  assert.deepEqual(await rowsOf(results, 'SELECT * EXCLUDE (trace, jaccard, jaccard_explained) FROM idle_causes'), [
    {
      stream: 'B.idle',
      w: 1,
      t_s: 0.2,
      observed: 5,
      simulated: 3,
      agreed: 1,
      observed_untouched: 1,
      observed_kernel: 1,
      observed_edge: 1,
      observed_sure: 1,
      simulated_sure: 1,
      simulated_edge: 1,
      observed_run: 'real',
      simulated_run: 'model',
    },
  ]);
});

test('idle_snapshots: kernel-touched and untouched apart, within the LRU pages', async (t) => {
  const results = await openWith(t, [
    {
      id: 'i',
      run: { kind: 'observed', scheme: 'observed:idle-page', stream: 'B.idle' },
      windows: [{}, {}],
      sets: [
        { w: 0, kind: 'eligible', pages: range(0, 40) },
        { w: 0, kind: 'reported', pages: [0, 1, 2, 3, 4, 5, 50] },
        { w: 0, kind: 'truth', scope: 'mapped', pages: [0, 1, 9, 60] },
        { w: 0, kind: 'edge', scope: 'mapped', pages: [2] },
        { w: 0, kind: 'truth', scope: 'any', pages: [0, 1, 9, 60, 3] },
        { w: 0, kind: 'edge', scope: 'any', pages: [2, 4] },
        { w: 1, kind: 'eligible', pages: range(0, 40) },
      ],
    },
  ]);
  assert.deepEqual(await rowsOf(results, 'SELECT * EXCLUDE (trace, run_id, t_s, window_ms) FROM idle_snapshots'), [
    { stream: 'B.idle', w: 0, truth: 3, reported: 6, hit: 2, missed: 1, kernel_touched: 2, untouched: 1, edge_only: 1 },
    { stream: 'B.idle', w: 1, truth: 0, reported: 0, hit: 0, missed: 0, kernel_touched: 0, untouched: 0, edge_only: 0 },
  ]);
});

test('uffd_cycles: each tracker against its own target, mapped scope', async (t) => {
  const results = await openWith(t, [
    {
      id: 'u',
      run: { kind: 'observed', scheme: 'observed:uffd-wp', target: 'written', stream: 'B.wp' },
      windows: [{}],
      sets: [
        { w: 0, kind: 'reported', pages: [1, 2, 3, 4] },
        { w: 0, kind: 'truth', scope: 'mapped', pages: range(0, 30) },
        { w: 0, kind: 'truth_writes', scope: 'mapped', pages: [1, 2, 9] },
        { w: 0, kind: 'edge_writes', scope: 'mapped', pages: [3] },
      ],
    },
  ]);
  assert.deepEqual(await rowsOf(results, 'SELECT * EXCLUDE (trace, run_id, t_s) FROM uffd_cycles'), [
    {
      stream: 'B.wp',
      w: 0,
      window_ms: 100,
      scheme: 'observed:uffd-wp',
      target: 'written',
      truth: 3,
      reported: 4,
      hit: 2,
      missed: 1,
      extra: 1,
      edge_only: 1,
    },
  ]);
});

test('damon_snapshots: touched pages within the monitored (eligible) and the hot (reported) ones', async (t) => {
  const results = await openWith(
    t,
    [
      {
        id: 'd',
        run: { kind: 'observed', scheme: 'observed:damon-paddr', stream: 'A.ftrace' },
        windows: [{ n_pages: 200_000 }, { n_pages: 200_000, scored: false }],
        sets: [
          { w: 0, kind: 'eligible', pages: [...range(0, 10), ...range(20, 30), ...range(60_000, 80_000)] },
          { w: 0, kind: 'reported', pages: [...range(0, 10), ...range(60_000, 80_000)] },
          { w: 0, kind: 'truth', scope: 'mapped', pages: [5, 15, 25, 70_000] },
          { w: 0, kind: 'edge', scope: 'mapped', pages: [6, 16, 100_000] },
        ],
      },
    ],
    {
      regions: [
        { run_id: 'd', w: 0, start_page: 0, n_pages: 10, score: 3 },
        { run_id: 'd', w: 0, start_page: 20, n_pages: 10, score: 0 },
        { run_id: 'd', w: 0, start_page: 60_000, n_pages: 20_000, score: 1 },
        { run_id: 'd', w: 1, start_page: 0, n_pages: 10, score: 0 },
      ],
    },
  );
  assert.deepEqual(
    await rowsOf(results, 'SELECT w, regions, monitored, hot, nr_accesses_max, touched, in_hot_region FROM damon_snapshots'),
    [
      { w: 0, regions: 3, monitored: 20_020, hot: 20_010, nr_accesses_max: 3, touched: 4, in_hot_region: 3 },
      { w: 1, regions: 1, monitored: 10, hot: 0, nr_accesses_max: 0, touched: null, in_hot_region: null },
    ],
  );
  assert.equal((await rowsOf(results, 'FROM region_heat')).length, 4);
});

test('diag lists errors first, with the path', async (t) => {
  const results = await openWith(t, [], {
    inputs: [{ input_id: 'i', path: 'a.txt' }],
    diagnostics: [
      { input_id: 'i', severity: 'info', code: 'x', count: 9 },
      { input_id: '', severity: 'error', code: 'y', count: 1 },
    ],
  });
  assert.deepEqual(await rowsOf(results, 'SELECT severity, code, path FROM diag'), [
    { severity: 'error', code: 'y', path: null },
    { severity: 'info', code: 'x', path: 'a.txt' },
  ]);
});

test('pages_of lists the pages that were stored', async (t) => {
  const random = new Prng('pages');
  const pages = [...new Set(Array.from({ length: 300 }, () => random.below(200_000)))].toSorted((a, b) => a - b);
  const results = await openWith(t, [{ id: 'r', windows: [{ n_pages: 200_000 }], sets: [{ w: 0, kind: 'truth', scope: 'any', pages }] }]);
  const rows = await rowsOf(results, 'SELECT unnest(pages_of(bits, chunk)) AS page FROM page_sets ORDER BY page');
  assert.deepEqual(
    rows.map((row) => (row as Row)['page']),
    pages,
  );
});

test('heatmap: pages are counted once, in the right cells', async (t) => {
  const results = await openWith(t, [
    {
      id: 'r',
      windows: [{ n_pages: 131072 }, { n_pages: 131072 }],
      sets: [
        { w: 0, kind: 'reported', pages: range(0, 64) },
        { w: 1, kind: 'reported', pages: [...range(0, 16), ...range(65536, 65536 + 64)] },
      ],
    },
  ]);
  const rows = await rowsOf(results, `SELECT t_bin, a_bin, pages FROM heatmap('r', 2, 2) WHERE pages > 0 ORDER BY ALL`);
  assert.deepEqual(rows, [
    { t_bin: 0, a_bin: 0, pages: 64 },
    { t_bin: 1, a_bin: 0, pages: 16 },
    { t_bin: 1, a_bin: 1, pages: 64 },
  ]);
  const truth = await rowsOf(results, `FROM heatmap('r', 2, 2, set_kind := 'truth', set_scope := 'any')`);
  assert.deepEqual(truth, []);
});
