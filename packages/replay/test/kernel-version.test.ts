/** A scheme whose algorithm changed follows the kernel that the capture is of, unless told otherwise. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { planReplay } from '@workset/replay';
import { createTraceWriter } from '@workset/store';
import { versionFor } from '../src/plan.ts';

test('the version of a release is the newest that it is not older than', () => {
  const versions = ['6.1', '7.1', '7.3'];
  const cases: Readonly<Record<string, string | undefined>> = {
    '6.1.192-vmcap': '6.1',
    '5.10.0': '6.1',
    '6.18.44': '6.1',
    '7.1.2': '7.1',
    '7.2.0-rc1': '7.1',
    '7.3.0-rc7': '7.3',
    '10.0': '7.3',
    '6.1.1, 6.18.2': '6.1',
    '6.1.1, 7.3.0': undefined,
    '': undefined,
    unknown: undefined,
  };
  for (const [release, version] of Object.entries(cases)) assert.equal(versionFor(release, versions), version, release);
});

test('a replay takes it from the capture', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-kernel-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const kernelOf = async (notes: Record<string, string>, scheme: { id: string; kernel?: string }): Promise<unknown> => {
    const out = join(dir, 'a.trace');
    const writer = await createTraceWriter({ out });
    writer.frame('gpa', 0, 1e6, 1, Uint32Array.of(1), Uint8Array.of(0));
    await writer.close({
      name: 'a',
      clock: 'trace',
      epochNs: '0',
      quantumNs: 1e6,
      vcpus: 1,
      truth: 'exact',
      synthetic: true,
      spans: [{ t0Ns: 0, t1Ns: 1e6, label: '' }],
      markers: [],
      inputs: [],
      diagnostics: [],
      notes,
      producer: { version: '0', argv: [] },
      mapTime: (ns) => ns,
      truthOf: {},
    });
    return (await planReplay(out, { schemes: [scheme] })).runs[0]!.params['kernel'];
  };
  assert.equal(await kernelOf({ kernel: '6.1.192-vmcap' }, { id: 'damon-paddr' }), '6.1');
  assert.equal(await kernelOf({ kernel: '7.3.0' }, { id: 'damon-vaddr' }), '7.3');
  assert.equal(await kernelOf({ kernel: '6.1.192-vmcap' }, { id: 'damon-paddr', kernel: '7.3' }), '7.3');
  assert.equal(await kernelOf({}, { id: 'damon-paddr' }), '7.3');
});
