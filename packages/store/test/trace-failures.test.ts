import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { RunError, TraceFormatError, UnreadableInputError, UsageError, WorksetError } from '@workset/model';
import { createTraceWriter, isTrace, openTrace, readManifest, verifyTrace } from '@workset/store';
import { traceIdOf } from '../src/manifest.ts';
import { fileNames, finalOf, framesOf, scratch } from './support.ts';

async function writeTrace(out: string, firstPage = 700): Promise<void> {
  const writer = await createTraceWriter({ out });
  writer.frame('gpa', 0, 10, 3, Uint32Array.of(firstPage, 3, 2), Uint8Array.of(0, 1, 2));
  await writer.close(finalOf());
}

/** Reads everything a trace holds. */
async function readAll(path: string): Promise<void> {
  const trace = await openTrace(path);
  try {
    for (const { id } of trace.manifest.spaces) framesOf(trace, id);
    for (const { stream } of trace.manifest.streams) trace.observations(stream);
  } finally {
    trace.close();
  }
}

test('an existing trace is replaced whole; leftovers of earlier tries go', async (t) => {
  const dir = scratch(t);
  const out = join(dir, 'a.trace');
  mkdirSync(`${out}.part`);
  writeFileSync(join(`${out}.part`, 'junk'), 'x');
  await writeTrace(out, 700);
  const before = readManifest(out).traceId;
  await writeTrace(out, 90_000);
  assert.notEqual(readManifest(out).traceId, before);
  assert.deepEqual(framesOf(await openTrace(out), 'gpa')[0]!.pages, [90_000, 3, 2]);
  assert.deepEqual(fileNames(dir), ['a.trace']);
  assert.deepEqual(fileNames(out), ['blocks.gpa.arrow', 'frames.gpa.arrow', 'touches.gpa.arrow', 'trace.json']);
});

test('huge blocks are part of the identity, and damaged ones are refused', async (t) => {
  const out = join(scratch(t), 'a.trace');
  const written = async (blocks: readonly number[] | undefined): Promise<string> => {
    const writer = await createTraceWriter({ out });
    writer.frame('gpa', 0, 10, 1, Uint32Array.of(1), Uint8Array.of(0));
    const { traceId } = await writer.close(
      finalOf(blocks === undefined ? {} : { hugeBlocks: [{ space: 'gpa', blocks, segment: '', source: 'test' }] }),
    );
    if (blocks?.[1] !== 3) assert.equal(readManifest(out).traceId, traceId);
    return traceId;
  };
  const ids = [await written(undefined), await written([4]), await written([4, 5])];
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual(readManifest(out).hugeBlocks, [{ space: 'gpa', blocks: [4, 5], segment: '', source: 'test' }]);
  await written([4, 3]);
  assert.throws(() => readManifest(out), TraceFormatError);
});

test('a trace is not there before close, and abort leaves nothing', async (t) => {
  const dir = scratch(t);
  const writer = await createTraceWriter({ out: join(dir, 'a.trace') });
  writer.frame('gpa', 0, 10, 1, Uint32Array.of(1), Uint8Array.of(0));
  assert.deepEqual(fileNames(dir), ['a.trace.part']);
  assert.equal(existsSync(join(dir, 'a.trace')), false);
  await writer.abort();
  await writer.abort();
  assert.deepEqual(fileNames(dir), []);
});

test('abort after a failed close leaves the old trace', async (t) => {
  const dir = scratch(t);
  await writeTrace(join(dir, 'a.trace'));
  const writer = await createTraceWriter({ out: join(dir, 'a.trace') });
  writer.frame('gpa', 0, 1, 0, new Uint32Array(0), new Uint8Array(0));
  writer.frame('gpa', 5, 6, 0, new Uint32Array(0), new Uint8Array(0));
  await assert.rejects(writer.close(finalOf({ mapTime: (ns) => -ns })), /not monotonic/);
  await writer.abort();
  assert.deepEqual(fileNames(dir), ['a.trace']);
  verifyTrace(join(dir, 'a.trace'));
});

test('what is not a trace is never replaced', async (t) => {
  const dir = scratch(t);
  mkdirSync(join(dir, 'foreign'));
  writeFileSync(join(dir, 'foreign', 'thesis.tex'), 'x');
  writeFileSync(join(dir, 'file'), 'x');
  for (const name of ['foreign', 'file', 'file/below']) await assert.rejects(createTraceWriter({ out: join(dir, name) }), UsageError);
  assert.deepEqual(fileNames(join(dir, 'foreign')), ['thesis.tex']);
});

test('what is not a trace is refused with what to do', async (t) => {
  const dir = scratch(t);
  writeFileSync(join(dir, 'file'), 'x');
  mkdirSync(join(dir, 'empty'));
  mkdirSync(join(dir, 'other'));
  writeFileSync(join(dir, 'other', 'trace.json'), '{"format":"something else"}');
  for (const name of ['missing', 'file', 'empty', 'other']) {
    assert.equal(isTrace(join(dir, name)), false);
    await assert.rejects(
      openTrace(join(dir, name)),
      (error) => error instanceof UnreadableInputError && /workset ingest/.test(error.hint!),
    );
  }
});

