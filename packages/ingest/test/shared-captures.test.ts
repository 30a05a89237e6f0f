/** The kit's real captures, when they lie beside the repository: our trace must reproduce its independent scorer's figures. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, test } from 'node:test';
import type { SpaceReader, TraceReader } from '@workset/store';
import { openTrace } from '@workset/store';
import type { Observation } from '@workset/model';
import { ingestCapture } from '@workset/ingest';

const captures = fileURLToPath(new URL('../../../../shared/captures', import.meta.url));
const skip = existsSync(captures) ? false : 'no shared captures beside the repository';
const root = mkdtempSync(join(tmpdir(), 'workset-shared-'));
after(() => rmSync(root, { recursive: true }));

interface Score {
  truth: number;
  missed: number;
  reported: number;
  edge: number;
  extra: number;
}

/** Counts as score.txt does: truth = sure touches in the claim window; edge = reported, touched only at its ends; extra = not even there. */
function score(space: SpaceReader, reports: readonly Observation[], touchMask: number): Score {
  const total: Score = { truth: 0, missed: 0, reported: 0, edge: 0, extra: 0 };
  const rows = allRows(space);
  for (const report of reports) {
    const sure = touched(space, rows, (t0, t1) => t0 >= report.setEndNs && t1 <= report.readBeginNs, touchMask);
    const maybe = touched(space, rows, (t0, t1) => t1 > report.setBeginNs && t0 < report.readEndNs, touchMask);
    const { startPage, nPages, bits } = report.reported!;
    for (let i = 0; i < nPages; i++) {
      const page = startPage + i;
      const isReported = ((bits[i >> 3]! >> (i & 7)) & 1) === 1;
      if (sure.has(page)) total.truth++;
      if (sure.has(page) && !isReported) total.missed++;
      if (!isReported) continue;
      total.reported++;
      if (!sure.has(page)) total[maybe.has(page) ? 'edge' : 'extra']++;
    }
  }
  return total;
}

function allRows(space: SpaceReader): Int32Array {
  const rows = new Int32Array(space.info.nTouches);
  const batch = new Int32Array(space.batchRows);
  for (let b = 0, at = 0; b < space.nBatches; b++) {
    const n = space.readBatch(b, batch);
    rows.set(batch.subarray(0, n), at);
    at += n;
  }
  return rows;
}

function touched(space: SpaceReader, rows: Int32Array, inWindow: (t0: number, t1: number) => boolean, touchMask: number): Set<number> {
  const pages = new Set<number>();
  const { n, t0Ns, t1Ns, rowStart } = space.frames;
  for (let f = 0; f < n; f++) {
    if (!inWindow(t0Ns[f]!, t1Ns[f]!)) continue;
    const end = f + 1 < n ? rowStart[f + 1]! : rows.length;
    for (let i = rowStart[f]!; i < end; i++) if (((touchMask >> (rows[i]! & 3)) & 1) === 1) pages.add(space.pageOf(rows[i]! >> 2));
  }
  return pages;
}

const USER = 0b0011;
const USER_WRITES = 0b0010;

async function ingested(name: string): Promise<TraceReader> {
  const out = join(root, `${name}.trace`);
  await ingestCapture([join(captures, name)], { out });
  return openTrace(out);
}

test('rwp-shmem: records, and the scores of RWP and uffd-wp', { skip }, async () => {
  const trace = await ingested('rwp-shmem');
  const [log] = trace.manifest.inputs;
  const records = Number(/records=(\d+)/.exec(readFileSync(join(captures, 'rwp-shmem/plugin.txt'), 'latin1'))![1]);
  const markers = readFileSync(join(captures, 'rwp-shmem/plugin.txt'), 'latin1').match(/^gtrace: marker/gm)!.length;
  assert.equal(log!.nEvents, records + markers);
  const gva = trace.space('gva');
  // The table of README-rwp.md.
  assert.deepEqual(score(gva, trace.observations('A.rwp'), USER), { truth: 34_962, missed: 0, reported: 35_163, edge: 201, extra: 0 });
  assert.deepEqual(score(gva, trace.observations('B.wp'), USER_WRITES), { truth: 22_204, missed: 0, reported: 22_235, edge: 31, extra: 0 });
  assert.deepEqual(score(gva, trace.observations('E.rwp'), USER), { truth: 33_443, missed: 0, reported: 33_678, edge: 235, extra: 0 });
  trace.close();
});

test('rwp-anonthp: 2 MiB granules', { skip }, async () => {
  const trace = await ingested('rwp-anonthp');
  assert.equal(trace.manifest.streams.find(({ stream }) => stream === 'A.rwp')!.granuleBytes, 2 << 20);
  assert.deepEqual(score(trace.space('gva'), trace.observations('A.rwp'), USER), {
    truth: 27_642,
    missed: 0,
    reported: 55_296,
    edge: 194,
    extra: 27_460,
  });
  trace.close();
});

test('files-pti: idle page tracking and the host, as score.txt has them', { skip }, async () => {
  const trace = await ingested('files-pti');
  const text = readFileSync(join(captures, 'files-pti/score.txt'), 'latin1');
  const gpa = trace.space('gpa');
  const [first] = trace.observations('B.idle');
  const line = /#0 .*truth (\d+), reported accessed (\d+), hit (\d+), missed (\d+)/.exec(text)!.slice(1).map(Number);
  const eligible = first!.eligible!;
  const got = score(gpa, [first!], USER);
  const sure = touched(gpa, allRows(gpa), (t0, t1) => t0 >= first!.setEndNs && t1 <= first!.readBeginNs, USER);
  const truth = [...sure].filter((page) => ((eligible.bits[page >> 3] ?? 0) >> (page & 7)) & 1).length;
  assert.deepEqual([truth, got.reported], [line[0], line[1]]);
  const host = trace
    .observations('host')
    .filter(({ setEndNs, readBeginNs }) => trace.manifest.spans.some(({ t0Ns, t1Ns }) => setEndNs >= t0Ns && readBeginNs <= t1Ns));
  assert.equal(score(gpa, host.slice(0, 20), 0b1010).missed, 0);
  trace.close();
});
