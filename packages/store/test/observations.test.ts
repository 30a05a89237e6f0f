import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Observation, ObservationStream } from '@workset/model';
import { createTraceWriter, openTrace, verifyTrace } from '@workset/store';
import { fileNames, finalOf, scratch } from './support.ts';

const stream = (name: string): ObservationStream => ({
  stream: name,
  tracker: 'uffd-rwp',
  space: 'gva',
  inputId: 'i',
  range: { startPage: 2 ** 35, nPages: 100 },
  target: 'touched',
  granuleBytes: 4096,
  notes: { vcpus: 2 },
});

const PLAIN = { noNullPrototype: true } as const;
const set = fc.record(
  { startPage: fc.nat(2 ** 31).map((n) => n * 64), nPages: fc.nat(100), bits: fc.uint8Array({ maxLength: 13 }) },
  PLAIN,
);
const numbers = fc.float64Array({ maxLength: 5, noNaN: true, noDefaultInfinity: true });
const pages = (n: number) =>
  fc
    .array(
      fc.maxSafeInteger().map((p) => Math.abs(p)),
      { minLength: n, maxLength: n },
    )
    .map((list) => Float64Array.from(list));
const regions = numbers.chain((nrAccesses) =>
  fc.record(
    {
      startPage: pages(nrAccesses.length),
      nPages: pages(nrAccesses.length),
      nrAccesses: fc.constant(nrAccesses),
      age: fc.constant(nrAccesses.map((n) => n / 2)),
    },
    PLAIN,
  ),
);
const time = fc.maxSafeInteger();
const report = fc.record(
  {
    stream: fc.constantFrom('A.rwp', 'B.damon é'),
    setBeginNs: time,
    setEndNs: time,
    readBeginNs: time,
    readEndNs: time,
    complete: fc.boolean(),
    counts: fc.dictionary(
      fc.string({ maxLength: 5 }).map((key) => `k${key}`),
      fc.nat(),
      PLAIN,
    ),
    reported: fc.option(set),
    eligible: fc.option(set),
    regions: fc.option(regions),
  },
  PLAIN,
);

test('reports come back as they were given, by stream and cycle', async (t) => {
  const dir = scratch(t);
  let n = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(report, { maxLength: 8 }), async (given) => {
      const out = join(dir, String(n++));
      const writer = await createTraceWriter({ out });
      for (const name of ['A.rwp', 'B.damon é']) writer.stream(stream(name));
      const observations: Observation[] = given.map((one, cycle) => ({ ...one, cycle: given.length - cycle }));
      for (const one of observations) writer.observation(one);
      await writer.close(finalOf());
      verifyTrace(out);
      const trace = await openTrace(out);
      assert.deepEqual(trace.manifest.streams, [stream('A.rwp'), stream('B.damon é')]);
      for (const name of ['A.rwp', 'B.damon é']) {
        assert.deepEqual(trace.observations(name), observations.filter((one) => one.stream === name).reverse());
      }
      assert.equal(fileNames(out).length, given.length === 0 ? 1 : 4);
    }),
    { numRuns: 40 },
  );
});

test('reports larger than a batch are written as they come, and arrays may be reused after the call', async (t) => {
  const out = join(scratch(t), 'a.trace');
  const writer = await createTraceWriter({ out });
  writer.stream(stream('A.rwp'));
  const bits = new Uint8Array(5 << 20);
  const one = {
    stream: 'A.rwp',
    setBeginNs: 0,
    setEndNs: 1,
    readBeginNs: 2,
    readEndNs: 3,
    complete: true,
    counts: {},
    eligible: null,
    regions: null,
  };
  for (let cycle = 0; cycle < 9; cycle++) {
    bits.fill(cycle + 1);
    writer.observation({ ...one, cycle, reported: { startPage: cycle, nPages: bits.length * 8, bits } });
  }
  await writer.close(finalOf());
  const read = (await openTrace(out)).observations('A.rwp');
  assert.equal(read.length, 9);
  for (const { cycle, reported } of read) {
    assert.equal(reported!.startPage, cycle);
    assert.equal(reported!.bits.length, bits.length);
    assert.deepEqual(Buffer.compare(reported!.bits, bits.fill(cycle + 1)), 0);
  }
});

test('streams are declared once and before their reports', async (t) => {
  const writer = await createTraceWriter({ out: join(scratch(t), 'a') });
  const one = {
    stream: 'A',
    cycle: 0,
    setBeginNs: 0,
    setEndNs: 0,
    readBeginNs: 0,
    readEndNs: 0,
    complete: true,
    counts: {},
    reported: null,
    eligible: null,
    regions: null,
  };
  assert.throws(() => writer.observation(one), /not declared/);
  writer.stream(stream('A'));
  assert.throws(() => writer.stream(stream('A')), /declared twice/);
  await writer.abort();
});
