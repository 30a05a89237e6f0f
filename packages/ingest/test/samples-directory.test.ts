/** A recording of perf record --threads is one input, given as its directory or found in the directory of a capture. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { UnreadableInputError } from '@workset/model';
import { convertTrace, ingestCapture, inspectFile, openSource } from '@workset/ingest';

const root = mkdtempSync(join(tmpdir(), 'workset-perf-directory-'));
after(() => rmSync(root, { recursive: true }));
const fixtures = join(import.meta.dirname, '../../../traces/perf-data');
const unpacked = (name: string): Buffer => gunzipSync(readFileSync(join(fixtures, `${name}.gz`)));
const recording = join(root, 'capture', 'perf.data');
mkdirSync(recording, { recursive: true });
const PARTS = ['data', 'data.0', 'data.1'];
for (const part of PARTS) writeFileSync(join(recording, part), unpacked(`pf-dir/${part}`));
/** Lines that perf script prints for the directory. */
const samples = unpacked('pf-dir.script.txt').toString('latin1').trimEnd().split('\n').length;

test('info reads all its files', async () => {
  const info = await inspectFile(recording);
  assert.deepEqual([info.format, info.records], ['perf-data', samples]);
  assert.equal(
    info.sizeBytes,
    PARTS.reduce((sum, part) => sum + unpacked(`pf-dir/${part}`).length, 0),
  );
});

test('ingest takes it by its path, and from the directory of the capture', async () => {
  const direct = await ingestCapture([recording], { out: join(root, 'a.trace') });
  const found = await ingestCapture([join(root, 'capture')], { out: join(root, 'b.trace') });
  for (const { inputs } of [direct, found])
    assert.deepEqual(
      inputs.map(({ format, nEvents }) => [format, nEvents]),
      [['perf-data', samples]],
    );
  assert.equal(direct.inputs[0]!.sha256, found.inputs[0]!.sha256);
  assert.equal(direct.inputs[0]!.inputId, found.inputs[0]!.inputId);
});

test('convert takes it, too', async () => {
  assert.equal((await convertTrace(recording, { out: join(root, 'a.csv') })).rows, samples);
});

test('one file of it, or another directory, is refused with the way to do it', async () => {
  const refusal = (hint: RegExp) => (error: unknown) => error instanceof UnreadableInputError && hint.test(error.hint!);
  await assert.rejects(inspectFile(join(recording, 'data')), refusal(/the directory itself/));
  await assert.rejects(inspectFile(join(recording, 'data.0')), refusal(/the directory itself/));
  await assert.rejects(openSource(join(root, 'capture')), refusal(/workset ingest DIR/));
});
