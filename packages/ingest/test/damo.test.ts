import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateSync, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { TraceFormatError } from '@workset/model';
import { damoIngestor } from '../src/formats/damo.ts';
import { damoBytes, damoTimeNs } from '../src/damo/quantity.ts';
import { bytes, run, text, rows, scriptRows, type Row } from './damo-fixtures.ts';
import type { Collected } from './ingest-helpers.ts';

test('json_compressed holds the regions of its perf script form', async () => {
  const result = await run(bytes('damon_aggr.json_compressed'));
  assert.deepEqual(rows(result), scriptRows());
  assert.deepEqual(
    result.reports.map((report) => [report.setBeginNs, report.readEndNs]),
    [
      [916685670000, 921833431000],
      [921833431000, 926981192000],
    ],
  );
  assert.deepEqual(result.ctx.rejections, []);
  assert.equal(result.ctx.accepted, 1931 + 1927);
});

test('range and time are those of damo report record_info and heatmap', async () => {
  const result = await run(bytes('damon_aggr.json_compressed'));
  const info = Buffer.from(bytes('report.record_info.txt')).toString();
  assert.match(info, /time: \[15 m 16\.686 s, 15 m 26\.981 s\)/);
  assert.match(info, /\[4\.000000 GiB, 11\.000000 GiB\)/);
  const all = rows(result).flat();
  assert.equal(Math.min(...all.map((row) => row[0])), 4 * 2 ** 30);
  assert.equal(Math.max(...all.map((row) => row[1])), 11 * 2 ** 30);
  // resolution 3 x 4: the steps of the heat map divide the same space and time
  const steps = Buffer.from(bytes('report.heatmap.raw.txt'))
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map(Number));
  assert.equal(steps[1]![1], (7 * 2 ** 30) / 4);
  // whole nanoseconds per step lose the remainder
  assert.equal(steps.at(-1)![0], 2 * Math.floor((926981192000 - 916685670000) / 3));
});

test('what damo report access --raw_number says of the recording, it says here: no intervals', async () => {
  // all that the report of the sample holds
  assert.equal(Buffer.from(bytes('report.access.raw_number.txt')).toString(), 'some records lack the intervals information\n');
  const { others } = await run(bytes('damon_aggr.json_compressed'));
  const streams = others.flatMap((batch) => (batch.kind === 'stream' ? [batch.stream] : []));
  assert.equal(streams.length, 1);
  assert.ok(!('sample_us' in streams[0]!.notes) && !('aggr_us' in streams[0]!.notes));
});

for (const name of ['damon.small.json.gz', 'damon.small.json_compressed']) {
  test(`${name}: as JSON.parse reads it, intervals in the notes`, async () => {
    const result = await run(bytes(name));
    const source = JSON.parse(Buffer.from(name.endsWith('gz') ? bytes(name) : inflateSync(bytes(name))).toString()) as {
      snapshots: { regions: { start: string; end: string; nr_accesses: { samples: number }; age: { aggr_intervals: string } }[] }[];
    }[];
    const number = (digits: string): number => Number(digits.replaceAll(',', ''));
    assert.deepEqual(
      rows(result),
      source[0]!.snapshots.map((snapshot) =>
        snapshot.regions.map((region) => [
          number(region.start),
          number(region.end),
          region.nr_accesses.samples,
          number(region.age.aggr_intervals),
        ]),
      ),
    );
    const [stream] = result.others;
    assert.ok(stream?.kind === 'stream');
    assert.equal(stream.stream.stream, 'x.k0.c0.t0');
    assert.equal(stream.stream.tracker, 'damon-paddr');
    assert.deepEqual(stream.stream.notes, {
      event: 'damo record',
      kdamond_idx: '0',
      context_idx: '0',
      target_id: '0',
      sample_us: 500000,
      aggr_us: 5000000,
    });
  });
}

