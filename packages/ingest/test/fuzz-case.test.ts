import assert from 'node:assert/strict';
import test from 'node:test';
import { pagemapScanIngestor } from '../src/formats/pagemap-scan.ts';
import { sourceOfBytes } from '../src/byte-source.ts';
import { BatchHash } from '../../../scripts/lib/fuzz-case.ts';

/** Digest of a scan of present pages from 2^40 on. */
async function digestOfScan(nPages: number): Promise<string> {
  const bytes = new Uint8Array(24);
  new BigUint64Array(bytes.buffer).set([2n ** 40n, 2n ** 40n + 4096n * BigInt(nPages), 0x208n]);
  const hash = new BatchHash();
  const context = { options: {}, accept() {}, lost() {}, reject() {} };
  for await (const batch of pagemapScanIngestor.ingest(sourceOfBytes('scan.bin', bytes), context)) hash.add(batch);
  return hash.digest();
}

test('a damaged scan over 4 TiB is digested as bytes, each of which counts', { timeout: 15_000 }, async () => {
  const whole = await digestOfScan(2 ** 30);
  assert.notEqual(await digestOfScan(2 ** 30 - 1), whole);
  assert.equal(await digestOfScan(2 ** 30), whole);
});
