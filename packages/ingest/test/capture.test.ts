/** Capture sets of hand-made files, ingested and read back through the store. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { InterruptedError, TraceFormatError, UnreadableInputError, UsageError } from '@workset/model';
import { openTrace } from '@workset/store';
import { ingestCapture, type CaptureOptions } from '@workset/ingest';
import { ARENA_PAGE, KIT_SAMPLES, snapshotFile, vmgtFile } from './kit-files.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-capture-'));
after(() => rmSync(root, { recursive: true }));
let nextDir = 0;

/** A directory with these files. */
function capture(files: Readonly<Record<string, Uint8Array | string>>): string {
  const dir = join(root, `capture${nextDir++}`);
  mkdirSync(dir);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dir, name), bytes);
  return dir;
}
const KIT = {
  'gt.vmgt.gz': gzipSync(KIT_SAMPLES['vmgt']!),
  'A.rwp.bin': KIT_SAMPLES['uffd-snap']!,
  'A.pagemap.bin': KIT_SAMPLES['arena-pagemap']!,
  'A.phases.log': KIT_SAMPLES['phases-log']!,
  'B.idle.bin': KIT_SAMPLES['idle-bitmap']!,
  'gt.vmgt.uffdwp': KIT_SAMPLES['uffdwp-scan']!,
  'notes.md': 'what was done\n',
};
const out = () => join(root, `out${nextDir++}.trace`);
const options = (more: Partial<CaptureOptions> = {}): CaptureOptions => ({ out: out(), ...more });

/** Touches of a space as "t0 ms: page+class …" on the trace clock. */
async function framesOf(path: string, space: 'gpa' | 'gva'): Promise<string[]> {
  const trace = await openTrace(path);
  const reader = trace.space(space);
  const rows: string[] = [];
  const touches = new Int32Array(reader.batchRows);
  for (let b = 0; b < reader.nBatches; b++) {
    const n = reader.readBatch(b, touches);
    for (let i = 0; i < n; i++) rows.push(`${reader.pageOf(touches[i]! >> reader.info.classBits)}${'rwRW'[touches[i]! & 3]!}`);
  }
  const { rowStart, t0Ns, n } = reader.frames;
  const lines = Array.from(
    { length: n },
    (_, f) =>
      `${t0Ns[f]! / 1e6}: ${rows
        .slice(rowStart[f]!, rowStart[f + 1] ?? rows.length)
        .sort()
        .join(' ')}`,
  );
  trace.close();
  return lines;
}

