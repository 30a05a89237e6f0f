/** Conversions lose nothing that the target can hold: what our own readers, DuckDB and Arrow read back is what went in. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { InterruptedError, TraceFormatError, UsageError, type Observation } from '@workset/model';
import { openTrace, verifyTrace, type TraceReader } from '@workset/store';
import { convertFormatOf, convertTrace, ingestCapture, ingestors } from '@workset/ingest';
import { bytesSource, collect, type Collected } from './ingest-helpers.ts';
import { KIT_SAMPLES } from './kit-files.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-convert-'));
after(() => rmSync(root, { recursive: true }));
const at = (name: string): string => join(root, name);
const traces = join(import.meta.dirname, '../../../traces');

interface Row {
  readonly t: number;
  readonly page: number;
  readonly cls: number;
}

/** All touches of a space, in file order. */
function touchesOf(trace: TraceReader, id: 'gpa' | 'gva'): (Row & { readonly end: number })[] {
  const space = trace.space(id);
  const { frames, info } = space;
  const batch = new Int32Array(space.batchRows);
  const touches: number[] = [];
  for (let b = 0; b < space.nBatches; b++) touches.push(...batch.subarray(0, space.readBatch(b, batch)));
  return Array.from({ length: frames.n }, (_, f) => f).flatMap((f) =>
    touches.slice(frames.rowStart[f]!, frames.rowStart[f + 1]!).map((touch) => ({
      t: frames.t0Ns[f]!,
      end: frames.t1Ns[f]!,
      page: space.pageOf(touch >> info.classBits),
      cls: touch & ((1 << info.classBits) - 1),
    })),
  );
}

const readBack = (id: string, file: string, options: Record<string, string> = {}): Promise<Collected> =>
  collect(ingestors.get(id), bytesSource(new Uint8Array(readFileSync(at(file))), 4096, at(file)), options);
const rows = ({ accesses }: Collected): Row[] => accesses.map(({ t, page, cls }) => ({ t, page, cls }));
const regions = (reports: readonly Observation[]): unknown[] =>
  reports.map(({ setBeginNs, readEndNs, regions: each }) => [
    setBeginNs,
    readEndNs,
    [...each!.startPage],
    [...each!.nPages],
    [...each!.nrAccesses],
    [...each!.age],
  ]);

let trace: TraceReader;
before(async () => {
  writeFileSync(at('gt.vmgt'), KIT_SAMPLES['vmgt']!);
  writeFileSync(at('pf.data'), gunzipSync(readFileSync(join(traces, 'perf-data/pf.data.gz'))));
  await ingestCapture([at('gt.vmgt')], { out: at('gt.trace') });
  trace = await openTrace(at('gt.trace'));
});
after(() => trace.close());

