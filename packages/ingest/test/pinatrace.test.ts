import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pinatraceIngestor } from '../src/formats/pinatrace.ts';
import { ingestText } from './text-harness.ts';

const rate = { 'accesses-per-second': '1e9' };
const log = '0x00007f1261d40b70: R 0x7ffcb4e8cc99\n0x00007f1261d40b73: W 0x7ffcb4e8d000\n';

test('reads and writes in file order', async () => {
  const outcome = await ingestText(pinatraceIngestor, `${log}#eof\n`, rate);
  assert.deepEqual(
    outcome.accesses.map(({ timeNs, page, cls }) => [timeNs, page.toString(16), cls]),
    [
      [0, '7ffcb4e8c', 0],
      [1, '7ffcb4e8d', 1],
    ],
  );
  assert.deepEqual(outcome.rejected, { 'no-sizes': 1 });
});
test('no #eof: cut', async () => {
  assert.equal((await ingestText(pinatraceIngestor, log, rate)).rejected['missing-eof'], 1);
});
test('extra columns of forks are passed over, damage is counted', async () => {
  const outcome = await ingestText(
    pinatraceIngestor,
    '0x1: R 0x2000 8 0x5\n0x1: R 0xzz\n0x1: X 0x1\nhello\n0x1: W 0x1ffffffffffffffff\n#eof\n',
    rate,
  );
  assert.equal(outcome.accesses.length, 1);
  assert.deepEqual(outcome.rejected, { 'damaged-line': 1, 'foreign-line': 2, 'address-overflow': 1, 'no-sizes': 1 });
});
test('a rate is needed', async () => assert.match((await ingestText(pinatraceIngestor, log)).error!.message, /no times/));
test('sniffing', () => {
  assert.equal(pinatraceIngestor.sniff(Buffer.from(log)), 0.95);
  assert.equal(pinatraceIngestor.sniff(Buffer.from('#eof\n')), 0);
});