describe('a directory of the kit', () => {
  test('becomes one trace on the guest clock', async () => {
    const given = options();
    const manifest = await ingestCapture([capture(KIT)], given);
    assert.equal(manifest.clock, 'guest-monotonic');
    assert.equal(manifest.truth, 'exact');
    assert.equal(manifest.quantumNs, 1_000_000);
    // Ticks 1 M … 10 M are 1.000 … 1.018 s; between the second and third marker the slope is exactly 1.
    assert.deepEqual(manifest.spans, [{ t0Ns: 1_000_000_000, t1Ns: 1_018_000_000, label: '1' }]);
    assert.deepEqual(manifest.markers, [{ tNs: 1_000_500_000, code: 16, label: 'populate' }]);
    assert.deepEqual(await framesOf(given.out, 'gpa'), ['1000: 3r 4W 4w 600R', '1000: 4r 4w', '1007: 0r 70000R 70000W 70000r 70000w']);
    assert.deepEqual(await framesOf(given.out, 'gva'), [
      `1000: ${ARENA_PAGE}r ${ARENA_PAGE + 1}w`,
      `1000: ${ARENA_PAGE + 1}r ${ARENA_PAGE + 1}w`,
      `1007: 1r ${0x7fffffff123}r ${0x7fffffff123}w`,
    ]);
    assert.deepEqual(
      manifest.diagnostics.filter(({ code }) => code === 'skipped-file').map(({ message }) => message.slice(0, 8)),
      ['notes.md'],
    );
  });

  test('places reports in the arena of their segment and on the trace clock', async () => {
    const given = options();
    const manifest = await ingestCapture([capture(KIT)], given);
    assert.deepEqual(
      manifest.streams.map(({ stream, tracker, range }) => [stream, tracker, range]),
      [
        ['A.rwp', 'uffd-rwp', { startPage: ARENA_PAGE, nPages: 100 }],
        ['B.idle', 'idle-page', { startPage: 0, nPages: 64 }],
        ['host', 'uffd-wp', { startPage: 0, nPages: 600 }],
      ],
    );
    const inputIds = new Set(manifest.inputs.map(({ inputId }) => inputId));
    for (const stream of manifest.streams) assert.ok(inputIds.has(stream.inputId));
    const trace = await openTrace(given.out);
    const [first, second] = trace.observations('A.rwp');
    assert.deepEqual(first!.reported, { startPage: ARENA_PAGE, nPages: 100, bits: first!.reported!.bits });
    assert.deepEqual([...first!.reported!.bits].slice(0, 2), [3, 0]);
    assert.deepEqual(
      [first!.setBeginNs, first!.setEndNs, first!.readBeginNs, first!.readEndNs],
      [1_000_000_000, 1_000_100_000, 1_009_000_000, 1_009_500_000],
    );
    assert.deepEqual(second!.counts, {
      faults: 5,
      regions: 2,
      scanCalls: 1,
      messages: 1,
      messageWrites: 1,
      syncBeginNs: 900_000,
      syncCallNs: 1000,
      asyncBeginNs: 500_000,
      asyncCallNs: 1000,
    });
    const [idle] = trace.observations('B.idle');
    // Pages 0, 3, 4, 60, 61 are on a list and in the bitmap; 0, 4 and 60 are still idle.
    assert.deepEqual([...idle!.reported!.bits], [8, 0, 0, 0, 0, 0, 0, 0x20]);
    assert.deepEqual([...idle!.eligible!.bits], [0x19, 0, 0, 0, 0, 0, 0, 0x30]);
    const [host] = trace.observations('host');
    assert.deepEqual([host!.setEndNs, host!.readBeginNs], [1_000_000_000, 1_008_000_000]);
    trace.close();
  });

  test('gives the same trace in any order of its files', async () => {
    const dir = capture(KIT);
    const files = Object.keys(KIT)
      .filter((name) => name !== 'notes.md')
      .map((name) => join(dir, name));
    const one = await ingestCapture(files, options());
    const other = await ingestCapture(files.toReversed(), options());
    assert.deepEqual(other.streams, one.streams);
    assert.deepEqual(other.spaces, one.spaces);
    assert.equal(other.traceId, one.traceId);
  });

  test('memory that is tracked but never touched belongs to the space', async () => {
    const manifest = await ingestCapture([join(capture(KIT), 'B.idle.bin')], options());
    assert.deepEqual(
      manifest.spaces.map(({ id, nPages, nTouches }) => [id, nPages, nTouches]),
      [['gpa', 512, 0]],
    );
    assert.equal(manifest.truth, 'observed');
    assert.deepEqual(manifest.spans, []);
  });
});