describe('a trace', () => {
  for (const space of ['gpa', 'gva'] as const) {
    test(`as CSV: ${space} comes back with times, pages and classes`, async () => {
      const result = await convertTrace(at('gt.trace'), { out: at('a.csv'), space });
      const expected = touchesOf(trace, space).map(({ t, page, cls }) => ({ t, page, cls }));
      assert.equal(result.rows, expected.length);
      assert.equal(result.timeUnitNs, trace.manifest.quantumNs);
      const back = await readBack('csv', 'a.csv');
      assert.deepEqual(rows(back), expected);
      assert.ok(back.accesses.every((access) => access.space === space));
      assert.equal(ingestors.get('csv').sniff(new Uint8Array(readFileSync(at('a.csv')))) >= 0.5, true);
      if (space === 'gpa')
        assert.ok(
          expected.some(({ cls }) => cls >= 2),
          'the sample has kernel touches',
        );
    });
  }

  test('as Parquet, by DuckDB', async () => {
    await convertTrace(at('gt.trace'), { out: at('a.parquet'), space: 'gpa' });
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const reader = await connection.runAndReadAll(`SELECT time_ns, end_ns, page, write, kernel FROM '${at('a.parquet')}'`);
    const got = reader.getRows().map(([t, end, page, write, kernel]) => ({
      t: Number(t),
      end: Number(end),
      page: Number(page),
      cls: Number(write) + 2 * Number(kernel),
    }));
    assert.deepEqual(got, touchesOf(trace, 'gpa'));
    const meta = await connection.runAndReadAll(`SELECT key::VARCHAR, value::VARCHAR FROM parquet_kv_metadata('${at('a.parquet')}')`);
    const pairs = Object.fromEntries(meta.getRows() as [string, string][]);
    assert.equal(pairs['workset.time_unit_ns'], String(trace.manifest.quantumNs));
    assert.equal(pairs['workset.space'], 'gpa');
    connection.closeSync();
  });

  test('as Arrow', async () => {
    await convertTrace(at('gt.trace'), { out: at('a.arrow'), space: 'gpa' });
    const table = tableFromIPC(readFileSync(at('a.arrow')));
    const got = table.toArray().map((row) => ({
      t: Number(row.time_ns),
      end: Number(row.end_ns),
      page: Number(row.page),
      cls: Number(row.write) + 2 * Number(row.kernel),
    }));
    assert.deepEqual(got, touchesOf(trace, 'gpa'));
    assert.equal(table.schema.metadata.get('workset.clock'), trace.manifest.clock);
  });

  test('as oracleGeneral: pages, whole seconds, and next accesses', async () => {
    const result = await convertTrace(at('gt.trace'), { out: at('a.oracleGeneral'), space: 'gpa' });
    const expected = touchesOf(trace, 'gpa').map(({ page }) => page);
    const back = await readBack('oracle-general', 'a.oracleGeneral');
    assert.deepEqual(
      back.accesses.map(({ page }) => page),
      expected,
    );
    assert.equal(result.timeUnitNs, 1e9);
    assert.ok(result.lost.some((what) => /read/.test(what)));
    const bytes = readFileSync(at('a.oracleGeneral'));
    const next = expected.map((_, i) => Number(bytes.readBigInt64LE(i * 24 + 16)));
    assert.deepEqual(
      next,
      expected.map((page, i) => expected.indexOf(page, i + 1)),
    );
    assert.ok(next.some((n) => n > 0));
  });

  test('parts by time and address; nothing left is an error', async () => {
    const all = touchesOf(trace, 'gpa');
    const time: [number, number] = [all[0]!.t, all[0]!.end];
    const first = await convertTrace(at('gt.trace'), { out: at('b.csv'), space: 'gpa', time });
    const expected = all.filter(({ t, end }) => t >= time[0] && end <= time[1]);
    assert.deepEqual(
      rows(await readBack('csv', 'b.csv')),
      expected.map(({ t, page, cls }) => ({ t, page, cls })),
    );
    assert.equal(first.rows + first.outside, all.length);
    const one = await convertTrace(at('gt.trace'), { out: at('b.csv'), space: 'gpa', addr: [3 * 4096 + 5, 4 * 4096] });
    assert.equal(one.rows, all.filter(({ page }) => page === 3).length);
    await assert.rejects(
      convertTrace(at('gt.trace'), { out: at('c.csv'), space: 'gpa', time: [0, 1] }),
      (error: unknown) => error instanceof UsageError && /nothing lies/.test(error.message),
    );
    await assert.rejects(convertTrace(at('gt.trace'), { out: at('c.csv'), space: 'gpa', pid: 1 }), /process ids/);
    assert.ok(!existsSync(at('c.csv')));
  });

  test('as a smaller trace', async () => {
    const all = touchesOf(trace, 'gpa');
    const time: [number, number] = [all[0]!.t, all[2]!.end];
    await convertTrace(at('gt.trace'), { out: at('part.trace'), time });
    verifyTrace(at('part.trace'));
    const part = await openTrace(at('part.trace'));
    assert.deepEqual(
      touchesOf(part, 'gpa'),
      all.filter(({ t, end }) => t >= time[0] && end <= time[1]),
    );
    assert.equal(part.manifest.notes['subset_of'], trace.manifest.traceId);
    assert.ok(part.manifest.spans.every(({ t0Ns, t1Ns }) => t0Ns >= time[0] && t1Ns <= time[1]));
    part.close();
    await convertTrace(at('gt.trace'), { out: at('page.trace'), addr: [4096 * 3, 4096 * 4], space: 'gpa' });
    const page = await openTrace(at('page.trace'));
    assert.deepEqual(
      touchesOf(page, 'gpa'),
      all.filter(({ page: number }) => number === 3),
    );
    assert.deepEqual(
      page.manifest.spaces.map(({ id }) => id),
      ['gpa'],
    );
    page.close();
    // everything: the same touches
    await convertTrace(at('gt.trace'), { out: at('same.trace') });
    const same = await openTrace(at('same.trace'));
    assert.deepEqual(touchesOf(same, 'gva'), touchesOf(trace, 'gva'));
    same.close();
  });

  test('what cannot be is said, and nothing is left behind', async () => {
    const before_ = readdirSync(root);
    await assert.rejects(
      convertTrace(at('gt.trace'), { out: at('z.csv') }),
      (error: unknown) => error instanceof UsageError && /gpa, gva/.test(error.message) && /--space/.test(error.hint!),
    );
    await assert.rejects(
      convertTrace(at('gt.trace'), { out: at('z.json') }),
      (error: unknown) => error instanceof UsageError || error instanceof TraceFormatError,
    );
    await assert.rejects(convertTrace(at('gt.trace'), { out: at('z.txt') }), /tells no format/);
    await assert.rejects(convertTrace(at('gt.trace'), { out: root, format: 'csv', space: 'gpa' }), /is a directory/);
    await assert.rejects(
      convertTrace(at('pf.data'), { out: at('z.trace') }),
      (error: unknown) => error instanceof UsageError && /workset ingest/.test(error.hint!),
    );
    const stopped = AbortSignal.abort();
    await assert.rejects(convertTrace(at('gt.trace'), { out: at('z.csv'), space: 'gpa', signal: stopped }), InterruptedError);
    assert.deepEqual(readdirSync(root), before_);
  });

  test('formats by ending', () => {
    assert.deepEqual(['a.csv', 'b.oracleGeneral.bin', 'c.parquet', 'd.json', 'e.arrow', 'f.trace'].map(convertFormatOf), [
      'csv',
      'oracleGeneral',
      'parquet',
      'damo.json',
      'arrow',
      'trace',
    ]);
  });
});