test('a newer version and a damaged trace.json say so', async (t) => {
  const out = join(scratch(t), 'a.trace');
  await writeTrace(out);
  const file = join(out, 'trace.json');
  const text = readFileSync(file, 'utf8');
  const edits: [string, new (...args: never[]) => WorksetError, RegExp][] = [
    [text.replace('"version": 2', '"version": 3'), UnreadableInputError, /format version 3; this workset reads versions 1 and 2/],
    [text.slice(0, -20), TraceFormatError, /not valid JSON/],
    [text.replace('"files"', '"felis"'), TraceFormatError, /files missing/],
    [text.replace('"synthetic": true', '"synthetic": false'), TraceFormatError, /was altered/],
    [text.replace('"blocks.gpa.arrow"', '"../blocks.gpa.arrow"'), TraceFormatError, /damaged entry/],
  ];
  for (const [edited, kind, message] of edits) {
    assert.notEqual(edited, text);
    writeFileSync(file, edited);
    await assert.rejects(openTrace(out), (error) => error instanceof kind && message.test(error.message));
  }
});

test('missing, truncated and altered files are named', async (t) => {
  const dir = scratch(t);
  const good = join(dir, 'good.trace');
  await writeTrace(good);
  for (const name of fileNames(good).filter((file) => file.endsWith('.arrow'))) {
    const bad = join(dir, 'bad.trace');
    const damage = async (how: () => void, message: RegExp): Promise<void> => {
      rmSync(bad, { recursive: true, force: true });
      cpSync(good, bad, { recursive: true });
      how();
      await assert.rejects(
        readAll(bad),
        (error) => error instanceof TraceFormatError && error.place.file === join(bad, name) && message.test(error.message),
      );
      assert.throws(() => verifyTrace(bad), TraceFormatError);
    };
    const bytes = readFileSync(join(good, name));
    await damage(() => rmSync(join(bad, name)), /is missing/);
    await damage(() => truncateSync(join(bad, name), bytes.length - 1), /truncated/);
    const { batches } = readManifest(good).files.find((entry) => entry.name === name)!;
    const at = batches?.[0]!.offset ?? bytes.length >> 1;
    await damage(
      () => writeFileSync(join(bad, name), bytes.with(at, bytes[at]! ^ 1)),
      batches === undefined ? /SHA-256/ : /batch 0 .*sums/,
    );
  }
});

/** The trace as version 1 had it: a CRC-32 for each batch, and a SHA-256 of the whole touch file. */
function toVersion1(path: string): void {
  const { traceId: _traceId, ...trace } = readManifest(path);
  const files = trace.files.map((entry) => {
    if (entry.batches === undefined) return entry;
    const bytes = readFileSync(join(path, entry.name));
    const crcOf = (offset: number, rows: number): number => crc32(bytes.subarray(offset, offset + 4 * rows));
    const { name, batches } = entry;
    return {
      name,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      batches: batches.map(({ offset, rows }) => ({ offset, rows, crc32: crcOf(offset, rows) })),
    };
  });
  const old = { ...trace, version: 1 as never, files };
  writeFileSync(join(path, 'trace.json'), JSON.stringify({ ...old, traceId: traceIdOf(old) }));
}

test('a trace of version 1 is read and checked by its CRCs', async (t) => {
  const out = join(scratch(t), 'a.trace');
  await writeTrace(out);
  const expected = framesOf(await openTrace(out), 'gpa');
  toVersion1(out);
  assert.deepEqual(framesOf(await openTrace(out), 'gpa'), expected);
  verifyTrace(out);
  const file = join(out, 'touches.gpa.arrow');
  const bytes = readFileSync(file);
  const at = readManifest(out).files.find(({ name }) => name === 'touches.gpa.arrow')!.batches![0]!.offset;
  writeFileSync(file, bytes.with(at, bytes[at]! ^ 1));
  await assert.rejects(readAll(out), /batch 0 does not have the CRC-32/);
  assert.throws(() => verifyTrace(out), /SHA-256/);
});

test('damage between the batches is seen by a full check', async (t) => {
  const out = join(scratch(t), 'a.trace');
  await writeTrace(out);
  const file = join(out, 'touches.gpa.arrow');
  const bytes = readFileSync(file);
  const { offset, rows } = readManifest(out).files.find(({ name }) => name === 'touches.gpa.arrow')!.batches![0]!;
  verifyTrace(out);
  for (const at of [0, offset - 1, offset + 4 * rows, bytes.length - 1]) {
    writeFileSync(file, bytes.with(at, bytes[at]! ^ 1));
    assert.throws(() => verifyTrace(out), /SHA-256/, String(at));
  }
});