describe('an arena', () => {
  test('can come from the log of phases', async () => {
    const { 'A.rwp.bin': rwp, 'A.phases.log': log } = KIT;
    const manifest = await ingestCapture([capture({ 'A.rwp.bin': rwp, 'A.phases.log': log })], options());
    assert.equal(manifest.streams[0]!.range!.startPage, ARENA_PAGE);
  });
  test('can come from a manifest', async () => {
    const dir = capture({
      'snap.bin': KIT['A.rwp.bin'],
      'm.yaml': `name: by hand\ninputs:\n  - { path: snap.bin, arena: 0x${(ARENA_PAGE * 4096).toString(16)}, clock-offset: 5ms }\n`,
    });
    const given = options({ manifest: join(dir, 'm.yaml') });
    const manifest = await ingestCapture([], given);
    assert.equal(manifest.name, 'by hand');
    assert.equal(manifest.streams[0]!.range!.startPage, ARENA_PAGE);
    const trace = await openTrace(given.out);
    assert.equal(trace.observations(manifest.streams[0]!.stream)[0]!.setBeginNs, 1_005_000_000);
    trace.close();
  });
  test('of another segment does not count: the reports are refused, and the message says which file is missing', async () => {
    const { 'A.rwp.bin': rwp, 'A.pagemap.bin': map, 'gt.vmgt.gz': log } = KIT;
    const manifest = await ingestCapture([capture({ 'B.wp.bin': rwp, 'A.pagemap.bin': map, 'gt.vmgt.gz': log })], options());
    assert.deepEqual(manifest.streams, []);
    const refused = manifest.diagnostics.filter(({ severity }) => severity === 'error');
    assert.deepEqual(
      refused.map(({ code, count }) => [code, count]),
      [
        ['arena-unknown', 1],
        ['report-unplaced', 2],
      ],
    );
    assert.match(refused[0]!.message, /B\.pagemap\.bin/);
    assert.equal(manifest.inputs.find(({ path }) => path.endsWith('B.wp.bin'))!.nRejected, 3);
  });
});

test('accesses of a lower grade are counted and kept out of the touches', async () => {
  const faults =
    '            prog-77      [001] d....     1.002000: page_fault_user: address=0x7f12345000 ip=0x55d0c0de1234 error_code=0x6\n'.repeat(3);
  const dir = capture({ 'gt.vmgt.gz': KIT['gt.vmgt.gz'], 'B.perf.txt': faults });
  const manifest = await ingestCapture([dir], options());
  const gva = manifest.spaces.find(({ id }) => id === 'gva')!;
  assert.equal(gva.truth, 'exact');
  assert.equal(gva.nTouches, 7);
  assert.deepEqual(
    manifest.diagnostics.filter(({ code }) => code === 'lower-grade').map(({ count }) => count),
    [3],
  );
});

test('a file of a directory that turns out to be of no use is left out, a named one is refused', async () => {
  const dir = capture({
    'gt.vmgt.gz': KIT['gt.vmgt.gz'],
    'B.perf.txt': 'prog    77/77    [001]     1.002000100: page-faults:\n'.repeat(3),
  });
  const manifest = await ingestCapture([dir], options());
  assert.deepEqual(manifest.diagnostics.filter(({ code }) => code === 'unusable-file').length, 1);
  await assert.rejects(ingestCapture([join(dir, 'gt.vmgt.gz'), join(dir, 'B.perf.txt')], options()), UnreadableInputError);
});

test('a time range keeps what lies wholly inside', async () => {
  const given = options({ timeRange: [1_005_000_000, 1_012_000_000] });
  const manifest = await ingestCapture([capture(KIT)], given);
  assert.deepEqual(
    (await framesOf(given.out, 'gpa')).map((line) => line.split(':')[0]),
    ['1007'],
  );
  const logOnly = options({ timeRange: [1_005_000_000, 1_012_000_000] });
  await ingestCapture([capture({ 'gt.vmgt.gz': KIT['gt.vmgt.gz'] })], logOnly);
  const trace = await openTrace(logOnly.out);
  assert.deepEqual([...trace.space('gpa').blocks], [0, 136], 'frame 600, touched before, has no block');
  trace.close();
  assert.deepEqual(manifest.spans, [{ t0Ns: 1_005_000_000, t1Ns: 1_012_000_000, label: '1' }]);
  assert.deepEqual(manifest.markers, []);
});

