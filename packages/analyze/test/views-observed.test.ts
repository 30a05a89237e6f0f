/** Views over what real trackers reported. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { openWith, range, rowsOf } from './views-harness.ts';

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