describe('a capture', () => {
  test('keeps single times to the ns, pid and cpu', async () => {
    const direct = await collect(
      ingestors.get('perf-data'),
      bytesSource(new Uint8Array(readFileSync(at('pf.data'))), 65536, at('pf.data')),
    );
    for (const format of ['csv', 'parquet', 'arrow'] as const)
      assert.equal((await convertTrace(at('pf.data'), { out: at(`pf.${format}`), format })).timeUnitNs, 1);
    const back = await readBack('csv', 'pf.csv');
    assert.deepEqual(
      back.accesses.map(({ t, page, cls, pid }) => ({ t, page, cls, pid })),
      direct.accesses.map(({ t, page, cls, pid }) => ({ t, page, cls, pid })),
    );
    const { pid } = direct.accesses[0]!;
    const some = await convertTrace(at('pf.data'), { out: at('pid.csv'), pid });
    assert.equal(some.rows, direct.accesses.filter((access) => access.pid === pid).length);
    await assert.rejects(convertTrace(at('pf.data'), { out: at('pid.csv'), pid: 999_999 }), /nothing lies/);
    const table = tableFromIPC(readFileSync(at('pf.arrow')));
    assert.equal(table.numRows, direct.accesses.length);
  });

  test('names the option it needs', async () => {
    writeFileSync(at('l.txt'), readFileSync(join(traces, 'access-logs/lackey.head.txt')));
    await assert.rejects(
      convertTrace(at('l.txt'), { out: at('l.csv') }),
      (error: unknown) =>
        error instanceof UsageError && error.message.includes(at('l.txt')) && /--set accesses-per-second/.test(error.hint!),
    );
    const { rows: n } = await convertTrace(at('l.txt'), { out: at('l.csv'), options: { 'accesses-per-second': '1e6' } });
    assert.equal((await readBack('csv', 'l.csv')).accesses.length, n);
  });
});

