/** Small traces for the store's tests. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { TraceFinal, TraceReader } from '@workset/store';
import type { SpaceId } from '@workset/model';

/** A directory that is gone after the test. */
export function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'workset-store-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export function finalOf(more: Partial<TraceFinal> = {}): TraceFinal {
  return {
    name: 'test',
    clock: 'guest-monotonic',
    epochNs: '0',
    quantumNs: null,
    vcpus: 1,
    truth: 'exact',
    synthetic: true,
    spans: [{ t0Ns: 0, t1Ns: 1e15, label: '' }],
    markers: [],
    inputs: [],
    diagnostics: [],
    notes: {},
    producer: { version: '0.0.0', argv: [] },
    mapTime: (ns) => ns,
    truthOf: {},
    ...more,
  };
}

export interface Frame {
  readonly t0Ns: number;
  readonly t1Ns: number;
  readonly pages: readonly number[];
  readonly classes: readonly number[];
}

/** All frames of a space as page numbers and classes, through the reader. */
export function framesOf(trace: TraceReader, id: SpaceId): Frame[] {
  const space = trace.space(id);
  const { frames, info } = space;
  const touches = new Int32Array(info.nTouches);
  const batch = new Int32Array(new SharedArrayBuffer(space.batchRows * 4));
  for (let i = 0, at = 0; i < space.nBatches; i++) {
    const rows = space.readBatch(i, batch);
    touches.set(batch.subarray(0, rows), at);
    at += rows;
  }
  return Array.from({ length: frames.n }, (_, f) => {
    const rows = [...touches.subarray(frames.rowStart[f]!, f + 1 < frames.n ? frames.rowStart[f + 1]! : info.nTouches)];
    return {
      t0Ns: frames.t0Ns[f]!,
      t1Ns: frames.t1Ns[f]!,
      pages: rows.map((touch) => space.pageOf(touch >>> info.classBits)),
      classes: rows.map((touch) => touch & ((1 << info.classBits) - 1)),
    };
  });
}

export function fileNames(dir: string): string[] {
  return readdirSync(dir).sort();
}
