import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TraceFormatError, UnreadableInputError } from '@workset/model';
import { perfDataIngestor } from '../src/formats/perf-data.ts';
import { isPerfDirectory, openPerfDirectory } from '../src/perf/directory.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import type { Collected } from './ingest-helpers.ts';

const CASE = join(import.meta.dirname, '../../../traces/perf-data');
const bytes = (name: string): Uint8Array => new Uint8Array(gunzipSync(readFileSync(join(CASE, `${name}.gz`))));
const text = (name: string): string[] =>
  Buffer.from(bytes(name))
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
const run = (name: string, options: Record<string, string> = {}): Promise<Collected> =>
  collect(perfDataIngestor, bytesSource(bytes(name), 65536, name), options);

interface Line {
  readonly pid: number;
  readonly t: number;
  readonly page: number;
  readonly cls: number;
}

/** What perf script printed: " 433/433  745.226886537: page-faults:  55a9fd224040" or "…: exceptions:page_fault_user: address=0x.. ip=.. error_code=0x6". */
function parseScript(lines: readonly string[]): Line[] {
  return lines.map((line) => {
    const match = /^\s*(-?\d+)\/-?\d+\s+(\d+)\.(\d{9}):\s+(\S+):\s+(.*)$/.exec(line);
    assert.ok(match, line);
    const body = match[5]!;
    const fault = /address=0x([0-9a-f]+) ip=\S+ error_code=0x([0-9a-f]+)/.exec(body);
    const address = BigInt(`0x${fault?.[1] ?? /^[0-9a-f]+/.exec(body)![0]}`);
    return {
      pid: Number(match[1]),
      t: Number(match[2]) * 1e9 + Number(match[3]),
      page: Number(address >> 12n),
      cls: (fault !== null && (parseInt(fault[2]!, 16) & 2) !== 0 ? 1 : 0) | (address >> 63n === 1n ? 2 : 0),
    };
  });
}

const seen = (result: Collected, withClass: boolean): object[] =>
  result.accesses.map(({ pid, t, page, cls }) => (withClass ? { pid, t, page, cls } : { pid, t, page }));
const printed = (name: string, withClass: boolean): object[] =>
  parseScript(text(`${name}.script.txt`)).map(({ pid, t, page, cls }) => (withClass ? { pid, t, page, cls } : { pid, t, page }));

const SAME_AS_PERF = [
  'pf',
  'pf-zstd',
  'pf-pipe',
  'pf-callgraph',
  'pf-phys',
  'pf-weight',
  'pf-bigendian.synth',
  'pf-mono',
  'pf-u',
  'exc',
  'exc-multi',
  'exc-pipe',
  'lost',
];
for (const name of SAME_AS_PERF) {
  test(`${name}: every sample that perf script prints, in its order`, async () => {
    const result = await run(`${name}.data`);
    assert.deepEqual(seen(result, true), printed(name, true));
    assert.deepEqual(result.ctx.rejections, []);
    assert.deepEqual(result.others[0], { kind: 'grade', truth: 'faults' });
    assert.equal(result.ctx.accepted, result.accesses.length);
  });
}

const SHARED_KVM = join(import.meta.dirname, '../../../../shared/samples/kvm');
test(
  'kvm.data of the shared samples: every fault that perf script prints, in its order',
  { skip: existsSync(SHARED_KVM) ? false : 'no shared samples beside the repository' },
  async () => {
    const result = await collect(
      perfDataIngestor,
      bytesSource(new Uint8Array(readFileSync(join(SHARED_KVM, 'kvm.data'))), 65536, 'kvm.data'),
    );
    const lines = readFileSync(join(SHARED_KVM, 'kvm.script.txt'), 'latin1').split('\n');
    const faults = lines.flatMap((line) => {
      // tinyvm  5378 [000]  1446.544244: exceptions:page_fault_user: address=0x.. ip=0x.. error_code=0x14
      const match = /(\d+)\.(\d{6}): +exceptions:page_fault_user: address=0x([0-9a-f]+) .*error_code=0x([0-9a-f]+)/.exec(line);
      return match === null
        ? []
        : [
            {
              us: Number(match[1]) * 1e6 + Number(match[2]),
              page: Number(BigInt(`0x${match[3]!}`) >> 12n),
              cls: (parseInt(match[4]!, 16) >> 1) & 1,
            },
          ];
    });
    assert.equal(faults.length, 54);
    assert.deepEqual(
      result.accesses.map(({ t, page, cls }) => ({ us: Math.floor(t / 1000), page, cls })),
      faults,
    );
    assert.equal(
      lines.filter((line) => line !== '').length,
      54 + result.ctx.rejections.find(({ code }) => code === 'perf-event-ignored')!.count,
    );
  },
);

