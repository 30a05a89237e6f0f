/** Nothing at the ends of a stored trace is lost: the last frame counts like any other. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { replay } from '@workset/replay';
import { createTraceWriter, openTrace } from '@workset/store';

it('applies every touch of a stored trace, the last frame included', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-whole-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const out = join(dir, 'vm.trace');
  const writer = await createTraceWriter({ out, classBits: 1 });
  for (let f = 0; f < 5; f++)
    writer.frame(
      'gpa',
      f * 1e6,
      (f + 1) * 1e6,
      f + 1,
      Uint32Array.from({ length: f + 1 }, (_, i) => i),
      new Uint8Array(f + 1),
    );
  await writer.close({
    name: 'ends',
    clock: 'trace',
    epochNs: '0',
    quantumNs: 1e6,
    vcpus: 1,
    truth: 'exact',
    synthetic: true,
    spans: [],
    markers: [],
    inputs: [],
    diagnostics: [],
    notes: {},
    producer: { version: '0', argv: [] },
    mapTime: (ns) => ns,
    truthOf: { gpa: 'exact' },
  });
  const summary = await replay(out, { out: join(dir, 'results'), schemes: [{ id: 'uffd-rwp', interval: 1e6 }] });
  assert.equal(summary.touches, 1 + 2 + 3 + 4 + 5);
  const reader = await openTrace(out);
  assert.equal(reader.space('gpa').frames.rowStart.at(-1), 15);
  reader.close();
});

it('refuses a world where RWP and WP are registered on the same memory', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-whole-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const out = join(dir, 'vm.trace');
  const writer = await createTraceWriter({ out, classBits: 1 });
  writer.frame('gpa', 0, 1e6, 1, Uint32Array.of(0), new Uint8Array(1));
  await writer.close({
    name: 'one',
    clock: 'trace',
    epochNs: '0',
    quantumNs: 1e6,
    vcpus: 1,
    truth: 'exact',
    synthetic: true,
    spans: [],
    markers: [],
    inputs: [],
    diagnostics: [],
    notes: {},
    producer: { version: '0', argv: [] },
    mapTime: (ns) => ns,
    truthOf: { gpa: 'exact' },
  });
  const schemes = ['uffd-rwp', 'uffd-wp-sync', 'idle-page'];
  const world = (...names: string[]): Promise<unknown> => replay(out, { out: join(dir, names.join('-')), schemes, worlds: [names] });
  await assert.rejects(world('uffd-rwp', 'uffd-wp-sync'), /registers RWP and WP on the same memory/);
  await world('uffd-rwp', 'idle-page');
});