describe('reports', () => {
  const load = (name: string): Uint8Array => {
    const bytes = readFileSync(join(traces, name));
    return new Uint8Array(name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  };

  for (const [name, id, base] of [
    ['damo/damon_aggr.json_compressed', 'damo', 0],
    ['damo/damon.small.json.gz', 'damo', 0],
    ['damon-text/phases-pti.C.ftrace.txt.gz', 'damon-trace', 0],
  ] as const) {
    test(`${name} as damo JSON: equal regions and windows`, async () => {
      const direct = await collect(ingestors.get(id), bytesSource(load(name), 65536, 'x'));
      await convertTrace(join(traces, name), { out: at('d.json') });
      const back = await readBack('damo', 'd.json');
      assert.ok(direct.reports.length > 0);
      assert.deepEqual(regions(back.reports), regions(direct.reports), `times from ${base}`);
      assert.equal(ingestors.get('damo').sniff(new Uint8Array(readFileSync(at('d.json')))), 1);
    });
  }

  test('events of DAMON and its schemes stay apart, on the way out and back', async () => {
    const lines = [0, 1].flatMap((burst) =>
      [0, 1, 2].flatMap((i) => {
        const bounds = `${(i + 1) * 4096}-${(i + 2) * 4096}: ${i} ${burst}`;
        const head = (micros: number): string => `       kdamond.0    77 [000]   ${burst + 1}.00000${micros}: `;
        return [
          `${head(i)}damon:damos_before_apply: ctx_idx=0 scheme_idx=0 target_idx=0 nr_regions=3 ${bounds}`,
          `${head(i)}damon:damos_before_apply: ctx_idx=0 scheme_idx=1 target_idx=0 nr_regions=3 ${bounds}`,
          `${head(i)}damon:damon_aggregated: target_id=0 nr_regions=3 ${bounds}`,
        ];
      }),
    );
    writeFileSync(at('mixed.txt'), `${lines.join('\n')}\n`);
    const direct = await collect(ingestors.get('damon-trace'), bytesSource(new Uint8Array(readFileSync(at('mixed.txt'))), 64, 'mixed.txt'));
    const perStream = (reports: readonly Observation[]): number[] => {
      const streams = new Map<string, number[]>();
      for (const report of reports) streams.set(report.stream, [...(streams.get(report.stream) ?? []), report.regions!.startPage.length]);
      return [...streams.values()].flat();
    };
    assert.equal(new Set(direct.reports.map(({ stream }) => stream)).size, 3);
    assert.deepEqual(perStream(direct.reports), [3, 3, 3, 3, 3, 3]);
    await convertTrace(at('mixed.txt'), { out: at('mixed.json') });
    const back = await readBack('damo', 'mixed.json');
    assert.equal(new Set(back.reports.map(({ stream }) => stream)).size, 3);
    assert.deepEqual(perStream(back.reports), [3, 3, 3, 3, 3, 3]);
  });

  test('64-bit ids and addresses are whole after text, trace, JSON and JSON again', async () => {
    const ids = ['18446623435582458880', '18446623435582458944'];
    const [start, end] = [String(0xffff_8880_0012_3000n), String(0xffff_8880_0092_3000n)];
    const lines = ids.flatMap((id, i) =>
      [1, 2].map(
        (s) =>
          `       kdamond.0    77 [000]   ${s}.00000${i}: damon:damon_aggregated: target_id=${id} nr_regions=1 ${start}-${end}: ${i} 7`,
      ),
    );
    writeFileSync(at('wide.txt'), `${lines.sort().join('\n')}\n`);
    await convertTrace(at('wide.txt'), { out: at('wide.json') });
    await ingestCapture([at('wide.json')], { out: at('wide.trace') });
    await convertTrace(at('wide.trace'), { out: at('wide2.json') });
    for (const name of ['wide.json', 'wide2.json']) {
      const json = readFileSync(at(name), 'latin1');
      for (const id of ids) assert.ok(json.includes(`"target_id": ${id},`), `${name} has ${id}`);
      assert.equal(json.split(`"start": "${start}", "end": "${end}"`).length - 1, 4);
    }
  });

  test('page sets become runs of pages', async () => {
    const result = await convertTrace(join(traces, 'rwp-shmem/C.idle.bin.gz'), { out: at('idle.csv') }).catch((error: unknown) => error);
    if (result instanceof UsageError) return assert.match(result.message, /arena/);
    assert.equal((result as { content: string }).content, 'regions');
    const direct = await collect(ingestors.get('idle-bitmap'), bytesSource(load('rwp-shmem/C.idle.bin.gz'), 65536, 'C.idle.bin'));
    const pages = direct.reports.reduce(
      (sum, { reported }) => sum + [...reported!.bits].reduce((n, byte) => n + byte.toString(2).replaceAll('0', '').length, 0),
      0,
    );
    const listed = readFileSync(at('idle.csv'), 'latin1')
      .split('\n')
      .filter((line) => line.includes(',reported,'))
      .reduce((sum, line) => sum + Number(line.split(',')[7]), 0);
    assert.equal(listed, pages);
  });

  test('a 64-bit address goes through CSV, trace and CSV', async () => {
    const lines = ['0xfffffffffffff000', '0xffffffffff600000', '0x7fffffffe000', '0x0'];
    writeFileSync(
      at('w.csv'),
      `time_ns,gva,op\n${lines.map((address, i) => `${i * 1e6},${address},${i % 2 === 0 ? 'r' : 'w'}`).join('\n')}\n`,
    );
    await ingestCapture([at('w.csv')], { out: at('w.trace') });
    await convertTrace(at('w.trace'), { out: at('w2.csv') });
    const got = readFileSync(at('w2.csv'), 'latin1')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .slice(1);
    assert.deepEqual(
      got.map((line) => line.split(',')[2]!.replace(/^0x0+(?=.)/, '0x')),
      lines,
    );
    assert.deepEqual(
      got.map((line) => line.split(',').at(-1)),
      ['kr', 'kw', 'r', 'w'],
    );
  });
});
