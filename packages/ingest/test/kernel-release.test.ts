/** The kernel a capture is of: what headers, features and files beside the recording say. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ingestCapture, inspectFile } from '@workset/ingest';
import { KIT_SAMPLES } from './kit-files.ts';

const traces = join(import.meta.dirname, '../../../traces');
const root = mkdtempSync(join(tmpdir(), 'workset-kernel-'));
after(() => rmSync(root, { recursive: true }));
let n = 0;
const out = (): string => join(root, `${n++}.trace`);

const HEADED = join(root, 'headed.txt');
const header = gunzipSync(readFileSync(join(traces, 'perf-text/pf.header.txt.gz')))
  .toString()
  .split('\n')
  .filter((line) => line.startsWith('#'));
writeFileSync(HEADED, `${header.join('\n')}\n toucher   433/433     745.226886: page-faults:     55a9fd224040\n`);

for (const file of [HEADED, ...['pf', 'pf-pipe', 'damon'].map((name) => join(traces, `perf-data/${name}.data.gz`))]) {
  test(`${file.replace(/.*\//, '')} names its kernel`, async () => {
    const { kernel } = await inspectFile(file);
    assert.match(kernel ?? '', /^6\.18\.44-/);
    assert.deepEqual((await ingestCapture([file], { out: out() })).notes, { kernel });
  });
}

test('files without one say nothing', async () => {
  const fixture = join(traces, 'damon-text/damon.tracefs.txt.gz');
  assert.equal((await inspectFile(fixture)).kernel, null);
  assert.deepEqual((await ingestCapture([fixture], { out: out() })).notes, {});
});

test('files beside a capture: uname, the kernel log, provenance; in this order', async () => {
  const side: [string, Uint8Array | string][] = [
    ['provenance.json', JSON.stringify({ case: 'x', kernel: 'Linux 6.1.192 guest (Debian)' })],
    ['dmesg-end.txt.gz', gzipSync('[    0.000000] Linux version 6.2.0-log (root@vm) (gcc)\n')],
    ['guest-info.txt', 'Linux (none) 6.3.0-uname #1 SMP Sun Nov 22 x86_64 GNU/Linux\nconsole=ttyS0\n'],
  ];
  const dir = join(root, 'capture');
  mkdirSync(dir);
  writeFileSync(join(dir, 'gt.vmgt'), KIT_SAMPLES['vmgt']!);
  const seen: unknown[] = [];
  for (const [name, content] of [['notes.txt', 'x\n'] as const, ...side]) {
    writeFileSync(join(dir, name), content);
    seen.push((await ingestCapture([dir], { out: out() })).notes['kernel']);
  }
  assert.deepEqual(seen, [undefined, '6.1.192', '6.2.0-log', '6.3.0-uname']);
});