test('no single altered byte gives anything but the same trace or a typed error', async (t) => {
  const dir = scratch(t);
  const good = join(dir, 'good.trace');
  await writeTrace(good);
  const bad = join(dir, 'bad.trace');
  cpSync(good, bad, { recursive: true });
  const expected = framesOf(await openTrace(good), 'gpa');
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...fileNames(good)), fc.nat(), fc.integer({ min: 1, max: 255 }), async (name, where, flip) => {
      const bytes = new Uint8Array(readFileSync(join(good, name)));
      bytes[where % bytes.length]! ^= flip;
      writeFileSync(join(bad, name), bytes);
      try {
        await readAll(bad);
        // Bytes that nothing reads (the name, padding between batches) may differ; verifyTrace still sees those in column files.
        assert.deepEqual(framesOf(await openTrace(bad), 'gpa'), expected);
        if (name !== 'trace.json') assert.throws(() => verifyTrace(bad), TraceFormatError);
      } catch (error) {
        assert.ok(error instanceof WorksetError, `${name}: ${String(error)}`);
      } finally {
        copyFileSync(join(good, name), join(bad, name));
      }
    }),
    { numRuns: 150 },
  );
});

test('wrong use is refused', async (t) => {
  const dir = scratch(t);
  const writer = await createTraceWriter({ out: join(dir, 'a'), classBits: 1 });
  const one = Float64Array.of(1);
  assert.throws(() => writer.frame('gpa', 0, 1, 1, one, Uint8Array.of(2)), /class bits/);
  assert.throws(() => writer.frame('gpa', 0, 1, 2, one, Uint8Array.of(0)), /has only 1 pages/);
  writer.frame('gpa', 5, 6, 1, one, Uint8Array.of(1));
  assert.throws(() => writer.frame('gpa', 4, 9, 1, one, Uint8Array.of(1)), /before the last one/);
  assert.throws(() => writer.frame('gpa', 9, 8, 1, one, Uint8Array.of(1)), /before its start/);
  for (const page of [-1, 0.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => writer.frame('gpa', 9, 9, 1, Float64Array.of(page), Uint8Array.of(0)), /not a page number/);
  }
  await writer.abort();
});

test('a space too large for 32-bit touches is a RunError, not a wrong page', async (t) => {
  const writer = await createTraceWriter({ out: join(scratch(t), 'a'), classBits: 2 });
  const pages = 2 ** 29;
  writer.declareRange('gpa', 0, pages);
  writer.frame('gpa', 0, 1, 1, Float64Array.of(pages - 1), Uint8Array.of(3));
  assert.throws(() => writer.frame('gpa', 1, 2, 1, Float64Array.of(pages), Uint8Array.of(3)), RunError);
  await writer.abort();
});

test('an unknown space or stream names the known ones', async (t) => {
  const out = join(scratch(t), 'a.trace');
  await writeTrace(out);
  const trace = await openTrace(out);
  assert.throws(
    () => trace.space('gva'),
    (error) => error instanceof UsageError && /gpa/.test(error.hint!),
  );
  assert.throws(() => trace.observations('A.rwp'), UsageError);
});

/** The heavy packages that a program using the store loads. */
function heavy(code: string): string[] {
  const script = `
      import { registerHooks } from 'node:module';
      const seen = new Set();
      registerHooks({ resolve(name, context, next) { seen.add(name); return next(name, context); } });
      const store = await import('@workset/store');
      ${code}
      console.log(JSON.stringify(['apache-arrow', '@duckdb/node-api'].filter((name) => seen.has(name))));`;
  const args = ['--conditions=workset-src', '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: import.meta.dirname });
  assert.equal(stderr, '');
  return JSON.parse(stdout) as string[];
}

test('reading a trace of touches loads neither Arrow nor DuckDB, reading reports no DuckDB', async (t) => {
  const out = join(scratch(t), 'a.trace');
  await writeTrace(out);
  const path = JSON.stringify(out);
  assert.deepEqual(
    heavy(`store.readManifest(${path}); store.isTrace(${path}); store.isResults(${path}); await store.finishedRuns(${path});`),
    [],
  );
  assert.deepEqual(heavy(`(await store.openTrace(${path})).space('gpa');`), []);
  const reported = join(scratch(t), 'b.trace');
  const writer = await createTraceWriter({ out: reported });
  writer.stream({
    stream: 'A.idle',
    tracker: 'idle-page',
    space: 'gpa',
    inputId: 'a',
    range: null,
    target: 'touched',
    granuleBytes: 4096,
    notes: {},
  });
  await writer.close(finalOf());
  assert.deepEqual(heavy(`(await store.openTrace(${JSON.stringify(reported)})).observations('A.idle');`), ['apache-arrow']);
  assert.deepEqual(heavy(`await store.writeTablePart(${path}, 'scores', 'a', []);`), []);
  assert.deepEqual(heavy(`await import('@duckdb/node-api');`), ['@duckdb/node-api']);
});

test('a directory that nobody can make is refused at once, not tried for ever', async () => {
  await assert.rejects(createTraceWriter({ out: '/proc/nobody/vm.trace' }), UsageError);
});
