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

test('a replay takes it, and the intervals of a real DAMON that it repeats, from the capture', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'workset-kernel-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const kernelOf = async (notes: Record<string, string>, scheme: { id: string; kernel?: string }): Promise<unknown> =>
    (await planReplay(await traceWith(notes), { schemes: [scheme] })).runs[0]!.params['kernel'];
  /** @param stream notes of a DAMON stream in it */
  const traceWith = async (notes: Record<string, string>, stream?: Record<string, string | number>): Promise<string> => {
    const out = join(dir, 'a.trace');
    const writer = await createTraceWriter({ out });
    writer.frame('gpa', 0, 1e6, 1, Uint32Array.of(1), Uint8Array.of(0));
    if (stream !== undefined)
      writer.stream({
        stream: 'd',
        tracker: 'damon-paddr',
        space: 'gpa',
        inputId: '',
        range: null,
        target: 'touched',
        granuleBytes: 4096,
        notes: stream,
      });
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
    return out;
  };
  assert.equal(await kernelOf({ kernel: '6.1.192-vmcap' }, { id: 'damon-paddr' }), '6.1');
  assert.equal(await kernelOf({ kernel: '7.3.0' }, { id: 'damon-vaddr' }), '7.3');
  assert.equal(await kernelOf({ kernel: '6.1.192-vmcap' }, { id: 'damon-paddr', kernel: '7.3' }), '7.3');
  assert.equal(await kernelOf({}, { id: 'damon-paddr' }), '7.3');

  const intervalsOf = async (stream: Record<string, string | number>, scheme = {}): Promise<unknown[]> => {
    const { runs } = await planReplay(await traceWith({}, stream), { schemes: [{ id: 'damon-paddr', ...scheme }] });
    const { aggr, sample } = runs.find((run) => run.stream === 'd' && run.kind === 'simulated')!.params;
    return [sample, aggr];
  };
  assert.deepEqual(await intervalsOf({}), [5e6, 100e6]);
  assert.deepEqual(await intervalsOf({ aggregation_ns: 1e9 }), [5e6, 1e9]);
  assert.deepEqual(await intervalsOf({ sample_us: '10000', aggr_us: 200_000 }), [10e6, 200e6]);
  assert.deepEqual(await intervalsOf({ aggregation_ns: 1e9 }, { aggr: '50ms' }), [5e6, 50e6]);
});
