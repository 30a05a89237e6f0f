/** Every bench runs, tiny, and computes the same thing twice: a bench that rots is worse than none. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { allBenches } from '../../../bench/benches/index.ts';
import type { BenchFile } from '../../../bench/lib/bench.ts';
import { compareFiles, printResult } from '../../../bench/lib/print.ts';
import { runBench } from '../../../bench/lib/run.ts';

const benches = (await allBenches()).map(({ bench }) => bench);

describe('benches, tiny', () => {
  const inputs = mkdtempSync(join(tmpdir(), 'workset-bench-inputs-'));
  after(() => rmSync(inputs, { recursive: true, force: true }));

  for (const bench of benches.filter(({ scales }) => scales?.includes('tiny') ?? true)) {
    it(bench.id, async () => {
      await bench.prepare({ scale: 'tiny', inputs });
      const result = await runBench(bench, 'tiny', inputs);
      assert.ok(result.steps.length > 0);
      for (const { name, units, wallS } of result.steps) assert.ok(units > 0 && wallS > 0, name);
      assert.match(result.hash, /^[0-9a-f-]{8,}$/);
      for (const { unitsPerCpuS } of result.limits ?? []) assert.ok(unitsPerCpuS > 0);
      for (const bar of bench.bars ?? [])
        assert.ok(
          bar.what === 'fact' ? typeof result.facts?.[bar.step] === 'number' : result.steps.some(({ name }) => name === bar.step),
          `bar on ${bar.step}`,
        );
      assert.match(printResult(bench, result), new RegExp(`^${bench.id}: `));
    });
  }

  it('gives the same hash again, and compare says when it does not', async () => {
    const bench = benches.find(({ id }) => id === 'replay-4')!;
    await bench.prepare({ scale: 'tiny', inputs });
    const [a, b] = [await runBench(bench, 'tiny', inputs), await runBench(bench, 'tiny', inputs)];
    assert.equal(a.hash, b.hash);
    const file = (hash: string): BenchFile => ({ machine: 'here', commit: 'c', results: [{ ...a, hash }] });
    assert.doesNotMatch(compareFiles(file(a.hash), file(b.hash)), /DIFFER/);
    assert.match(compareFiles(file(a.hash), file('other')), /RESULTS DIFFER/);
  });
});
