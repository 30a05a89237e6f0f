/** Curves against their definitions, worked out naively. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Prng } from '@workset/model';
import { missRatioCurve, sampledMissRatioCurve, workingSetCurve } from '@workset/replay';
import type { SpaceReader } from '@workset/store';

const BATCH_ROWS = 64;

/** A space that holds these frames of page ids. */
function spaceOf(frames: readonly (readonly number[])[], nPages: number, batchRows = BATCH_ROWS): SpaceReader {
  const rows = Int32Array.from(frames.flat(), (page) => page << 1);
  let at = 0;
  const rowStart = Float64Array.from([0, ...frames.map((frame) => (at += frame.length))]);
  return {
    info: { nPages, classBits: 1, nTouches: rows.length },
    frames: { n: frames.length, rowStart },
    batchRows,
    nBatches: Math.ceil(rows.length / batchRows),
    readBatch(i: number, into: Int32Array) {
      const batch = rows.subarray(i * batchRows, (i + 1) * batchRows);
      into.set(batch);
      return batch.length;
    },
  } as unknown as SpaceReader;
}

/** Distinct pages since the last touch of each, itself included; Infinity for first touches. */
function naiveDistances(pages: readonly number[]): number[] {
  return pages.map((page, i) => {
    const before = pages.lastIndexOf(page, i - 1);
    return i === 0 || before < 0 ? Infinity : new Set(pages.slice(before, i)).size;
  });
}

const frames = fc.array(fc.array(fc.nat({ max: 11 }), { maxLength: 30 }), { maxLength: 20 });

describe('curves', () => {
  it('miss ratio: touches whose stack distance exceeds the size', () => {
    fc.assert(
      fc.property(frames, (given) => {
        const distances = naiveDistances(given.flat());
        const curve = missRatioCurve(spaceOf(given, 12));
        for (let size = 0; size <= 13; size++) {
          const expected = distances.length === 0 ? 0 : distances.filter((d) => d > size).length / distances.length;
          assert.equal(curve.missRatio(size), expected, `${size} frames`);
        }
        assert.equal(curve.pages, new Set(given.flat()).size);
      }),
      { numRuns: 300 },
    );
  });

  it('miss ratio over many renumberings of the time axis', () => {
    const random = new Prng('curves');
    const pages = Array.from({ length: 30_000 }, () => Math.min(random.below(700), random.below(700)));
    const distances = naiveDistances(pages);
    const curve = missRatioCurve(spaceOf([pages], 700, 1 << 12));
    for (const size of [0, 1, 2, 31, 32, 33, 100, 350, 699, 700]) {
      assert.equal(curve.missRatio(size), distances.filter((d) => d > size).length / pages.length, `${size} frames`);
    }
  });

  it('working set: distinct pages in the last frames, on average', () => {
    fc.assert(
      fc.property(frames, (given) => {
        const curve = workingSetCurve(spaceOf(given, 12));
        for (let window = 0; window <= given.length; window++) {
          const sizes = given.map((_, f) => new Set(given.slice(Math.max(0, f + 1 - window), f + 1).flat()).size);
          const expected = given.length === 0 ? 0 : sizes.reduce((sum, size) => sum + size, 0) / given.length;
          assert.ok(Math.abs(curve.pages(window) - expected) < 1e-9, `window ${window}: ${curve.pages(window)} for ${expected}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('a sample of all pages is the exact curve', () => {
    fc.assert(
      fc.property(frames, (given) => {
        const space = spaceOf(given, 12);
        const exact = missRatioCurve(space);
        const sampled = sampledMissRatioCurve(space, { rate: 1 });
        for (let size = 0; size <= 13; size++) assert.ok(Math.abs(sampled.missRatio(size) - exact.missRatio(size)) < 1e-12);
      }),
    );
  });

  it('a sample of a tenth of the pages is near it, and says how near', () => {
    const random = new Prng('sampled curves');
    const nPages = 20_000;
    // A skewed string: the smallest of three draws.
    const draw = (): number => Math.min(random.below(nPages), random.below(nPages), random.below(nPages));
    const space = spaceOf([Array.from({ length: 400_000 }, draw)], nPages, 1 << 14);
    const exact = missRatioCurve(space);
    const sampled = sampledMissRatioCurve(space, { rate: 0.1 });
    let outside = 0;
    for (let size = 500; size <= nPages; size += 500) {
      const off = Math.abs(sampled.missRatio(size) - exact.missRatio(size));
      assert.ok(off < 0.03, `${off} at ${size}`);
      if (off > sampled.error(size) + 0.01) outside++;
    }
    assert.ok(outside <= 4, `${outside} of 40 points lie outside the stated error`);
  });
});