test('data_src tells stores from loads', async () => {
  const result = await run('memlike.patched.data');
  assert.deepEqual(seen(result, false), printed('memlike.patched', false));
  const ops = text('memlike.data_src.txt').map((line) => /\|OP (\w+)/.exec(line)![1]);
  assert.deepEqual(
    result.accesses.map((access) => (access.cls & 1) === 1),
    ops.map((op) => op === 'STORE'),
  );
  assert.ok(ops.includes('STORE') && ops.includes('LOAD'));
});

test('lost records are counted, 800 in the file', async () => {
  assert.equal((await run('lost.data')).ctx.lostCount, 800);
});

test('physical addresses on request, zero ones counted', async () => {
  const result = await run('pf-phys.data', { address: 'physical' });
  assert.equal(result.accesses.length, 6);
  assert.ok(result.accesses.every((access) => access.space === 'pfn'));
  assert.deepEqual(
    result.ctx.rejections.map(({ code, count }) => ({ code, count })),
    [{ code: 'perf-no-address', count: 290 }],
  );
  await assert.rejects(run('pf.data', { address: 'physical' }), /--phys-data/);
  await assert.rejects(run('pf.data', { address: 'phys' }), /one of|address is/);
});

test('the clock of -k CLOCK_MONOTONIC and its wall time become sync points', async () => {
  const { others } = await run('pf-mono.data');
  assert.deepEqual(
    others.filter((batch) => batch.kind === 'sync').map((batch) => batch.clock),
    ['monotonic', 'realtime'],
  );
});

test('DAMON tracepoints give the snapshots that the text holds', async () => {
  const lines = text('damon.script.txt').flatMap((line) => {
    const match = /damon_aggregated: target_id=0 nr_regions=(\d+) (\d+)-(\d+): (\d+) (\d+)$/.exec(line);
    return match === null ? [] : [match.slice(1).map(Number)];
  });
  const result = await run('damon.data');
  const aggregated = result.reports.filter((report) => !report.stream.includes('before_apply'));
  const rows = aggregated.flatMap((report) =>
    Array.from(report.regions!.startPage, (start, i) => [
      start * 4096,
      (start + report.regions!.nPages[i]!) * 4096,
      report.regions!.nrAccesses[i]!,
      report.regions!.age[i]!,
    ]),
  );
  assert.deepEqual(
    rows,
    lines.map((line) => line.slice(1)),
  );
  assert.ok(aggregated.every((report) => report.complete));
  assert.deepEqual(result.others[0], { kind: 'grade', truth: 'observed' });
  const applied = result.reports.filter((report) => report.stream.includes('before_apply'));
  assert.equal(
    applied.reduce((sum, report) => sum + report.regions!.startPage.length, 0),
    text('damon.script.txt').filter((line) => line.includes('damos_before_apply')).length,
  );
});

