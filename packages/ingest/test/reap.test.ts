import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reapIngestor } from '../src/formats/reap.ts';
import { ingestText } from './text-harness.ts';

const rate = { 'accesses-per-second': '1e6' };

test('offsets are hex even when they look decimal', async () => {
  const outcome = await ingestText(reapIngestor, '10000\n1f4d000\n0\n', rate);
  assert.deepEqual(
    outcome.accesses.map(({ space, timeNs, page }) => [space, timeNs, page]),
    [
      ['gpa', 0, 0x10],
      ['gpa', 1000, 0x1f4d],
      ['gpa', 2000, 0],
    ],
  );
});
test('damage', async () => {
  const outcome = await ingestText(reapIngestor, '1000\nxyz\n10 00\n11112222333344445\n2000', rate);
  assert.deepEqual(outcome.rejected, { 'damaged-line': 2, 'address-overflow': 1, 'possibly-truncated': 1 });
  assert.equal(outcome.accesses.length, 2);
  assert.match((await ingestText(reapIngestor, '1000\n')).error!.message, /no times/);
});
test('sniffing: page aligned hex and nothing else', () => {
  assert.equal(reapIngestor.sniff(Buffer.from('1000\n1f4d000\n')), 0.6);
  assert.equal(reapIngestor.sniff(Buffer.from('1000\n1f4d001\n')), 0);
});
