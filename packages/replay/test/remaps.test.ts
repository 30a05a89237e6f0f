/** From a trace on disk whose pages move to results: trackers of frames lose what they marked, trackers of addresses do not (C7, C8). */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { DuckDBBlobValue, DuckDBInstance } from '@duckdb/node-api';
import { NS_PER_MS, PageBitmap, type RemapKind } from '@workset/model';
import { replay, type ReplayOptions } from '@workset/replay';
import { createTraceWriter } from '@workset/store';

const N_PAGES = 8;

/** Every page is read in every millisecond of ten; page 3 moves at 5 ms. */
async function lastReports(
  t: TestContext,
  kind: RemapKind | undefined,
  options: Partial<ReplayOptions>,
): Promise<Record<string, number[]>> {
  const dir = mkdtempSync(join(tmpdir(), 'workset-remaps-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const trace = join(dir, 'vm.trace');
  const writer = await createTraceWriter({ out: trace, classBits: 1 });
  const page = Uint32Array.from({ length: N_PAGES }, (_, i) => i);
  for (let f = 0; f < 6; f++) writer.frame('gpa', f * NS_PER_MS, (f + 1) * NS_PER_MS, N_PAGES, page, new Uint8Array(N_PAGES));
  if (kind !== undefined) writer.remap('gpa', 5.5 * NS_PER_MS, 3, kind);
  await writer.close({
    name: 'moving',
    clock: 'trace',
    epochNs: '0',
    quantumNs: NS_PER_MS,
    vcpus: 1,
    truth: 'exact',
    synthetic: true,
    spans: [{ t0Ns: 0, t1Ns: 6 * NS_PER_MS, label: '' }],
    markers: [],
    inputs: [],
    diagnostics: [],
    notes: {},
    producer: { version: '0', argv: [] },
    mapTime: (ns) => ns,
    truthOf: { gpa: 'exact' },
  });
  const out = join(dir, 'results');
  await replay(trace, { out, windowNs: 2 * NS_PER_MS, schemes: ['idle-page', 'uffd-rwp', 'mm-young'], ...options });
  return reportsOf(out);
}

/** Reported pages of each scheme in window 2, the last. */
async function reportsOf(out: string): Promise<Record<string, number[]>> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const rows = await connection.runAndReadAll(
    `SELECT scheme, bits FROM read_parquet('${out}/page_sets/*.parquet') AS sets JOIN read_parquet('${out}/runs/*.parquet') USING (run_id)
     WHERE w = 2 AND sets.kind = 'reported'`,
  );
  connection.closeSync();
  return Object.fromEntries(rows.getRows().map(([scheme, bits]) => [String(scheme), pagesOf(bits)]));
}
function pagesOf(bits: unknown): number[] {
  assert.ok(bits instanceof DuckDBBlobValue);
  return [...new PageBitmap(65536, new Int32Array(Uint8Array.from(bits.bytes).buffer)).ids()];
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const BUT_3 = ALL.filter((page) => page !== 3);

it('nobody loses a page that stays where it is', async (t) => {
  assert.deepEqual(await lastReports(t, undefined, {}), { 'idle-page': ALL, 'uffd-rwp': ALL, 'mm-young': ALL });
});
it('a migration loses idle tracking’s mark, not the armed entry nor the A bit', async (t) => {
  assert.deepEqual(await lastReports(t, 'migrate', {}), { 'idle-page': BUT_3, 'uffd-rwp': ALL, 'mm-young': ALL });
});
it('so does swapping out and in, of either backing', async (t) => {
  for (const backing of ['anon', 'shmem'] as const)
    assert.deepEqual(await lastReports(t, 'swap', { backing }), { 'idle-page': BUT_3, 'uffd-rwp': ALL, 'mm-young': ALL }, backing);
});
it('several threads move the same pages', async (t) => {
  assert.deepEqual(await lastReports(t, 'migrate', { jobs: 2 }), { 'idle-page': BUT_3, 'uffd-rwp': ALL, 'mm-young': ALL });
});