test('a directory recording is merged by time', async () => {
  const root = mkdtempSync(join(tmpdir(), 'workset-perf-'));
  try {
    const dir = join(root, 'pf-dir.data');
    mkdirSync(dir);
    for (const part of ['data', 'data.0', 'data.1']) writeFileSync(join(dir, part), bytes(`pf-dir/${part}`));
    assert.equal(await isPerfDirectory(dir), true);
    assert.equal(await isPerfDirectory(root), false);
    const result = await collect(perfDataIngestor, await openPerfDirectory(dir));
    assert.deepEqual(seen(result, true), printed('pf-dir', true));
    assert.ok(result.accesses.some((access) => access.pid !== result.accesses[0]!.pid));
    assert.deepEqual(
      result.ctx.rejections.map(({ code }) => code),
      ['perf-many-processes'],
    );
    await assert.rejects(openPerfDirectory(root), UnreadableInputError);
    // by path, names are read before the data; held in memory otherwise
    writeFileSync(join(root, 'exc.data'), bytes('exc.data'));
    const byPath = await collect(perfDataIngestor, bytesSource(bytes('exc.data'), 4096, join(root, 'exc.data')));
    assert.deepEqual(byPath.accesses, (await run('exc.data')).accesses);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('mapped memory becomes ranges on request', async () => {
  assert.equal((await run('pf.data')).others.filter((batch) => batch.kind === 'range').length, 0);
  const all = (await run('pf.data', { maps: 'all' })).others.filter((batch) => batch.kind === 'range');
  const anon = (await run('pf.data', { maps: 'anon' })).others.filter((batch) => batch.kind === 'range');
  assert.ok(anon.length > 0 && anon.length < all.length);
  // the toucher's buffer of 256 pages is among them, and most faults lie in mapped memory
  assert.ok(anon.some((range) => range.nPages >= 256));
  const { accesses } = await run('pf.data');
  const mapped = accesses.filter(({ page }) => all.some((range) => page >= range.startPage && page < range.startPage + range.nPages));
  assert.ok(mapped.length > 250, String(mapped.length));
  await assert.rejects(run('pf.data', { maps: 'some' }), /none, anon, all|maps is/);
});

test('one process is kept with the option pid', async () => {
  assert.equal((await run('pf.data', { pid: '1' })).accesses.length, 0);
  assert.equal((await run('pf.data', { pid: '433' })).accesses.length, 295);
  assert.equal((await run('exc-multi.data', { pid: '1' })).accesses.length, 0);
  await assert.rejects(run('pf.data', { pid: 'toucher' }), /pid is/);
});

const KEPT: [name: string, samples: number, codes: string[], offset: number][] = [
  ['data-size-0', 118, ['perf-unfinished'], 48],
  ['truncated-mid-record', 34, ['perf-truncated'], 5136],
  ['record-size-0', 0, ['perf-corrupt'], 424],
  ['zstd-corrupt', 0, ['perf-corrupt'], 536],
  ['zstd-truncated', 297, ['perf-no-features'], 3305],
];
for (const [name, samples, codes, offset] of KEPT) {
  test(`damaged file ${name}: ${samples} samples before the damage are kept`, async () => {
    const result = await run(`malformed/${name}.data`);
    assert.equal(result.accesses.length, samples);
    assert.deepEqual(
      result.ctx.rejections.map(({ code }) => code),
      codes,
    );
    if (codes.length > 0) assert.equal(result.ctx.rejections[0]!.byteOffset, offset);
    // what is kept is what the undamaged file holds first
    const whole = name.startsWith('zstd') ? 'pf-zstd' : 'pf-weight';
    assert.deepEqual(seen(result, true), printed(whole, true).slice(0, samples));
  });
}

const REFUSED: [name: string, type: typeof TraceFormatError | typeof UnreadableInputError, message: RegExp, offset: number][] = [
  ['attr-size-0', TraceFormatError, /attr_size is 0/, 16],
  ['attrs-offset-huge', TraceFormatError, /event section lies at offset 1099511627776/, 24],
  ['bad-magic', UnreadableInputError, /not a perf\.data file/, 0],
  ['truncated-header-50B', TraceFormatError, /ends inside its header \(50 of 104 bytes\)/, 50],
];
for (const [name, type, message, offset] of REFUSED) {
  test(`damaged file ${name}: refused with place and remedy`, async () => {
    await assert.rejects(run(`malformed/${name}.data`), (error: unknown) => {
      assert.ok(error instanceof type);
      assert.match(error.message, message);
      assert.equal(error.place.byteOffset, offset);
      assert.equal(error.place.file, `malformed/${name}.data`);
      assert.ok(error.hint !== undefined);
      return true;
    });
  });
}

test('events without data addresses are refused with the way to record them', async () => {
  const file = bytes('pf.data');
  // clear ADDR in sample_type of the only attr; record sizes no longer matter, the event is unusable
  const view = new DataView(file.buffer);
  const at = Number(view.getBigUint64(24, true)) + 24;
  view.setBigUint64(at, view.getBigUint64(at, true) & ~8n, true);
  await assert.rejects(
    collect(perfDataIngestor, bytesSource(file)),
    (error: unknown) => error instanceof TraceFormatError && /none of 295 samples/.test(error.message) && /-d/.test(error.hint ?? ''),
  );
});

test('a killed recording of a tracepoint needs the name of the event', async () => {
  const killed = bytes('exc.data').slice();
  const view = new DataView(killed.buffer);
  const end = Number(view.getBigUint64(40, true) + view.getBigUint64(48, true));
  view.setBigUint64(48, 0n, true);
  const source = (): ReturnType<typeof bytesSource> => bytesSource(killed.subarray(0, end));
  await assert.rejects(collect(perfDataIngestor, source()), /option event/);
  const result = await collect(perfDataIngestor, source(), { event: 'exceptions:page_fault_user' });
  assert.deepEqual(seen(result, true), printed('exc', true));
});

test('sniffing goes by magic', () => {
  assert.equal(perfDataIngestor.sniff(bytes('pf.data')), 1);
  assert.equal(perfDataIngestor.sniff(bytes('pf-bigendian.synth.data')), 1);
  assert.equal(perfDataIngestor.sniff(new Uint8Array(4)), 0);
  assert.equal(perfDataIngestor.sniff(new TextEncoder().encode('PERFILE3 and more text')), 0);
});

test('PERFFILE of 2009 is named as such', async () => {
  const old = new TextEncoder().encode(`PERFFILE${'\0'.repeat(200)}`);
  await assert.rejects(collect(perfDataIngestor, bytesSource(old)), /version 1/);
});
