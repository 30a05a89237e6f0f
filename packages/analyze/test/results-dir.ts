/** Test helper: a results directory from plain rows and sets of page numbers, written with DuckDB alone. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { writeParquet } from './write-parquet.ts';
import { BLOCK_PAGES, CHUNK_BYTES, CHUNK_PAGES, PageBitmap, TABLES } from '@workset/model';
import type { Row, Scope, TableId } from '@workset/model';
import { createRunPart } from '@workset/store';
import type { PackedSet, SetKind } from '@workset/store';

export interface SetRow {
  readonly w: number;
  readonly kind: string;
  readonly scope?: string;
  readonly pages: Iterable<number>;
}

export function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'workset-analyze-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const DEFAULTS: Readonly<Partial<Record<TableId, Row>>> = {
  runs: {
    run_id: 'r',
    trace_id: 'trace-1',
    trace: 'made',
    scheme: 'uffd-rwp',
    kind: 'simulated',
    stream: null,
    params: '{}',
    seed: 1,
    world: null,
    space: 'gpa',
    truth: 'exact',
    scope: 'mapped',
    target: 'touched',
    cost_profile: 'none',
    status: 'ok',
    error: null,
    n_windows: 1,
    n_pages: 64,
    duration_ns: 1e9,
    vcpus: 1,
    version: '0',
  },
  windows: {
    run_id: 'r',
    w: 0,
    claim_t0_ns: 0,
    claim_t1_ns: 1e8,
    outer_t0_ns: 0,
    outer_t1_ns: 1e8,
    report_ns: 1e8,
    span: 0,
    warmup: false,
    scored: true,
    n_pages: 64,
  },
  regions: { run_id: 'r', w: 0, start_page: 0, n_pages: 1, score: 0, age_ns: null },
  costs: { run_id: 'r', w: 0, op: 'syscall', count: 1, vcpu_ns: 0, tracker_ns: 0 },
  inputs: {
    input_id: 'i',
    trace_id: 'trace-1',
    path: 'a.txt',
    sha256: '0',
    size_bytes: 1,
    format: 'x',
    truth: 'exact',
    space: 'gpa',
    clock: 'mono',
    t_first_ns: 0,
    t_last_ns: 1,
    n_events: 1,
    n_lost: null,
    n_rejected: 0,
    page_bytes: 4096,
    vcpus: 1,
  },
  diagnostics: { input_id: 'i', severity: 'warning', code: 'c', line: null, byte_offset: null, count: 1, message: 'm' },
};

/** Writes one part; missing columns take the defaults above. */
export async function writeRows(dir: string, table: TableId, rows: readonly Row[], part = 'part'): Promise<void> {
  mkdirSync(join(dir, table), { recursive: true });
  const { columns } = TABLES[table];
  const full = rows.map((row) => ({ ...DEFAULTS[table], ...row }));
  await writeParquet(columns, full, join(dir, table, `${part}.parquet`));
}

/** Shifts the windows to 100 ms each, one after the other. */
export function windowRow(runId: string, w: number, more: Row = {}): Row {
  const t0 = w * 1e8;
  return { run_id: runId, w, claim_t0_ns: t0, claim_t1_ns: t0 + 1e8, outer_t0_ns: t0, outer_t1_ns: t0 + 1e8, report_ns: t0 + 1e8, ...more };
}

export async function writeSets(dir: string, runId: string, sets: readonly SetRow[]): Promise<void> {
  await writeRows(
    dir,
    'page_sets',
    sets.flatMap((set) => chunksOf(runId, set)),
    runId,
  );
}

function chunksOf(runId: string, { w, kind, scope = '', pages }: SetRow): Row[] {
  const chunks = new Map<number, Uint8Array>();
  for (const page of pages) {
    const chunk = Math.floor(page / CHUNK_PAGES);
    const i = page % CHUNK_PAGES;
    let bits = chunks.get(chunk);
    if (bits === undefined) chunks.set(chunk, (bits = new Uint8Array(CHUNK_BYTES)));
    bits[i >> 3]! |= 1 << (i & 7);
  }
  return [...chunks].sort(([a], [b]) => a - b).map(([chunk, bits]) => ({ run_id: runId, w, kind, scope, chunk, bits }));
}

/**
 * Writes runs as replay does, with the store's own writer: sets that are the same list of pages share one encoding.
 * @param sets of each run, in the order of its windows
 */
export async function replayRuns(
  dir: string,
  nPages: number,
  runs: readonly { readonly run: Row; readonly windows: readonly Row[]; readonly sets: readonly SetRow[] }[],
): Promise<void> {
  const blocks = Float64Array.from({ length: Math.ceil(nPages / BLOCK_PAGES) }, (_, i) => i);
  const packs = new Map<Iterable<number>, PackedSet>();
  for (const { run, windows, sets } of runs) {
    const part = await createRunPart({ dir, runId: String(run['run_id']), blocks, flushBytes: 1 << 16 });
    for (const row of windows) part.window(windowOf({ ...DEFAULTS.windows, ...row }));
    for (const { w, kind, pages, scope = '' } of sets) {
      let packed = packs.get(pages);
      if (packed === undefined) packs.set(pages, (packed = part.pack(PageBitmap.of(blocks.length * BLOCK_PAGES, pages))));
      part.packedSet(w, kind as SetKind, scope as Scope | '', packed);
      await part.drain();
    }
    await part.close({ ...DEFAULTS.runs, ...run, n_windows: windows.length });
  }
}

function windowOf(row: Row) {
  const ns = (name: string): number => Number(row[name]);
  return {
    w: ns('w'),
    claimT0Ns: ns('claim_t0_ns'),
    claimT1Ns: ns('claim_t1_ns'),
    outerT0Ns: ns('outer_t0_ns'),
    outerT1Ns: ns('outer_t1_ns'),
    reportNs: ns('report_ns'),
    span: ns('span'),
    warmup: row['warmup'] === true,
    scored: row['scored'] === true,
    nPages: ns('n_pages'),
  };
}
