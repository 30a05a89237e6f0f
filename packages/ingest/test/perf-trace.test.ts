import assert from 'node:assert/strict';
import { test } from 'node:test';
import { perfTraceIngestor } from '../src/formats/perf-trace.ts';
import { fixture, ingestBytes } from './text-harness.ts';

for (const [name, n, separator] of [
  ['trace-tp', 78, ': '],
  ['trace-tp-lte', 77, '='],
] as const) {
  test(`${name}: address and write bit, decimal or hex`, async () => {
    const bytes = fixture(`perf-text/${name}.txt.gz`);
    const outcome = await ingestBytes(perfTraceIngestor, bytes);
    const expected = bytes
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => {
        const code = Number(new RegExp(`error_code${separator}(\\w+)`).exec(line)![1]);
        return [
          Math.round(Number(/[\d.]+/.exec(line)![0]) * 1e6),
          new RegExp(`address${separator}0x(\\w+)\\w{3}\\b`).exec(line)![1],
          (code >> 1) & 1,
        ];
      });
    assert.equal(expected.length, n);
    assert.deepEqual(
      outcome.accesses.map(({ timeNs, page, cls }) => [timeNs, page.toString(16), cls]),
      expected,
    );
    assert.equal(perfTraceIngestor.sniff(bytes), 0.9);
  });
}

test('trace-F: faults on files are offsets, not addresses, and are counted', async () => {
  const outcome = await ingestBytes(perfTraceIngestor, fixture('perf-text/trace-F.txt.gz'));
  assert.equal(outcome.accesses.length, 34);
  assert.equal(outcome.rejected['file-offset'], 44);
  assert.equal(outcome.accesses[0]!.page, 0x565497877);
  assert.equal(outcome.accesses[0]!.pid, 9678);
});
