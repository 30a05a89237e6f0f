import assert from 'node:assert/strict';
import test from 'node:test';
import type { Row } from '@workset/model';
import { Prng } from '@workset/model';
import { openWith, range, rowsOf } from './views-harness.ts';
import type { RunSpec } from './views-harness.ts';

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
