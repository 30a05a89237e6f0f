import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { DuckDBBlobValue, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { CHUNK_BYTES, PageBitmap, Prng, RunError, TABLES, UnreadableInputError, UsageError } from '@workset/model';
import type { Row, TableId } from '@workset/model';
import type { RunPart } from '@workset/store';
import { createResultsDir, createRunPart, finishedRuns, isResults, PackedSets, resultsInfo, writeTablePart } from '@workset/store';
import { compressed } from '@workset/store/touches';
import { scratch } from './support.ts';

/** Node has Zstandard from 22.15 on. */
const CODEC_NAME = 'zstdCompressSync' in zlib ? 'ZSTD' : 'GZIP';
const META = { version: '1.2.3', argv: ['replay', 'x'] };

/** Every row of a table through a DuckDB of its own, in file order. */
async function rowsOf(dir: string, table: TableId): Promise<Record<string, unknown>[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const result = await connection.runAndReadAll(`SELECT * FROM read_parquet('${dir}/${table}/*.parquet')`);
  assert.deepEqual(
    result.columnNames(),
    TABLES[table].columns.map((column) => column.name),
  );
  assert.deepEqual(
    result.columnTypes().map(String),
    TABLES[table].columns.map((column) => column.type),
  );
  return result.getRowObjects().map((row) => Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, plain(cell)])));
}
function plain(cell: unknown): unknown {
  if (typeof cell === 'bigint') return Number(cell);
  return cell instanceof DuckDBBlobValue ? cell.bytes : cell;
}

function runRow(runId: string, status = 'ok'): Row {
  return {
    run_id: runId,
    trace_id: 't',
    trace: 'name',
    scheme: 'uffd-rwp',
    kind: 'simulated',
    stream: null,
    params: '{}',
    seed: 1,
    world: runId,
    space: 'gpa',
    truth: 'exact',
    scope: 'any',
    target: 'touched',
    cost_profile: 'p',
    status,
    error: null,
    n_windows: 2,
    n_pages: 1024,
    duration_ns: 2 ** 52,
    vcpus: 1,
    version: '0',
  };
}
const window = (w: number) => ({
  w,
  claimT0Ns: 1,
  claimT1Ns: 2,
  outerT0Ns: 0,
  outerT1Ns: 3,
  reportNs: 3,
  span: -1,
  warmup: w === 0,
  scored: true,
  nPages: 1024,
});

test('a run reads back through DuckDB as it was written', async (t) => {
  const dir = scratch(t);
  await createResultsDir(dir, META);
  const part = await createRunPart({ dir, runId: 'r1', blocks: Float64Array.of(3, 130) });
  part.window(window(1));
  part.window(window(0));
  part.pageSet(0, 'reported', '', PageBitmap.of(1024, [0, 513]));
  part.pageSet(0, 'eligible', '', new PageBitmap(1024));
  part.region(0, 2 ** 40, 7, 0.5, null);
  part.region(0, 5, 7, 20, 1e15);
  part.cost(0, 'syscall', 3, 1.5, 2.25);
  assert.deepEqual([...(await finishedRuns(dir))], []);
  await part.close(runRow('r1'));

  assert.deepEqual([...(await finishedRuns(dir))], ['r1']);
  assert.deepEqual(await rowsOf(dir, 'runs'), [runRow('r1')]);
  const windows = await rowsOf(dir, 'windows');
  assert.deepEqual(
    windows.map((row) => row['w']),
    [0, 1],
    'ordered by key',
  );
  assert.deepEqual(windows[1], {
    run_id: 'r1',
    w: 1,
    claim_t0_ns: 1,
    claim_t1_ns: 2,
    outer_t0_ns: 0,
    outer_t1_ns: 3,
    report_ns: 3,
    span: -1,
    warmup: false,
    scored: true,
    n_pages: 1024,
  });
  assert.deepEqual(await rowsOf(dir, 'regions'), [
    { run_id: 'r1', w: 0, start_page: 5, n_pages: 7, score: 20, age_ns: 1e15 },
    { run_id: 'r1', w: 0, start_page: 2 ** 40, n_pages: 7, score: 0.5, age_ns: null },
  ]);
  assert.deepEqual(await rowsOf(dir, 'costs'), [{ run_id: 'r1', w: 0, op: 'syscall', count: 3, vcpu_ns: 1.5, tracker_ns: 2.25 }]);
  const sets = await rowsOf(dir, 'page_sets');
  assert.deepEqual(
    sets.map(({ w, kind, scope, chunk }) => [w, kind, scope, chunk]),
    [
      [0, 'reported', '', 0],
      [0, 'reported', '', 1],
    ],
    'empty sets and chunks are left out',
  );
  const [low, high] = sets.map((row) => row['bits'] as Uint8Array);
  assert.deepEqual([low!.length, low![3 * 64]], [CHUNK_BYTES, 1], 'page 3·512 is bit 0 of byte 192');
  assert.equal(high![2 * 64], 2, 'page 130·512+1 is bit 1 of byte 128 of chunk 1');
});

