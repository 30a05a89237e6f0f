import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TraceFormatError } from '@workset/model';
import { inspectFile } from '@workset/ingest';
import { KIT_SAMPLES } from './kit-files.ts';

const dir = mkdtempSync(join(tmpdir(), 'workset-inspect-'));
after(() => rmSync(dir, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}

test('an exact log: footprint, classes, span and what it is good for', async () => {
  const info = await inspectFile(file('gt.vmgt.gz', gzipSync(KIT_SAMPLES['vmgt']!)));
  assert.deepEqual(
    [info.format, info.compression, info.truth, info.clock, info.syncedWith],
    ['vmgt', 'gzip', 'exact', 'vmgt', 'guest-monotonic'],
  );
  // 3, 4, 600, 0 and 70000 by frame; three user virtual pages of the arena's process, two of another.
  assert.deepEqual(info.spaces, [
    { space: 'gpa', pages: 5, touchesByClass: [4, 3, 2, 2] },
    { space: 'gva', pages: 4, touchesByClass: [4, 3, 0, 0] },
  ]);
  assert.deepEqual([info.records, info.spans, info.markers, info.spanNs], [9, 1, 1, [2_000_000, 10_000_000]]);
  assert.match(info.usableFor.join(), /ground truth/);
  assert.deepEqual(info.notUsableFor, []);
});

test('a report: what is missing to use it, and the command that has it', async () => {
  const path = file('A.rwp.bin', KIT_SAMPLES['uffd-snap']!);
  const info = await inspectFile(path);
  assert.deepEqual(info.streams, [{ stream: 'A.rwp', tracker: 'uffd-rwp', space: 'gva', reports: 2, incomplete: 0, arenaRelative: true }]);
  assert.equal(info.truth, 'observed');
  assert.match(info.notUsableFor.join(), /not ground truth/);
  assert.equal(info.nextCommand, `workset ingest ${path} ${join(dir, 'A.pagemap.bin')} -o A.rwp.trace`);
});

test('sizes without pages: nothing to ingest', async (t) => {
  const other = mkdtempSync(join(tmpdir(), 'workset-inspect-'));
  t.after(() => rmSync(other, { recursive: true, force: true }));
  const path = join(other, 'wss.txt');
  writeFileSync(
    path,
    'Watching PID 42 page references during 1 seconds...\nEst(s)     RSS(MB)    PSS(MB)    Ref(MB)\n1.003        58.36      55.75      55.80\n',
  );
  const info = await inspectFile(path);
  assert.equal(info.nSizes, 1);
  assert.equal(info.nextCommand, undefined);
});

test('damage is an error, and nothing is ever written', async () => {
  await assert.rejects(inspectFile(file('cut.vmgt', KIT_SAMPLES['vmgt']!.subarray(0, 50))), TraceFormatError);
  assert.deepEqual(readdirSync(dir).sort(), ['A.rwp.bin', 'cut.vmgt', 'gt.vmgt.gz']);
});
