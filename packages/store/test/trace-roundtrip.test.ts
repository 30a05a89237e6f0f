import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import type { SpaceId } from '@workset/model';
import { createTraceWriter, openTrace, verifyTrace } from '@workset/store';
import { fileNames, finalOf, framesOf, scratch } from './support.ts';
import type { Frame } from './support.ts';

const page = fc.oneof(
  fc.nat(5000),
  fc.nat(2 ** 32 - 1),
  fc.maxSafeInteger().map((n) => Math.abs(n)),
);
const frame = fc
  .record({ gap: fc.nat(2e6), length: fc.nat(2e6), touches: fc.array(fc.tuple(page, fc.nat(3)), { maxLength: 40 }) })
  .map(({ gap, length, touches }) => ({ gap, length, pages: touches.map(([p]) => p), classes: touches.map(([, c]) => c) }));
const range = fc.record({ startPage: page.map((p) => Math.min(p, 2 ** 52)), nPages: fc.nat(3000) });
const space = fc.record({ frames: fc.array(frame, { maxLength: 12 }), ranges: fc.array(range, { maxLength: 3 }) });

test('what is written is what is read: pages, classes, times, ranges, in any space and order', async (t) => {
  const dir = scratch(t);
  let n = 0;
  const spaces = fc.dictionary(fc.constantFrom<SpaceId>('gpa', 'gva', 'object'), space, { noNullPrototype: true });
  await fc.assert(
    fc.asyncProperty(spaces, fc.boolean(), async (given, whole32) => {
      const out = join(dir, `${n++}.trace`);
      const writer = await createTraceWriter({ out });
      const expected: Record<string, Frame[]> = {};
      for (const [id, { frames, ranges }] of Object.entries(given) as [SpaceId, (typeof given)[string]][]) {
        expected[id] = [];
        for (const { startPage, nPages } of ranges) writer.declareRange(id, startPage, nPages);
        let now = 0;
        for (const { gap, length, pages, classes } of frames) {
          const t0Ns = (now += gap);
          const narrow = whole32 && pages.every((p) => p < 2 ** 32);
          writer.frame(
            id,
            t0Ns,
            t0Ns + length,
            pages.length,
            narrow ? Uint32Array.from(pages) : Float64Array.from(pages),
            Uint8Array.from(classes),
          );
          expected[id].push({ t0Ns: t0Ns * 2 + 7, t1Ns: (t0Ns + length) * 2 + 7, pages, classes });
        }
      }
      await writer.close(finalOf({ mapTime: (ns) => ns * 2 + 7.25 }));

      const trace = await openTrace(out);
      verifyTrace(out);
      assert.equal(
        trace.manifest.spaces.length,
        Object.values(given).filter(({ frames, ranges }) => frames.length + ranges.length > 0).length,
      );
      for (const { id, nPages } of trace.manifest.spaces) {
        const reader = trace.space(id);
        assert.deepEqual(framesOf(trace, id), expected[id]);
        assert.deepEqual([...reader.blocks], blocksOf(given[id]!), 'every touched or declared block once, ascending');
        assert.equal(nPages, reader.blocks.length * 512);
        for (const { pages } of given[id]!.frames) for (const p of pages) assert.equal(reader.pageOf(reader.idOf(p)), p);
      }
      trace.close();
    }),
    { numRuns: 30 },
  );
});

function blocksOf({
  frames,
  ranges,
}: {
  frames: readonly { pages: readonly number[] }[];
  ranges: readonly { startPage: number; nPages: number }[];
}): number[] {
  const blocks = new Set(frames.flatMap(({ pages }) => pages.map((p) => Math.floor(p / 512))));
  for (const { startPage, nPages } of ranges) for (let i = 0; i < nPages; i++) blocks.add(Math.floor((startPage + i) / 512));
  return [...blocks].sort((a, b) => a - b);
}

test('frames longer than a batch are split over full batches and renumbered across them', async (t) => {
  const out = join(scratch(t), 'big.trace');
  const n = (1 << 20) + 12345;
  const pages = Uint32Array.from({ length: n }, (_, i) => (n - i) * 3);
  const writer = await createTraceWriter({ out, classBits: 1 });
  writer.frame('gpa', 0, 10, n, pages, new Uint8Array(n).fill(1));
  writer.frame('gpa', 10, 20, 3, Uint32Array.of(5, 4, 3), new Uint8Array(3), 99);
  await writer.close(finalOf());
  const trace = await openTrace(out);
  const { info, nBatches, frames, batchRows } = trace.space('gpa');
  assert.deepEqual([nBatches, batchRows, info.nTouches, info.nAccesses], [2, 1 << 20, n + 3, n + 99]);
  assert.deepEqual([...frames.rowStart], [0, n, n + 3]);
  const [first, second] = framesOf(trace, 'gpa');
  assert.deepEqual(Uint32Array.from(first!.pages), pages);
  assert.ok(first!.classes.every((cls) => cls === 1));
  assert.deepEqual(second!.pages, [5, 4, 3]);
  trace.close();
  verifyTrace(out);
});

test('a frame belongs to the span that holds its midpoint', async (t) => {
  const out = join(scratch(t), 'a.trace');
  const writer = await createTraceWriter({ out });
  for (const [t0, t1] of [
    [0, 8],
    [8, 12],
    [8, 16],
    [30, 40],
    [38, 44],
  ] as const)
    writer.frame('gpa', t0, t1, 1, Float64Array.of(1), Uint8Array.of(0));
  await writer.close(
    finalOf({
      spans: [
        { t0Ns: 9, t1Ns: 20, label: 'a' },
        { t0Ns: 35, t1Ns: 40, label: 'b' },
      ],
    }),
  );
  const trace = await openTrace(out);
  assert.deepEqual([...trace.space('gpa').frames.span], [-1, 0, 0, 1, -1]);
});

test('the same input gives the same bytes, whatever it is called', async (t) => {
  const dir = scratch(t);
  for (const name of ['one', 'two']) {
    const writer = await createTraceWriter({ out: join(dir, name) });
    writer.frame('gva', 5, 6, 3, Float64Array.of(2 ** 40, 3, 2 ** 30), Uint8Array.of(0, 1, 2));
    await writer.close(finalOf({ name, producer: { version: '1', argv: [name] } }));
  }
  const columns = fileNames(join(dir, 'one')).filter((name) => name.endsWith('.arrow'));
  assert.equal(columns.length, 3);
  for (const name of columns) assert.deepEqual(readFileSync(join(dir, 'one', name)), readFileSync(join(dir, 'two', name)));
  const [one, two] = await Promise.all(['one', 'two'].map((name) => openTrace(join(dir, name))));
  assert.equal(one!.manifest.traceId, two!.manifest.traceId);
  assert.match(one!.manifest.traceId, /^[0-9a-f]{16}$/);
});

test('a column file is the Arrow file format with the stream format inside', async (t) => {
  const out = join(scratch(t), 'a.trace');
  const writer = await createTraceWriter({ out });
  writer.frame('gpa', 0, 1, 2, Uint32Array.of(512, 3), Uint8Array.of(1, 2));
  await writer.close(finalOf());
  const bytes = readFileSync(join(out, 'touches.gpa.arrow'));
  for (const table of [tableFromIPC(bytes), tableFromIPC(bytes.subarray('ARROW1\0\0'.length))]) {
    assert.deepEqual([...table.getChild('touch')!.toArray()], [(512 << 2) | 1, (3 << 2) | 2]);
    assert.equal(table.schema.metadata.get('workset.space'), 'gpa');
  }
});
