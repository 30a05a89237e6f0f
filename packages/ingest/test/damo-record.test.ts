/** Binary records of damo, and damage to records of both kinds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TraceFormatError, WorksetError } from '@workset/model';
import { damoRecordIngestor } from '../src/formats/damo-record.ts';
import { bytes, run, runRecord, rows, scriptRows, type Row } from './damo-fixtures.ts';

test('binary records of every version and byte order hold the same regions', async () => {
  const expected = scriptRows().map((list) => list.slice(0, 40).map(([start, end, nrAccesses]): Row => [start, end, nrAccesses, -1]));
  const ends = [921_833_431_000, 926_981_192_000];
  for (const name of ['record.v0.bin', 'record.v1.bin', 'record.v2.bin', 'record.v2.bigendian.bin']) {
    for (const chunk of [1, 65536]) {
      const result = await runRecord(bytes(name), {}, chunk);
      assert.deepEqual(rows(result), expected, name);
      assert.deepEqual(
        result.reports.map((report) => report.readEndNs),
        ends,
      );
      assert.deepEqual(
        result.reports.map((report) => report.setEndNs),
        [2 * ends[0]! - ends[1]!, ends[0]],
      );
      assert.deepEqual(result.ctx.rejections, []);
    }
  }
  const given = await runRecord(bytes('record.v2.bin'), { aggregation: '5s' });
  assert.equal(given.reports[0]!.setEndNs, ends[0]! - 5e9);
});

test('a binary record cut inside a region keeps the regions before it', async () => {
  const result = await runRecord(bytes('record.v2.truncated.bin'));
  assert.deepEqual(
    rows(result).map((list) => list.length),
    [40, 39],
  );
  assert.deepEqual(
    result.reports.map((report) => report.complete),
    [true, false],
  );
  assert.deepEqual(
    result.ctx.rejections.map(({ code, byteOffset }) => [code, byteOffset]),
    [['damo-truncated', 1664]],
  );
});

test('binary records are recognised by their mark; version 0 is not', () => {
  assert.equal(damoRecordIngestor.sniff(bytes('record.v2.bin')), 1);
  assert.equal(damoRecordIngestor.sniff(bytes('record.v2.bigendian.bin')), 1);
  assert.equal(damoRecordIngestor.sniff(bytes('record.v0.bin')), 0);
});

test('binary records with absurd numbers are refused or cut', async () => {
  const huge = bytes('record.v2.bin').slice();
  new DataView(huge.buffer).setUint32(20 + 20 + 8, 0xffffffff, true);
  const result = await runRecord(huge).catch((error: unknown) => error);
  assert.ok(result instanceof TraceFormatError && result.place.byteOffset === 48, String(result));
  const version = bytes('record.v2.bin').slice();
  version[16] = 9;
  await assert.rejects(runRecord(version), /version 9/);
  await assert.rejects(runRecord(bytes('record.v2.bin').subarray(0, 18)), TraceFormatError);
  await assert.rejects(runRecord(new Uint8Array(3)), WorksetError);
});

test('fuzz: cuts, flips and chunk sizes end in a result or a typed error', { timeout: 60_000 }, async () => {
  const sources = [
    { data: bytes('damon.small.json.gz'), read: run },
    { data: bytes('damon.small.json_compressed'), read: run },
    { data: bytes('record.v2.bin'), read: runRecord },
    { data: bytes('record.v1.bin'), read: runRecord },
  ];
  for (const { data, read } of sources) {
    const whole = rows(await read(data));
    assert.deepEqual(rows(await read(data, {}, 1)), whole);
    const known = new Set(whole.flat().map((row) => row.join(' ')));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: data.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 4096 }),
        async (at, value, cut, chunk) => {
          const damaged = data.slice(0, cut ? at : data.length);
          if (!cut) damaged[at] = value;
          try {
            const result = await read(damaged, {}, chunk);
            if (cut)
              assert.ok(
                rows(result)
                  .flat()
                  .every((row) => known.has(row.join(' '))),
              );
            if (cut && rows(result).flat().length < known.size)
              assert.ok(result.ctx.rejections.length > 0 || data === sources[2]!.data || data === sources[3]!.data);
          } catch (error) {
            if (!(error instanceof WorksetError)) throw error;
          }
        },
      ),
      { numRuns: 150, seed: 7 },
    );
  }
});
