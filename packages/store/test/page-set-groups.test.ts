/** Row groups of page sets: each set is in them once, however many kinds and scopes have it, and a reader need not hold many at once. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import zlib from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { BLOCK_PAGES, CHUNK_BYTES, PageBitmap, Prng } from '@workset/model';
import { createResultsDir, createRunPart, PackedSets, type SetKind } from '@workset/store';
import { packedCodes } from '../src/parquet/codes.ts';
import { compressed, dictionaryOfFrames, Frame, GZIP } from '../src/parquet/pages.ts';
import { scratch } from './support.ts';

const BLOCKS_PER_CHUNK = 128;
const CHUNK_PAGES = BLOCKS_PER_CHUNK * BLOCK_PAGES;
const RUN_ROW = Object.fromEntries(
  ['trace_id', 'trace', 'scheme', 'kind', 'params', 'space', 'truth', 'scope', 'target', 'cost_profile', 'version'].map((name) => [
    name,
    'x',
  ]),
);
const RUN_NUMBERS = { seed: 1, n_windows: 1, n_pages: 1, duration_ns: 1, vcpus: 1 };

interface Stored {
  readonly w: number;
  readonly kind: SetKind;
  readonly scope: 'any' | 'mapped' | '';
  readonly set: PageBitmap;
}

/** Writes runs of the same space, set by set in turns. */
async function writeRuns(dir: string, chunks: number, runs: readonly (readonly Stored[])[], packed = new PackedSets()): Promise<void> {
  await createResultsDir(dir, { version: '0', argv: [] });
  const blocks = Float64Array.from({ length: chunks * BLOCKS_PER_CHUNK }, (_, i) => i);
  const parts = await Promise.all(runs.map((_, i) => createRunPart({ dir, runId: `r${i}`, blocks, packed })));
  for (let i = 0; runs.some((sets) => i < sets.length); i++)
    for (const [r, sets] of runs.entries()) if (i < sets.length) parts[r]!.pageSet(sets[i]!.w, sets[i]!.kind, sets[i]!.scope, sets[i]!.set);
  await Promise.all(
    parts.map((part, i) =>
      part.close({ ...RUN_ROW, ...RUN_NUMBERS, run_id: `r${i}`, status: 'ok', error: null, stream: null, world: null }),
    ),
  );
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Rows as DuckDB reads them must be those that were written, set by set. */
async function assertStored(dir: string, run: number, sets: readonly Stored[]): Promise<void> {
  const rows = await query(
    `SELECT w::INT AS w, kind, "scope", chunk::INT AS chunk, md5(bits) AS bits FROM '${dir}/page_sets/r${run}-000.parquet'`,
  );
  const wanted = sets.flatMap(({ w, kind, scope, set }) => {
    const bytes = Buffer.from(set.words.buffer, set.words.byteOffset, set.words.byteLength);
    return Array.from({ length: bytes.length / CHUNK_BYTES }, (_, chunk) => {
      const bits = bytes.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
      return bits.every((byte) => byte === 0) ? [] : [{ w, kind, scope, chunk, bits: createHash('md5').update(bits).digest('hex') }];
    }).flat();
  });
  const order = (row: Record<string, unknown>): string => JSON.stringify([row['w'], row['kind'], row['scope'], row['chunk']]);
  const sorted = (list: readonly Record<string, unknown>[]): unknown[] => list.toSorted((x, y) => (order(x) < order(y) ? -1 : 1));
  assert.deepEqual(sorted(rows), sorted(wanted));
}

function randomSet(random: Prng, chunks: number, density = 1): PageBitmap {
  const set = new PageBitmap(chunks * CHUNK_PAGES);
  for (let i = 0; i < set.words.length; i++) if (random.below(density) === 0) set.words[i] = random.below(2 ** 32) | 0;
  return set;
}

test('a set that several kinds and scopes have is stored once', async (t: TestContext) => {
  const random = new Prng('kinds');
  const sets: Stored[] = Array.from({ length: 4 }, (_, w) => {
    const touched = randomSet(random, 3);
    const written = randomSet(random, 3, 2);
    return [
      { w, kind: 'reported', scope: '', set: touched } as const,
      { w, kind: 'truth', scope: 'any', set: touched } as const,
      { w, kind: 'truth', scope: 'mapped', set: touched } as const,
      { w, kind: 'truth_writes', scope: 'any', set: written } as const,
      { w, kind: 'truth_writes', scope: 'mapped', set: written } as const,
    ];
  }).flat();
  const dir = scratch(t);
  await writeRuns(dir, 3, [sets]);
  await assertStored(dir, 0, sets);
  // Random bits: none is smaller than it is.
  const { length } = readFileSync(join(dir, 'page_sets', 'r0-000.parquet'));
  const distinct = 2 * 4 * 3 * CHUNK_BYTES;
  assert.ok(length < 1.05 * distinct, `${length} bytes for ${distinct} bytes of sets`);
});

test('a part is the same whoever else shares what has been packed', async (t) => {
  const random = new Prng('shared');
  // More sets than are remembered, so that some are packed again.
  const some = Array.from({ length: 12 }, () => randomSet(random, 2, 3));
  const runs = Array.from({ length: 4 }, () =>
    Array.from({ length: 60 }, (_, i): Stored => ({
      w: i >> 1,
      kind: i % 2 === 0 ? 'reported' : 'eligible',
      scope: '',
      set: some[random.below(12)]!,
    })),
  );
  const together = scratch(t);
  await writeRuns(together, 2, runs);
  for (const [r, sets] of runs.entries()) {
    const alone = scratch(t);
    await writeRuns(
      alone,
      2,
      Array.from({ length: r + 1 }, (_, i) => (i === r ? sets : [])),
    );
    const [a, b] = [together, alone].map((dir) => readFileSync(join(dir, 'page_sets', `r${r}-000.parquet`)));
    assert.ok(a!.equals(b!), `run ${r}`);
    await assertStored(alone, r, sets);
  }
  assert.equal(readdirSync(join(together, 'page_sets')).length, 4);
});

test('a row group holds no more chunks than a reader should', async (t) => {
  const random = new Prng('wide');
  const chunks = 700;
  // A page of each chunk: a few bytes on the disk, 5.7 MB in memory.
  const sets = Array.from({ length: 12 }, (_, w): Stored => {
    const set = new PageBitmap(chunks * CHUNK_PAGES);
    for (let chunk = 0; chunk < chunks; chunk++) set.add(chunk * CHUNK_PAGES + random.below(CHUNK_PAGES));
    return { w, kind: 'reported', scope: '', set };
  });
  const dir = scratch(t);
  await writeRuns(dir, chunks, [sets]);
  const groups = await query(`SELECT total_uncompressed_size::INT AS bytes, row_group_num_rows::INT AS n
    FROM parquet_metadata('${dir}/page_sets/r0-000.parquet') WHERE path_in_schema = 'bits' ORDER BY row_group_id`);
  assert.equal(groups.length, 2);
  assert.equal(
    groups.reduce((sum, { n }) => sum + (n as number), 0),
    12 * chunks,
  );
  for (const { bytes } of groups) assert.ok((bytes as number) < 8 * chunks * (CHUNK_BYTES + 8), `${String(bytes)} bytes`);
  const [counted] = await query(`SELECT count(*)::INT AS n, sum(bit_count(bits::BIT))::INT AS pages
    FROM '${dir}/page_sets/*.parquet'`);
  assert.equal(counted!['n'], 12 * chunks);
  assert.equal(counted!['pages'], 12 * chunks);
});

test('indices are bit-packed in as few bits as they need', () => {
  const random = new Prng('codes');
  for (const nValues of [1, 2, 3, 8, 9, 255, 256, 257, 5000, 1 << 20]) {
    for (const n of [1, 7, 8, 9, 1000]) {
      const codes = Int32Array.from({ length: n }, () => random.below(nValues));
      const bytes = packedCodes(codes, n, nValues);
      const width = bytes[0]!;
      assert.equal(width, Math.max(1, Math.ceil(Math.log2(nValues))));
      let at = 1;
      let header = 0;
      for (let shift = 0; ; shift += 7) {
        header |= (bytes[at]! & 127) << shift;
        if (bytes[at++]! < 128) break;
      }
      assert.equal(header, (Math.ceil(n / 8) << 1) | 1);
      // As Parquet numbers them: bit k of the run is bit k % 8 of byte k / 8.
      const bit = (k: number): number => (bytes[at + (k >> 3)]! >> (k & 7)) & 1;
      const read = Array.from(codes, (_, i) =>
        Array.from({ length: width }, (__, b) => bit(i * width + b) << b).reduce((sum, part) => sum | part, 0),
      );
      assert.deepEqual(read, [...codes]);
      assert.equal(bytes.length, at + Math.ceil(n / 8) * width);
    }
  }
});

test('a dictionary without Zstandard is one member of gzip', () => {
  const random = new Prng('gzip');
  const raws = Array.from({ length: 3 }, (_, i) => Uint8Array.from({ length: 1000 * (i + 1) }, () => random.below(4)));
  const frames = raws.map((raw, i) => new Frame(raw, i + 1, (bytes) => () => compressed(bytes, GZIP)));
  const { page, framed } = dictionaryOfFrames(frames, GZIP);
  const [, ...bodies] = page.pieces;
  assert.equal(bodies.length, 1);
  assert.deepEqual(zlib.gunzipSync(bodies[0]!), Buffer.concat(raws));
  assert.deepEqual(framed, [[bodies[0]!.length, 6]]);
  assert.equal(page.codec, GZIP);
  assert.equal(page.rawBytes, page.pieces[0]!.length + 6000);
});