test('regions of every form among plain ones: the repeated text is no short cut to wrong numbers', async () => {
  const number = fc.nat(2 ** 30);
  const odd = fc.constantFrom('', 'percent', 'samples', 'usec', 'order', 'unaligned', 'exponent', 'negative', 'far', 'extra');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ start: number, pages: fc.integer({ min: 1, max: 9999 }), nr: fc.nat(20), age: fc.nat(300), odd }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.constantFrom(undefined, 1, 4),
      fc.integer({ min: 1, max: 3000 }),
      async (made, indent, chunk) => {
        const expected: Row[] = [];
        const regions = made.map((each) => {
          const [start, end] = [each.start * 4096, (each.start + each.pages) * 4096];
          const comma = (n: number | bigint): string => n.toLocaleString('en-US');
          const region: Record<string, unknown> = {
            start: comma(each.odd === 'unaligned' ? start + 1 : start),
            end: comma(end),
            nr_accesses: { samples: each.nr, percent: each.odd === 'percent' ? each.nr * 5 : null },
            age: { usec: each.odd === 'usec' ? '5 s' : null, aggr_intervals: String(each.age) },
            sz_filter_passed: '0 B',
          };
          const row: Row = [start, end, each.nr, each.age];
          if (each.odd === 'samples') region['nr_accesses'] = { samples: null, percent: each.nr * 5 };
          if (each.odd === 'order') {
            delete region['start'];
            region['start'] = comma(start);
          }
          if (each.odd === 'exponent') region['nr_accesses'] = { samples: 10.5, percent: null };
          if (each.odd === 'exponent') row[2] = 10.5;
          if (each.odd === 'extra') region['probe_hits'] = [1, 2];
          if (each.odd === 'far') {
            [region['start'], region['end']] = [comma(2n ** 63n), comma(2n ** 63n + 4096n)];
            [row[0], row[1]] = [2 ** 63, (2 ** 51 + 1) * 4096];
          }
          if (each.odd === 'negative') region['nr_accesses'] = { samples: -1, percent: null };
          else expected.push(row);
          return region;
        });
        const record = {
          target_id: 0,
          intervals: { sample_us: '5000', aggr_us: '100000' },
          snapshots: [{ start_time: '1', end_time: '9', regions }],
        };
        const result = await run(text(JSON.stringify([record], null, indent)), {}, chunk);
        assert.deepEqual(rows(result), [expected]);
      },
    ),
    { numRuns: 300 },
  );
});

test('human units, 64-bit ids and null fields', async () => {
  const result = await run(bytes('damo-human-units.json.gz'));
  const [stream] = result.others;
  assert.ok(stream?.kind === 'stream');
  assert.equal(stream.stream.notes['target_id'], '18446623438842320000');
  assert.equal(result.reports[0]!.setBeginNs, 539_809_000_000);
  assert.equal(result.reports[0]!.regions!.age[0], -1);
  assert.deepEqual(
    rows(result).map((list) => list.length),
    [30, 30],
  );
});

test('a file cut in half keeps what it has and says so', async () => {
  const result = await run(bytes('damo-truncated.json.gz'));
  const whole = rows(await run(bytes('damon.small.json.gz')));
  assert.deepEqual(rows(result), [whole[0]!.slice(0, 29)]);
  assert.deepEqual(
    result.reports.map((report) => report.complete),
    [false],
  );
  assert.deepEqual(
    result.ctx.rejections.map(({ code, severity }) => [code, severity]),
    [['damo-damaged', 'error']],
  );
  assert.ok(result.ctx.rejections[0]!.byteOffset! > 16000);
});

test('a zlib stream cut before its end keeps the inflated part', async () => {
  const result = await run(bytes('damo-truncated.json_compressed'));
  assert.deepEqual(rows(result), rows(await run(bytes('damon.small.json.gz'))));
  assert.deepEqual(
    result.ctx.rejections.map(({ code }) => code),
    ['damo-damaged'],
  );
});

test('a damaged zlib stream is named as such', async () => {
  const data = bytes('damon_aggr.json_compressed').slice();
  data[data.length - 1]! ^= 1;
  const checksum = await run(data);
  assert.equal(checksum.reports.length, 2);
  assert.match(checksum.ctx.rejections[0]!.message, /zlib stream is damaged \(incorrect data check\)/);
  data.fill(0xff, 40000, 40100);
  const inside = await run(data);
  assert.deepEqual(rows(inside)[0], scriptRows()[0]);
  assert.deepEqual(codes(inside), ['damo-damaged']);
});

test('bytes behind the recording are counted', async () => {
  const result = await run(text(`${Buffer.from(record(snapshot(REGION))).toString()}\n xyz`));
  assert.deepEqual(
    result.ctx.rejections.map(({ code, count }) => [code, count]),
    [['trailing-bytes', 3]],
  );
});

const record = (snapshots: string, more = '"target_id": 0,'): Uint8Array => text(`[{${more} "snapshots": [${snapshots}]}]`);
const REGION =
  '{"start": "4,096", "end": "8192", "nr_accesses": {"samples": 3, "percent": null}, "age": {"usec": null, "aggr_intervals": "1,002"}}';
const snapshot = (regions: string, start = '"0"', end = '"100"'): string =>
  `{"start_time": ${start}, "end_time": ${end}, "regions": [${regions}]}`;
const codes = (result: Collected): string[] => result.ctx.rejections.map(({ code }) => code);

test('shapes that other versions of damo write', async () => {
  assert.deepEqual(rows(await run(record(snapshot(REGION)))), [[[4096, 8192, 3, 1002]]]);
  // bare numbers, other key order, unknown keys, byte order mark
  const bare =
    '{"probe_hits": [1, 2], "age": {"aggr_intervals": 7}, "nr_accesses": {"percent": 50.5, "samples": 9}, "end": 12288, "start": 4096, "extra": {"a": [{"b": "}"}]}}';
  assert.deepEqual(rows(await run(record(`{"regions": [${bare}], "end_time": 100, "start_time": 0}`))), [[[4096, 12288, 9, 7]]]);
  assert.deepEqual(rows(await run(Uint8Array.from([0xef, 0xbb, 0xbf, ...record(snapshot(REGION))]))), [[[4096, 8192, 3, 1002]]]);
  const percent =
    '{"start": "4.0 KiB", "end": "1 MiB", "nr_accesses": {"samples": null, "percent": 50}, "age": {"usec": "5 s", "aggr_intervals": null}}';
  assert.deepEqual(rows(await run(record(snapshot(percent), '"intervals": {"sample_us": "5000", "aggr_us": "100000"},'))), [
    [[4096, 2 ** 20, 10, 50]],
  ]);
  const top = REGION.replace('8192', '18446744073709551615');
  assert.equal((await run(record(snapshot(top)))).reports[0]!.regions!.nPages[0], 2 ** 52 - 1);
});