test('columns of a few rows are stored as they are, longer ones compressed', async (t) => {
  const dir = scratch(t);
  createResultsDir(dir, META);
  const rows = (n: number): Row[] => Array.from({ length: n }, (_, i) => runRow(`run ${String(i).padStart(4, '0')}`));
  await writeTablePart(dir, 'runs', 'few', rows(3));
  await writeTablePart(dir, 'runs', 'many', rows(2000));
  assert.deepEqual(
    (await rowsOf(dir, 'runs')).map((row) => row['run_id']),
    [...rows(3), ...rows(2000)].map((row) => row['run_id']),
  );
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const metadata = await connection.runAndReadAll(
    `SELECT DISTINCT regexp_extract(file_name, '(few|many)') AS file, compression FROM parquet_metadata('${dir}/runs/*.parquet')
     WHERE path_in_schema IN ('run_id', 'trace') ORDER BY ALL`,
  );
  assert.deepEqual(metadata.getRows(), [
    ['few', 'UNCOMPRESSED'],
    ['many', CODEC_NAME],
  ]);
});

test('compressed bytes hold little more memory than they are', () => {
  const raw = new Uint8Array(130_000);
  const random = new Prng('bytes');
  for (const filled of [0, 1000, 60_000, 130_000]) {
    for (let i = 0; i < filled; i++) raw[i] = random.below(256);
    const { length, buffer } = compressed(raw);
    assert.ok(buffer.byteLength <= Math.max(Buffer.poolSize, 1.4 * length), `${length} bytes in ${buffer.byteLength}`);
  }
});

test('chunks hold exactly the pages of the set', async (t) => {
  const root = scratch(t);
  let n = 0;
  const blocks = fc
    .uniqueArray(fc.oneof(fc.nat(600), fc.nat(2 ** 40)), { minLength: 1, maxLength: 12 })
    .map((list) => list.sort((a, b) => a - b));
  await fc.assert(
    fc.asyncProperty(blocks, fc.array(fc.nat(), { maxLength: 60 }), async (given, seeds) => {
      const dir = join(root, String(n++));
      const ids = [...new Set(seeds.map((seed) => seed % (given.length * 512)))];
      const part = await createRunPart({ dir, runId: 'r', blocks: Float64Array.from(given) });
      part.pageSet(4, 'truth', 'any', PageBitmap.of(given.length * 512, ids));
      part.window(window(4));
      await part.close(runRow('r'));
      const stored =
        ids.length === 0
          ? []
          : (await rowsOf(dir, 'page_sets')).flatMap((row) => pagesOf(row['chunk'] as number, row['bits'] as Uint8Array));
      const expected = ids.map((id) => given[id >>> 9]! * 512 + (id & 511)).sort((a, b) => a - b);
      assert.deepEqual(stored, expected);
    }),
    { numRuns: 25 },
  );
});

function pagesOf(chunk: number, bits: Uint8Array): number[] {
  assert.ok(bits.some((byte) => byte !== 0));
  return Array.from({ length: 65536 }, (_, i) => i)
    .filter((i) => ((bits[i >> 3]! >> (i & 7)) & 1) === 1)
    .map((i) => chunk * 65536 + i);
}