describe('failure leaves nothing behind', () => {
  const cut = KIT['gt.vmgt.gz'].subarray(0, KIT['gt.vmgt.gz'].length >> 1);
  const half = KIT_SAMPLES['vmgt']!.subarray(0, 60);
  const noTotals = vmgtFile([{ tag: 'Q', q: 1, records: [{ pfn: 1, flags: 8 }] }]);
  const cases: [string, Record<string, Uint8Array | string>, Partial<CaptureOptions>, new (...args: never[]) => Error, RegExp][] = [
    ['a gzip file cut in half', { 'gt.vmgt.gz': cut }, {}, TraceFormatError, /truncated/],
    ['a log cut inside a quantum', { 'gt.vmgt': half }, {}, TraceFormatError, /truncated/],
    [
      'a cut report behind a good log',
      { 'gt.vmgt.gz': KIT['gt.vmgt.gz'], 'B.idle.bin': KIT_SAMPLES['idle-bitmap']!.subarray(0, 70) },
      {},
      TraceFormatError,
      /truncated/,
    ],
    ['nothing that can be used', { 'notes.md': 'x\n' }, {}, TraceFormatError, /nothing could be taken.*notes\.md/],
    ['reports without an arena alone', { 'A.rwp.bin': KIT['A.rwp.bin'] }, {}, TraceFormatError, /nothing could be taken.*A\.pagemap\.bin/],
    ['a doubtful record with --strict', { 'gt.vmgt': noTotals }, { strict: true }, TraceFormatError, /no-totals/],
    ['an aborted signal', { 'gt.vmgt.gz': KIT['gt.vmgt.gz'] }, { signal: AbortSignal.abort() }, InterruptedError, /interrupted/],
    ['an unknown format id', { 'gt.vmgt.gz': KIT['gt.vmgt.gz'] }, { format: 'vmtg' }, UsageError, /vmtg/],
  ];
  for (const [what, files, more, type, message] of cases) {
    test(what, async () => {
      const given = options(more);
      await assert.rejects(
        ingestCapture([capture(files)], given),
        (error: unknown) => error instanceof type && message.test(error.message),
      );
      assert.ok(!existsSync(given.out));
      assert.deepEqual(
        readdirSync(root).filter((name) => name.endsWith('.part')),
        [],
      );
    });
  }
  test('a named file of no known format', async () => {
    await assert.rejects(ingestCapture([join(capture({ 'notes.md': 'prose\n' }), 'notes.md')], options()), UnreadableInputError);
  });
  test('the same without --strict is a trace with a warning', async () => {
    const manifest = await ingestCapture([capture({ 'gt.vmgt': noTotals })], options());
    assert.deepEqual(
      manifest.diagnostics.map(({ code, severity }) => [code, severity]),
      [['no-totals', 'warning']],
    );
  });
});

test('two streams of one name are told apart', async () => {
  const snap = snapshotFile({
    magic: 'IDLESNAP',
    fields: [1, 2, 3, 4, 5, 8, 8],
    bytes: [Array.from({ length: 8 }, () => 0), Array.from({ length: 8 }, () => 1)],
  });
  const manifest = await ingestCapture([capture({ 'idle.bin': snap }), capture({ 'idle.bin': snap })], options());
  assert.deepEqual(
    manifest.streams.map(({ stream }) => stream),
    ['idle', 'idle#2'],
  );
});

test('an option that no reader looks at is said, and refused with strict', async () => {
  const dir = capture({ 'gt.vmgt.gz': KIT['gt.vmgt.gz'] });
  const set = { space: 'gpa', agregation: '1s' };
  const { diagnostics } = await ingestCapture([dir], options({ options: set }));
  assert.deepEqual(
    diagnostics.filter(({ code }) => code === 'option-unused').map(({ severity, message }) => [severity, message]),
    [['warning', 'the option agregation was not looked at by any reader here (vmgt)']],
  );
  await assert.rejects(ingestCapture([dir], options({ options: set, strict: true })), UsageError);
});
