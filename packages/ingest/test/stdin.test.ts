/** Captures that come through a pipe. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { readManifest } from '@workset/store';
import { ingestCapture } from '@workset/ingest';
import { KIT_SAMPLES } from './kit-files.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-stdin-'));
after(() => rmSync(root, { recursive: true }));

const SCRIPT = `
  import { ingestCapture, inspectFile } from '@workset/ingest';
  const [what, out] = process.argv.slice(1);
  if (what === 'info') console.log(JSON.stringify(await inspectFile('-')));
  else await ingestCapture(['-', ...process.argv.slice(3)], { out });
`;

/** Runs ingest (or inspect) in a process of its own, with these bytes on its stdin. */
function piped(input: Uint8Array, ...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const flags = ['--conditions=workset-src', '--input-type=module', '--eval', SCRIPT];
  return spawnSync(process.execPath, [...flags, '--', ...args], { input, encoding: 'utf8', cwd: new URL('..', import.meta.url) });
}

for (const [name, pack] of [
  ['plain', (bytes: Uint8Array) => bytes],
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const) {
  test(`${name}: the same trace as from a file`, async () => {
    const bytes = pack(KIT_SAMPLES['vmgt']!);
    const file = join(root, `${name}.vmgt`);
    writeFileSync(file, bytes);
    const fromFile = await ingestCapture([file], { out: join(root, `${name}.file.trace`) });
    const out = join(root, `${name}.pipe.trace`);
    const { status, stderr } = piped(bytes, 'ingest', out);
    assert.equal(status, 0, stderr);
    const manifest = readManifest(out);
    assert.equal(manifest.traceId, fromFile.traceId);
    assert.equal(manifest.inputs[0]!.path, '-');
    assert.equal(manifest.inputs[0]!.sizeBytes, bytes.length);
  });
}

test('reports from a pipe beside a log from a file', () => {
  const log = join(root, 'gt.vmgt');
  writeFileSync(log, KIT_SAMPLES['vmgt']!);
  const out = join(root, 'both.trace');
  const { status, stderr } = piped(KIT_SAMPLES['idle-bitmap']!, 'ingest', out, log);
  assert.equal(status, 0, stderr);
  const { streams, inputs } = readManifest(out);
  assert.deepEqual(
    streams.map(({ stream, inputId }) => [stream, inputId]),
    [['stdin', inputs.find(({ path }) => path === '-')!.inputId]],
  );
});

test('info reads a pipe; an empty one is refused and leaves nothing', () => {
  const { stdout } = piped(KIT_SAMPLES['vmgt']!, 'info');
  const info = JSON.parse(stdout) as { format: string; vcpus: number };
  assert.deepEqual([info.format, info.vcpus], ['vmgt', 1]);
  const out = join(root, 'empty.trace');
  const { status, stderr } = piped(new Uint8Array(0), 'ingest', out);
  assert.notEqual(status, 0);
  assert.match(stderr, /the file is empty/);
  assert.equal(existsSync(out), false);
});