test('what is dropped is counted', async () => {
  assert.deepEqual(codes(await run(record(`${snapshot(REGION)}, ${snapshot(REGION)}`))), ['duplicate-snapshot']);
  assert.deepEqual(codes(await run(record(snapshot(REGION, '"100"', '"0"')))), ['bad-window', 'no-snapshots']);
  const fake = '{"start": "0", "end": "0", "nr_accesses": {"samples": -1, "percent": null}, "age": {"usec": null, "aggr_intervals": "-1"}}';
  assert.deepEqual(codes(await run(record(`${snapshot(REGION)}, ${snapshot(fake, '"100"', '"200"')}`))), ['fake-snapshot']);
  const reversed = REGION.replace('8192', '0');
  const result = await run(record(snapshot(`${REGION}, ${reversed}`)));
  assert.deepEqual(codes(result), ['bad-region']);
  assert.equal(result.reports[0]!.complete, false);
  const lonely = REGION.replace('"samples": 3, "percent": null', '"samples": null, "percent": 10');
  assert.deepEqual(codes(await run(record(snapshot(`${REGION}, ${lonely}`)))), ['no-nr-accesses']);
  assert.deepEqual(codes(await run(record(snapshot(REGION.replace('8192', '8193'))))), ['unaligned-region']);
  assert.deepEqual(codes(await run(text('[]'))), ['no-snapshots']);
});

test('Unix times keep their nanoseconds', async () => {
  const result = await run(
    record(
      `${snapshot(REGION, '"1748191726781395200"', '"1748191726881395207"')}, ${snapshot(REGION, '"1748191726881395207"', '"1748191726981395201"')}`,
    ),
  );
  assert.deepEqual(
    result.reports.map((report) => [report.setBeginNs, report.readEndNs]),
    [
      [0, 100_000_007],
      [100_000_007, 200_000_001],
    ],
  );
  assert.deepEqual(
    result.others.filter((batch) => batch.kind === 'sync'),
    [{ kind: 'sync', tNs: 0, clock: 'realtime', otherNs: 1748191726781395200 }],
  );
});

for (const [what, data] of [
  ['text', text('hello')],
  ['an object', text('{"a": 1}')],
  ['an unclosed list', text('[{"target_id": 0, ')],
  ['a bad value', text('[{"target_id": zero}]')],
  ['deep nesting', text(`[{"x": ${'['.repeat(100)}`)],
  ['nothing', new Uint8Array(0)],
  ['zlib of nothing', new Uint8Array(deflateSync(new Uint8Array(0)))],
] as const) {
  test(`${what} is refused with place and remedy`, async () => {
    await assert.rejects(
      run(data),
      (error: unknown) =>
        error instanceof TraceFormatError &&
        error.place.byteOffset !== undefined &&
        error.hint !== undefined &&
        error.place.file === 'x.json',
    );
  });
}

test('numbers as damo formats them', () => {
  assert.equal(damoBytes('94,827,419,009,024'), 94827419009024n);
  assert.equal(damoBytes('143.027 MiB'), BigInt(Math.round(143.027 * 2 ** 20)));
  assert.equal(damoBytes('max'), 2n ** 64n - 1n);
  assert.equal(damoBytes('4 K'), 4096n);
  assert.equal(damoBytes('4 apples'), null);
  assert.equal(damoTimeNs('8 m 59 s 809 ms 434 us'), 539_809_434_000n);
  assert.equal(damoTimeNs('1,500', 'us'), 1_500_000n);
  assert.equal(damoTimeNs('1.5 s'), 1_500_000_000n);
  assert.equal(damoTimeNs('soon'), null);
  assert.equal(damoTimeNs(''), null);
});

test('sniffing: json and zlib of it, not other json', () => {
  for (const name of ['damon.small.json.gz', 'damon.small.json_compressed', 'damon_aggr.json_compressed', 'damo-human-units.json.gz']) {
    assert.equal(damoIngestor.sniff(bytes(name).subarray(0, 65536)), 1);
  }
  assert.equal(damoIngestor.sniff(text('[{"time": 1.5, "procvmas": []}]')), 0);
  assert.equal(damoIngestor.sniff(text('{"linux-perf-json-version": 1}')), 0);
  assert.equal(damoIngestor.sniff(new Uint8Array(deflateSync(text('hello')))), 0);
});
