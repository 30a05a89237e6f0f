/** Latencies and the earth mover's distance against page-by-page oracles that share no code with them. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { latencies, latencySummary, materialiseScores, measure, Results } from '@workset/analyze';
import type { LatencyRow } from '@workset/analyze';
import { Prng } from '@workset/model';
import type { Row } from '@workset/model';
import { scratch, windowRow, writeRows, writeSets } from './results-dir.ts';
import type { SetRow } from './results-dir.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

interface Step {
  readonly truth: ReadonlySet<number>;
  readonly edge: ReadonlySet<number>;
  readonly reported: ReadonlySet<number>;
}
const T1 = (w: number): number => (w + 1) * 1e8;

/** One page at a time, straight from the definitions. */
function oracle(steps: readonly Step[], spans: readonly (readonly number[])[], pages: readonly number[]): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (what: string, low: number, high: number | null): void => {
    const key = `${what} ${Math.max(0, low)} ${high}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  };
  for (const span of spans) {
    const end = T1(span.at(-1)!);
    for (const page of pages) {
      const used = span.map((w) => steps[w]!.truth.has(page) || steps[w]!.edge.has(page));
      const seen = span.map((w) => steps[w]!.reported.has(page));
      let freeAt = 0; // a page that waits to be found does not start to wait again
      for (const [i, w] of span.entries()) {
        if (i > 0 && i >= freeAt && steps[w]!.truth.has(page) && !used[i - 1]) {
          const j = seen.findIndex((hit, at) => at >= i && hit);
          if (j < 0) add('detection_never', end - T1(w), null);
          else add('detection', T1(span[j]!) - T1(w), T1(span[j]!) - T1(w) + 1e8);
          freeAt = j < 0 ? span.length : j + 1;
        }
        if (used[i] && i + 1 < span.length && !used[i + 1]) {
          const again = used.findIndex((hit, at) => at > i && hit);
          const cold = seen.findIndex((hit, at) => at >= i && !hit);
          if (cold >= 0 && (again < 0 || cold < again)) add('cold', T1(span[cold]!) - T1(w), T1(span[cold]!) - T1(w) + 1e8);
          else add('cold_never', again >= 0 ? 0 : end - T1(w), null);
        }
      }
    }
  }
  return counts;
}

async function open(t: TestContext, steps: readonly Step[], windows: readonly Row[]): Promise<Results> {
  const dir = scratch(t);
  await writeRows(dir, 'runs', [{ run_id: 'r' }]);
  await writeRows(dir, 'windows', windows);
  const sets: SetRow[] = steps.flatMap(({ truth, edge, reported }, w) => [
    { w, kind: 'truth', scope: 'mapped', pages: truth },
    { w, kind: 'edge', scope: 'mapped', pages: edge },
    { w, kind: 'reported', pages: reported },
  ]);
  await writeSets(dir, 'r', sets);
  const results = await Results.open(dir);
  t.after(() => results.close());
  return results;
}

test('latencies equal the page-by-page oracle over random windows, chunks and gaps', async (t) => {
  const random = new Prng('latency');
  const pages = [...range(0, 12), ...range(65530, 65542)];
  for (let round = 0; round < 6; round++) {
    const n = 2 + random.below(14);
    const gap = random.below(n);
    const steps = range(0, n).map((): Step => {
      const truth = new Set(pages.filter(() => random.below(3) === 0));
      const edge = new Set(pages.filter((page) => !truth.has(page) && random.below(8) === 0));
      return { truth, edge, reported: new Set(pages.filter((page) => (truth.has(page) ? random.below(3) > 0 : random.below(4) === 0))) };
    });
    const results = await open(
      t,
      steps,
      range(0, n).map((w) => windowRow('r', w, { span: w < gap ? 0 : 1 })),
    );
    const spans = [range(0, gap), range(gap, n)].filter((span) => span.length > 0);
    const expected = oracle(steps, spans, pages);
    const actual = new Map((await latencies(results)).map((row) => [`${row.what} ${row.edge_lo_ns} ${row.edge_hi_ns}`, row.n]));
    assert.deepEqual(new Map([...actual].sort()), new Map([...expected].sort()), `round ${round}`);
  }
});

test('no windows, no touches: no latencies; warm-up and unscored windows are left out', async (t) => {
  const none: Step = { truth: new Set(), edge: new Set(), reported: new Set() };
  assert.deepEqual(await latencies(await open(t, [none], [windowRow('r', 0)])), []);
  const hot: Step = { truth: new Set([1]), edge: new Set(), reported: new Set([1]) };
  assert.deepEqual(await latencies(await open(t, [none, hot], [windowRow('r', 0, { warmup: true }), windowRow('r', 1)])), []);
  assert.deepEqual(await latencies(await open(t, [none, hot], [windowRow('r', 0), windowRow('r', 1, { scored: false })])), []);
  assert.equal(latencySummary([], 'detection'), null);
});

test('percentiles count what never was as longest', () => {
  const row = (what: LatencyRow['what'], low: number, high: number | null, n: number): LatencyRow => ({
    run_id: 'r',
    scope: 'any',
    target: 'touched',
    what,
    edge_lo_ns: low,
    edge_hi_ns: high,
    n,
  });
  const rows = [row('detection', 10, 20, 3), row('detection', 0, 10, 5), row('detection_never', 30, null, 2), row('cold', 1, 2, 9)];
  assert.deepEqual(latencySummary(rows, 'detection'), {
    events: 10,
    never: 0.2,
    p50: { lowNs: 0, highNs: 10 },
    p95: { lowNs: null, highNs: null },
    p99: { lowNs: null, highNs: null },
  });
});

const NONE: Step = { truth: new Set(), edge: new Set(), reported: new Set() };
const HOT: Step = { truth: new Set([1, 2, 70_000]), edge: new Set(), reported: new Set([1]) };
const WINDOWS = range(0, 4).map((w) => windowRow('r', w));

test('the table latencies is computed by the first query that reads it, kept, and computed again for a run that is newer', async (t) => {
  const results = await open(t, [NONE, HOT, NONE, HOT], WINDOWS);
  const part = join(results.dir, 'latencies', 'r.parquet');
  await results.query('FROM runs');
  assert.ok(!existsSync(part));
  const { rows } = await results.query('SELECT run_id, "scope", "target", what, edge_lo_ns, edge_hi_ns, n FROM latencies ORDER BY ALL');
  const key = (row: object): string => Object.values(row).join(' ');
  assert.deepEqual(rows.map(key).sort(), (await latencies(results)).map(key).sort());
  assert.ok(rows.length > 2 && existsSync(part));
  utimesSync(part, 4e9, 4e9);
  using later = await Results.open(results.dir);
  assert.equal((await later.query('FROM latencies')).rows.length, rows.length);
  assert.equal(statSync(part).mtimeMs, 4e12, 'left as it was');
  utimesSync(part, 1, 1);
  using third = await Results.open(results.dir);
  await third.query('FROM latency_summary');
  assert.ok(statSync(part).mtimeMs > 1e12, 'written again');
});

test('a run without latencies has an empty part, so that it is not computed each time', async (t) => {
  const results = await open(t, [NONE], [windowRow('r', 0)]);
  assert.deepEqual((await results.query('FROM latencies')).rows, []);
  assert.deepEqual(readdirSync(join(results.dir, 'latencies')), ['r.parquet']);
});

test('results that may only be read answer all the same', { skip: process.getuid?.() === 0 && 'root may write everywhere' }, async (t) => {
  const results = await open(t, [NONE, HOT, NONE, HOT], WINDOWS);
  chmodSync(results.dir, 0o555);
  try {
    assert.equal((await results.query('FROM latencies')).rows.length, (await latencies(results)).length);
    assert.equal((await results.query('FROM latency_summary')).rows.length, 2);
    assert.ok(!existsSync(join(results.dir, 'latencies')));
  } finally {
    chmodSync(results.dir, 0o755);
  }
});

test('latency_summary has the percentiles of latencySummary', async (t) => {
  const random = new Prng('percentiles');
  for (let round = 0; round < 4; round++) {
    const pages = range(0, 40);
    const steps = range(0, 12).map((): Step => {
      const truth = new Set(pages.filter(() => random.below(4) === 0));
      return {
        truth,
        edge: new Set(),
        reported: new Set(pages.filter((page) => (truth.has(page) ? random.below(4) > 0 : random.below(9) === 0))),
      };
    });
    const results = await open(
      t,
      steps,
      steps.map((_, w) => windowRow('r', w)),
    );
    const all = await latencies(results);
    const { rows } = await results.query('FROM latency_summary ORDER BY what');
    assert.deepEqual(
      rows,
      (['cold', 'detection'] as const).map((what) => {
        const { events, never, p50, p95, p99 } = latencySummary(all, what)!;
        return {
          trace: 'made',
          scheme: 'uffd-rwp',
          kind: 'simulated',
          stream: null,
          scope: 'mapped',
          target: 'touched',
          what,
          events,
          never,
          p50_lo_ns: p50.lowNs,
          p50_hi_ns: p50.highNs,
          p95_lo_ns: p95.lowNs,
          p95_hi_ns: p95.highNs,
          p99_lo_ns: p99.lowNs,
          p99_hi_ns: p99.highNs,
          run_id: 'r',
        };
      }),
    );
  }
});

/** Sorted page by page, both stretched to a common length: the distance is the mean difference of ranks. */
function emd(a: readonly number[], b: readonly number[]): number {
  const stretch = (values: readonly number[], times: number): number[] =>
    values.toSorted((x, y) => x - y).flatMap((value) => Array<number>(times).fill(value));
  const x = stretch(a, b.length);
  const y = stretch(b, a.length);
  return x.reduce((sum, value, i) => sum + Math.abs(value - y[i]!), 0) / x.length;
}

test('nr-accesses-distance equals sorted matching; seeds are paired with seeds, the model with the kernel', async (t) => {
  const dir = scratch(t);
  const random = new Prng('emd');
  const runs: Row[] = [
    { run_id: 'a', scheme: 'damon-paddr', seed: 1, stream: 'D' },
    { run_id: 'b', scheme: 'damon-paddr', seed: 2, stream: 'D' },
    { run_id: 'c', scheme: 'observed:damon-paddr', kind: 'observed', stream: 'D' },
    { run_id: 'd', scheme: 'damon-vaddr', seed: 1 },
    { run_id: 'e', scheme: 'damon-paddr', seed: 3, stream: 'D' },
  ];
  const values = new Map<string, number[]>();
  const regions: Row[] = ['a', 'b', 'c', 'd'].flatMap((id) =>
    range(0, 9).map((i) => {
      const [n, score] = [1 + random.below(4), random.below(6)];
      values.set(id, [...(values.get(id) ?? []), ...Array<number>(n).fill(score)]);
      return { run_id: id, w: 1 + (i % 2), start_page: 10 * i, n_pages: n, score };
    }),
  );
  // of a warm-up window: does not count
  regions.push({ run_id: 'a', w: 0, start_page: 0, n_pages: 50, score: 19 });
  await writeRows(dir, 'runs', runs);
  await writeRows(
    dir,
    'windows',
    ['a', 'b', 'c', 'd'].flatMap((id) => range(0, 3).map((w) => windowRow(id, w, { warmup: w === 0 }))),
  );
  await writeRows(dir, 'regions', regions);
  await materialiseScores(dir);
  using results = await Results.open(dir);
  const { rows } = await measure(results, 'nr-accesses-distance');
  assert.deepEqual(
    rows.map((row) => [row['pair'], row['a_run'], row['b_run']]),
    [
      ['model-kernel', 'a', 'c'],
      ['model-kernel', 'b', 'c'],
      ['seed-seed', 'a', 'b'],
    ],
  );
  for (const row of rows) {
    const [a, b] = [values.get(String(row['a_run']))!, values.get(String(row['b_run']))!];
    assert.ok(
      Math.abs((row['distance'] as number) - emd(a, b)) < 1e-9,
      `${row['a_run']} ${row['b_run']}: ${row['distance']} ≠ ${emd(a, b)}`,
    );
    assert.ok(Math.abs((row['mean_a'] as number) - a.reduce((x, y) => x + y, 0) / a.length) < 1e-9);
  }
});
