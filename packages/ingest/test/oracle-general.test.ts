import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oracleGeneralIngestor } from '../src/formats/oracle-general.ts';
import { ingestBytes } from './text-harness.ts';

const records = (rows: readonly (readonly [number, bigint, number, bigint])[]): Buffer =>
  Buffer.concat(
    rows.map(([time, id, size, next]) => {
      const bytes = Buffer.alloc(24);
      bytes.writeUInt32LE(time, 0);
      bytes.writeBigUInt64LE(id, 4);
      bytes.writeUInt32LE(size, 12);
      bytes.writeBigInt64LE(next, 16);
      return bytes;
    }),
  );
const trace = records([
  [1, 7n, 100, 2n],
  [1, 2n ** 40n, 100, -1n],
  [2, 7n, 100, -1n],
]);

test('objects are pages, seconds are seconds', async () => {
  for (const chunk of [1, 25, 4096]) {
    const outcome = await ingestBytes(oracleGeneralIngestor, trace, { chunk });
    assert.deepEqual(
      outcome.accesses.map(({ space, timeNs, page, cls }) => [space, timeNs, page, cls]),
      [
        ['object', 1e9, 7, 0],
        ['object', 1e9, 2 ** 40, 0],
        ['object', 2e9, 7, 0],
      ],
    );
    assert.deepEqual(outcome.rejected, { 'access-type-unknown': 3 });
  }
});
test('page-shift cuts byte addresses to pages', async () => {
  const outcome = await ingestBytes(oracleGeneralIngestor, records([[1, 0x12345n, 1, -1n]]), {
    options: { 'page-shift': '12', space: 'gpa' },
  });
  assert.deepEqual([outcome.accesses[0]!.space, outcome.accesses[0]!.page], ['gpa', 0x12]);
});
test('ids above 2^52, a size that does not divide, empty', async () => {
  const outcome = await ingestBytes(oracleGeneralIngestor, Buffer.concat([trace, records([[3, 2n ** 63n, 1, -1n]]), Buffer.alloc(5)]));
  assert.equal(outcome.rejected['id-too-large'], 1);
  assert.equal(outcome.rejected['truncated-record'], 1);
  assert.match((await ingestBytes(oracleGeneralIngestor, Buffer.alloc(0))).error!.message, /no oracleGeneral record/);
});
test('sniffing: times ascend and the next access lies ahead', () => {
  assert.equal(oracleGeneralIngestor.sniff(trace), 0.7);
  assert.equal(
    oracleGeneralIngestor.sniff(
      records([
        [1, 7n, 1, 1n],
        [1, 8n, 1, -1n],
      ]),
    ),
    0,
    'the next access is of another object',
  );
  assert.equal(
    oracleGeneralIngestor.sniff(
      records([
        [2, 1n, 1, -1n],
        [1, 1n, 1, -1n],
      ]),
    ),
    0,
  );
  assert.equal(oracleGeneralIngestor.sniff(Buffer.alloc(48)), 0);
  assert.equal(oracleGeneralIngestor.sniff(Buffer.from('this is no binary file, of 48 bytes, by any means')), 0);
});
