import assert from 'node:assert/strict';
import { test } from 'node:test';
import { perfMemIngestor } from '../src/formats/perf-mem.ts';
import { perfScriptIngestor } from '../src/formats/perf-script.ts';
import { fixture, ingestBytes } from './text-harness.ts';

const rate = { 'accesses-per-second': '1000' };

test('perf script with data_src: op from the hex, not from the text', async () => {
  const bytes = fixture('perf-text/memlike.F-data_src.txt.gz');
  const outcome = await ingestBytes(perfMemIngestor, bytes);
  const expected = bytes
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => [/page-faults: +([0-9a-f]+)/.exec(line)![1]!.slice(0, -3), line.includes('|OP STORE') ? 1 : 0]);
  assert.deepEqual(
    outcome.accesses.map(({ page, cls }) => [page.toString(16), cls]),
    expected,
  );
  assert.ok(expected.some(([, cls]) => cls === 1));
  assert.equal(outcome.rejected['access-type-unknown'], undefined);
  assert.ok(perfMemIngestor.sniff(bytes) > perfScriptIngestor.sniff(bytes));
});

test('perf mem -D report gives the same accesses as perf script of the same file', async () => {
  const report = await ingestBytes(perfMemIngestor, fixture('perf-text/memlike.perf-mem-D.txt.gz'), { options: rate });
  const script = await ingestBytes(perfMemIngestor, fixture('perf-text/memlike.F-data_src.txt.gz'));
  assert.deepEqual(
    report.accesses.map(({ page, cls, pid }) => [page, cls, pid]),
    script.accesses.map(({ page, cls, pid }) => [page, cls, pid]),
  );
  assert.equal(report.rejected['perf-format-bug'], 1);
});

test('with commas and with physical addresses', async () => {
  const comma = await ingestBytes(perfMemIngestor, fixture('perf-text/pf.perf-mem-D-csv.txt.gz'), { options: rate, chunk: 5 });
  const blank = await ingestBytes(perfMemIngestor, fixture('perf-text/pf.perf-mem-D.txt.gz'), { options: rate });
  assert.equal(comma.accesses.length, 295);
  assert.deepEqual(comma.accesses, blank.accesses);
  const physical = await ingestBytes(perfMemIngestor, fixture('perf-text/pf.perf-mem-D-phys.txt.gz'), { options: rate });
  assert.equal(physical.accesses[0]!.page, 0x55fb3a56a);
});

test('no times: a rate is asked for', async () => {
  const { error } = await ingestBytes(perfMemIngestor, fixture('perf-text/memlike.perf-mem-D.txt.gz'));
  assert.match(error!.message, /has no times/);
});

test('perf script without addr: the data source, printed in the same column, is no address', async () => {
  const lines = [
    'stress  3603 [020]   122.463754:          1            l1d-miss:       8688000842 |OP LOAD|LVL L3 or L3 hit|SNP N/A|TLB Walker hit|LCK No|BLK  N/A               aaaac17c3e88 [unknown] (/usr/bin/stress)',
    'ls 14753 [011]  3678.072400:          1        memory:         88000182 L1 miss|SNP N/A|TLB Walker hit|LCK No|BLK  N/A ffffa7c22b4b2a00 [unknown] ([kernel.kallsyms])',
  ];
  for (const line of lines) {
    const { accesses, rejected } = await ingestBytes(perfMemIngestor, Buffer.from(`${line}\n`));
    assert.deepEqual([accesses, rejected], [[], { 'no-data-address': 1 }]);
  }
});
