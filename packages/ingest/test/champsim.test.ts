import assert from 'node:assert/strict';
import { test } from 'node:test';
import { champsimIngestor } from '../src/formats/champsim.ts';
import { ingestBytes } from './text-harness.ts';

/** One record as the C struct lays it out. */
function record(ip: bigint, stores: readonly bigint[], loads: readonly bigint[], destinations = 2): Buffer {
  const bytes = Buffer.alloc(destinations === 2 ? 64 : 96);
  bytes.writeBigUInt64LE(ip, 0);
  const at = destinations === 2 ? 16 : 24;
  stores.forEach((address, i) => bytes.writeBigUInt64LE(address, at + 8 * i));
  loads.forEach((address, i) => bytes.writeBigUInt64LE(address, at + 8 * destinations + 8 * i));
  return bytes;
}
const rate = { 'instructions-per-second': '1e9' };
const expected = [
  [0, '401', 0],
  [1, '401', 0],
  [1, '7ffcb4e8c', 0],
  [1, '7ffcb4e8d', 1],
  [2, '401', 0],
  [2, 'fffffffffffff', 3],
];

for (const [variant, destinations] of [
  ['plain', 2],
  ['cloudsuite', 4],
] as const) {
  const trace = Buffer.concat([
    record(0x401000n, [], [], destinations),
    record(0x401004n, [0x7ffcb4e8d010n], [0x7ffcb4e8c010n], destinations),
    record(0x401008n, [0xffffffffffffffffn], [], destinations),
  ]);
  test(`${variant}: fetch, loads, stores`, async () => {
    for (const chunk of [1, 63, 65536]) {
      const outcome = await ingestBytes(champsimIngestor, trace, { options: { ...rate, variant }, chunk });
      assert.deepEqual(
        outcome.accesses.map(({ timeNs, page, cls }) => [timeNs, page.toString(16), cls]),
        expected,
      );
    }
  });
}
test('a cut record is counted, an unknown variant refused', async () => {
  const trace = Buffer.concat([record(0x401000n, [], []), record(0x401004n, [0x1000n], [])]);
  const cut = await ingestBytes(champsimIngestor, trace.subarray(0, 100), { options: rate });
  assert.equal(cut.rejected['truncated-record'], 1);
  assert.equal(cut.accesses.length, 1);
  assert.match(
    (await ingestBytes(champsimIngestor, trace, { options: { ...rate, variant: 'x' } })).error!.message,
    /unknown ChampSim variant/,
  );
  assert.match((await ingestBytes(champsimIngestor, trace)).error!.message, /no times/);
});
test('sniffing needs plausible records', () => {
  const trace = Buffer.concat([record(0x401000n, [], []), record(0x401004n, [0x7ffcb4e8d010n], [])]);
  assert.equal(champsimIngestor.sniff(trace), 0.6);
  assert.equal(champsimIngestor.sniff(Buffer.alloc(4096)), 0);
  assert.equal(champsimIngestor.sniff(Buffer.alloc(4096, 0xff)), 0);
  assert.equal(champsimIngestor.sniff(Buffer.alloc(3)), 0);
});
