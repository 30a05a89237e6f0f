import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { InterruptedError, Prng, UsageError } from '@workset/model';
import { openTrace } from '@workset/store';
import { patterns, synthesise } from '@workset/ingest';
import { zipf } from '../src/synth/samplers.ts';

const dir = mkdtempSync(join(tmpdir(), 'workset-synth-'));
after(() => rmSync(dir, { recursive: true }));
let next = 0;
const small = { pages: 3000, seconds: 0.2, rate: 50_000 };
const out = () => join(dir, `${next++}.trace`);

/** Accesses per page, by class, over all frames that start in [t0, t1). */
async function counts(path: string, t0 = 0, t1 = Number.POSITIVE_INFINITY): Promise<{ reads: Float64Array; writes: Float64Array }> {
  const trace = await openTrace(path);
  const space = trace.space('gpa');
  const reads = new Float64Array(space.info.nPages);
  const writes = new Float64Array(space.info.nPages);
  const rows = new Int32Array(space.info.nTouches);
  const batch = new Int32Array(space.batchRows);
  for (let b = 0, at = 0; b < space.nBatches; b++) {
    const n = space.readBatch(b, batch);
    rows.set(batch.subarray(0, n), at);
    at += n;
  }
  const { n, t0Ns, rowStart } = space.frames;
  for (let f = 0; f < n; f++) {
    if (t0Ns[f]! < t0 || t0Ns[f]! >= t1) continue;
    const seen = new Set<number>();
    for (const row of rows.subarray(rowStart[f]!, f + 1 < n ? rowStart[f + 1]! : rows.length)) {
      assert.ok(!seen.has(row), 'a touch occurs once per quantum');
      seen.add(row);
      (row & 1 ? writes : reads)[space.pageOf(row >> 1)]!++;
    }
  }
  trace.close();
  return { reads, writes };
}
const touchedPages = (all: { reads: Float64Array; writes: Float64Array }) =>
  [...all.reads.keys()].filter((page) => all.reads[page]! + all.writes[page]! > 0);

for (const id of patterns.ids) {
  test(`${id}: same seed, same trace; another seed or pattern, another`, async () => {
    const first = await synthesise(id, { ...small, out: out() });
    const again = await synthesise(id, { ...small, out: out() });
    const other = await synthesise(id, { ...small, out: out(), seed: 2 });
    assert.equal(first.traceId, again.traceId);
    assert.notEqual(first.traceId, other.traceId);
    assert.equal(first.synthetic, true);
    assert.equal(first.truth, 'exact');
    assert.deepEqual(first.spans, [{ t0Ns: 0, t1Ns: 200_000_000, label: id }]);
    const [space] = first.spaces;
    assert.deepEqual([space!.id, space!.classBits, space!.nFrames], ['gpa', 1, 200]);
    assert.ok(space!.nTouches <= space!.nAccesses && space!.nAccesses <= 10_000 && space!.nAccesses > 1000);
  });
}

test('a scan goes round, one page after the other', async () => {
  const path = out();
  await synthesise('scan', { pages: 100, seconds: 0.01, rate: 50_000, out: path });
  assert.deepEqual(
    touchedPages(await counts(path, 0, 2e6)),
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.deepEqual(
    touchedPages(await counts(path, 2e6, 3e6)),
    Array.from({ length: 50 }, (_, i) => i),
  );
});

test('stairs grow by an eighth per step', async () => {
  const path = out();
  const manifest = await synthesise('stairs', { pages: 800, seconds: 0.8, rate: 1e6, out: path });
  assert.equal(manifest.markers.length, 8);
  for (const [i, { tNs }] of manifest.markers.entries()) {
    assert.equal(touchedPages(await counts(path, tNs, tNs + 1e8)).length, (i + 1) * 100);
  }
});

test('thp touches one page per huge page', async () => {
  const path = out();
  await synthesise('thp', { pages: 512 * 6, seconds: 0.05, rate: 100_000, out: path });
  const touched = touchedPages(await counts(path));
  assert.deepEqual(
    touched.map((page) => page >> 9),
    [0, 1, 2, 3, 4, 5],
  );
});

describe('zipf', () => {
  const N = 20_000;
  const DRAWS = 2_000_000;
  const drawn = new Int32Array(DRAWS);
  zipf(new Prng('zipf test'), 0, N, 0.99).fill(DRAWS, drawn);
  const times = new Float64Array(N);
  for (const page of drawn) times[page]!++;
  const byRank = [...times.keys()].sort((a, b) => times[b]! - times[a]!);

  test('follows 1 / rank^theta', () => {
    let total = 0;
    for (let rank = 1; rank <= N; rank++) total += rank ** -0.99;
    for (const [from, to] of [
      [1, 1],
      [2, 2],
      [1, 10],
      [11, 1024],
      [1025, 5000],
      [5001, 20_000],
    ] as const) {
      let expected = 0;
      for (let rank = from; rank <= to; rank++) expected += rank ** -0.99;
      const got = byRank.slice(from - 1, to).reduce((sum, page) => sum + times[page]!, 0);
      const mean = (DRAWS * expected) / total;
      // Five standard deviations; sorting by count moves a little more to the front of the long tail.
      assert.ok(Math.abs(got - mean) < 5 * Math.sqrt(mean) + 0.02 * mean, `ranks ${from}-${to}: ${got}, expected ${mean}`);
    }
  });
  test('keeps neighbours of the popularity order together in runs of 8, and scatters the runs', () => {
    assert.equal(new Set(byRank.slice(0, 8).map((page) => page >> 3)).size, 1);
    const runs = [...new Set(byRank.slice(0, 800).map((page) => page >> 3))];
    const regions = new Set(runs.map((run) => Math.floor((run * 8 * 10) / N)));
    assert.equal(regions.size, 10);
  });
  test('reaches every page', () => {
    assert.ok(times.every((n) => n > 0));
  });
});

test('wrong numbers and names are refused, an abort leaves nothing', async () => {
  for (const wrong of [{ pages: 0 }, { pages: 1.5 }, { seconds: 0 }, { rate: -1 }, { theta: Number.NaN }, { rate: 1e12 }]) {
    await assert.rejects(synthesise('zipf', { ...small, ...wrong, out: out() }), UsageError);
  }
  await assert.rejects(synthesise('zpif', { ...small, out: out() }), /zpif/);
  const path = out();
  await assert.rejects(synthesise('zipf', { ...small, out: path, signal: AbortSignal.abort() }), InterruptedError);
  assert.ok(!existsSync(path) && !existsSync(`${path}.part`));
});

test('moves pages at the rates asked for, and touches the same ones as without', async () => {
  const [still, moving] = [out(), out()];
  const before = await synthesise('zipf', { ...small, out: still });
  const after = await synthesise('zipf', { ...small, out: moving, migrations: 500, swaps: 50 });
  assert.equal(before.spaces[0]!.nRemaps, undefined);
  assert.equal(after.spaces[0]!.nRemaps, 100 + 10);
  assert.deepEqual(await counts(moving), await counts(still));
  const trace = await openTrace(moving);
  const { n, kind, tNs, page } = trace.remaps('gpa');
  assert.deepEqual([n, kind.filter((k) => k === 1).length], [110, 10]);
  assert.ok(tNs.every((t) => t < 0.2e9) && page.every((p) => p < small.pages) && new Set(page).size > 90);
  trace.close();
  await assert.rejects(synthesise('zipf', { ...small, out: out(), migrations: -1 }), UsageError);
});