test('the same rows give the same bytes', async (t) => {
  const dirs = [scratch(t), scratch(t)];
  for (const dir of dirs) {
    const part = await createRunPart({ dir, runId: 'r', blocks: Float64Array.from({ length: 256 }, (_, i) => i), flushBytes: 1 << 11 });
    for (let w = 0; w < 40; w++) {
      part.window(window(w));
      part.pageSet(
        w,
        'reported',
        '',
        PageBitmap.of(
          256 * 512,
          Array.from({ length: 999 }, (_, i) => (i * i * (w + 3)) % (256 * 512)),
        ),
      );
      await part.drain();
    }
    await part.close(runRow('r'));
  }
  const [one, two] = dirs.map(hashes);
  assert.deepEqual(one, two);
  assert.ok(Object.keys(one!).filter((name) => name.startsWith('windows/')).length > 1, 'several parts were flushed');
  assert.equal((await rowsOf(dirs[0]!, 'windows')).length, 40);
});

/** A run with sets of `WIDE_PAGES` random pages, which compress to what they are, for windows [0, n). */
async function wideRun(dir: string, n: number, drains: boolean, prepare = (): void => undefined): Promise<RunPart> {
  const part = await createRunPart({
    dir,
    runId: 'r',
    blocks: Float64Array.from({ length: WIDE_PAGES / 512 }, (_, i) => i),
    flushBytes: 1,
  });
  prepare();
  const random = new Prng('wide sets');
  const words = Int32Array.from({ length: WIDE_PAGES / 32 + n }, () => random.below(2 ** 32));
  for (let w = 0; w < n; w++) {
    // Later windows come first, as with trackers whose truth is known late.
    part.pageSet(w ^ 1, 'reported', '', new PageBitmap(WIDE_PAGES, words.slice(w, w + WIDE_PAGES / 32)));
    if (drains) await part.drain();
  }
  return part;
}
const WIDE_PAGES = 1 << 17;
const WIDE_WINDOWS = 400;

test('sets go to the disk in row groups while the run goes on, the same ones whether somebody waits for the disk or not', async (t) => {
  const [waits, hurries] = [scratch(t), scratch(t)];
  const part = await wideRun(waits, WIDE_WINDOWS, true);
  const { size } = statSync(join(waits, 'page_sets', 'r-000.parquet.part'));
  assert.ok(size > 2 << 20, `${size} bytes are on their way`);
  await part.close(runRow('r'));
  await (await wideRun(hurries, WIDE_WINDOWS, false)).close(runRow('r'));
  assert.deepEqual(hashes(waits), hashes(hurries));
  const rows = await rowsOf(waits, 'page_sets');
  assert.equal(rows.length, 2 * WIDE_WINDOWS);
  assert.deepEqual(
    [...new Set(rows.map((row) => row['w'] as number))].sort((a, b) => a - b),
    Array.from({ length: WIDE_WINDOWS }, (_, w) => w),
  );
  const random = new Prng('wide sets');
  const words = Int32Array.from({ length: WIDE_PAGES / 32 + WIDE_WINDOWS }, () => random.below(2 ** 32));
  for (const row of rows) {
    const from = ((row['w'] as number) ^ 1) + (row['chunk'] as number) * (CHUNK_BYTES / 4);
    assert.deepEqual(Buffer.from(row['bits'] as Uint8Array), Buffer.from(words.slice(from, from + CHUNK_BYTES / 4).buffer));
  }
});

test('a run whose sets cannot be written says so, and one that is given up leaves none', async (t) => {
  const dir = scratch(t);
  await (await wideRun(dir, WIDE_WINDOWS, true)).abort();
  assert.deepEqual(readdirSync(join(dir, 'page_sets')), []);
  for (const drains of [true, false]) {
    const blocked = scratch(t);
    const block = (): void => void mkdirSync(join(blocked, 'page_sets', 'r-000.parquet.part'), { recursive: true });
    const wide = async (): Promise<void> => (await wideRun(blocked, WIDE_WINDOWS, drains, block)).close(runRow('r'));
    await assert.rejects(wide(), (error) => error instanceof RunError && /cannot write .*r-000\.parquet\.part/.test(error.message));
  }
});

function hashes(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.parquet'))
    .sort();
  return Object.fromEntries(
    files.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(dir, name)))
        .digest('hex'),
    ]),
  );
}

test('an aborted run leaves nothing, an unfinished one nothing that is read, and a repeated one replaces the first', async (t) => {
  const dir = scratch(t);
  const start = async (runId: string, w: number) => {
    const part = await createRunPart({ dir, runId, blocks: Float64Array.of(0), flushBytes: 1 });
    part.window(window(w));
    await part.drain();
    return part;
  };
  await (await start('r', 1)).abort();
  assert.deepEqual(readdirSync(join(dir, 'windows')), []);
  await start('r', 2);
  assert.deepEqual(readdirSync(join(dir, 'windows')), ['r-000.parquet.part']);
  await (await start('r-2', 3)).close(runRow('r-2'));
  await (await start('r', 4)).close(runRow('r', 'failed'));
  assert.deepEqual(readdirSync(join(dir, 'windows')).sort(), ['r-000.parquet', 'r-2-000.parquet']);
  assert.deepEqual(
    (await rowsOf(dir, 'windows')).map((row) => row['w']),
    [4, 3],
  );
  assert.deepEqual([...(await finishedRuns(dir))], ['r-2'], 'a failed run is to be done again');
});

test('table parts are checked against the schema and replaced by name', async (t) => {
  const dir = scratch(t);
  const row = { input_id: 'b', severity: 'info', code: 'x', line: null, byte_offset: 7, count: 1, message: "it's" };
  await writeTablePart(dir, 'diagnostics', 'a', [row, { ...row, input_id: 'a' }]);
  assert.deepEqual(await rowsOf(dir, 'diagnostics'), [{ ...row, input_id: 'a' }, row]);
  await writeTablePart(dir, 'diagnostics', 'a', [row]);
  assert.equal((await rowsOf(dir, 'diagnostics')).length, 1);
  await assert.rejects(writeTablePart(dir, 'diagnostics', 'b', [{ input_id: 'b' }]), /no column severity/);
  await assert.rejects(writeTablePart(dir, 'diagnostics', 'b', [{ ...row, message: null }]), /NOT NULL/);
  await assert.rejects(writeTablePart(dir, 'diagnostics', 'b', [{ ...row, count: 0.5 }]), /count takes integers, not 0.5/);
  await assert.rejects(writeTablePart(dir, 'diagnostics', '../b', [row]), /cannot name a part/);
});

test('a results directory is made, kept, and never made of something else', async (t) => {
  const root = scratch(t);
  const dir = join(root, "it's [a] results*dir");
  await createResultsDir(dir, META);
  await createResultsDir(dir, { version: '9', argv: [] });
  assert.ok(isResults(dir));
  assert.deepEqual(resultsInfo(dir), { format: 'workset-results', version: 1, producer: META });
  await writeTablePart(dir, 'runs', 'r-000', [runRow('r')]);
  assert.deepEqual([...(await finishedRuns(dir))], ['r'], 'odd characters in the path are no globs');

  mkdirSync(join(root, 'foreign'));
  writeFileSync(join(root, 'foreign', 'file'), 'x');
  await assert.rejects(createResultsDir(join(root, 'foreign'), META), UsageError);
  for (const name of ['file', 'file/below']) await assert.rejects(createResultsDir(join(root, 'foreign', name), META), UsageError);
  assert.throws(() => resultsInfo(join(root, 'foreign')), UnreadableInputError);
  writeFileSync(join(dir, 'workset.json'), '{"format":"workset-results","version":2}');
  await assert.rejects(createResultsDir(dir, META), UnreadableInputError);
});

test('runs that share what they have packed write what they write alone', async (t) => {
  const random = new Prng('shared sets');
  // Few pages: equal sets are frequent, also some windows apart, and sets change after they were passed.
  const sets = Array.from({ length: 40 }, () => Array.from({ length: 3 }, () => random.below(3) + 512 * random.below(2)));
  const written = async (packed: PackedSets | undefined): Promise<string[]> => {
    const dir = scratch(t);
    await createResultsDir(dir, META);
    const blocks = Float64Array.of(3, 130);
    const parts = await Promise.all(['a', 'b', 'c'].map((runId) => createRunPart({ dir, runId, blocks, packed })));
    const set = new PageBitmap(1024);
    for (let w = 0; w + 3 < sets.length; w++)
      parts.forEach((part, i) => {
        set.clear();
        for (const id of sets[w + i]!) set.add(id);
        part.pageSet(w, 'reported', '', set);
      });
    await Promise.all(parts.map((part, i) => part.close(runRow('abc'[i]!))));
    const folder = join(dir, 'page_sets');
    return readdirSync(folder)
      .sort()
      .map((name) =>
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex'),
      );
  };
  const alone = await written(undefined);
  assert.equal(new Set(alone).size, 3);
  assert.deepEqual(await written(new PackedSets()), alone);
});
