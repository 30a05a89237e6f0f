import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tableFromIPC } from 'apache-arrow';
import { TraceFormatError } from '@workset/model';
import { createTraceWriter, openTrace, readManifest, type TraceFile } from '@workset/store';
import { traceIdOf } from '../src/manifest.ts';
import { finalOf, framesOf, scratch } from './support.ts';

async function writeTrace(out: string): Promise<void> {
  const writer = await createTraceWriter({ out });
  for (let f = 0; f < 7; f++) writer.frame('gpa', f * 10, f * 10 + 10, 3, Uint32Array.of(f * 900, 2 ** 31, 5), Uint8Array.of(0, 1, 2));
  await writer.close(finalOf());
}

/** Rewrites trace.json with other entries in its file table, and the id that goes with them. */
function rewrite(path: string, change: (entry: TraceFile['files'][number]) => object): void {
  const trace = readManifest(path);
  const changed = { ...trace, files: trace.files.map(change) } as TraceFile;
  writeFileSync(join(path, 'trace.json'), JSON.stringify({ ...changed, traceId: traceIdOf(changed) }));
}

test('the places that trace.json gives are where apache-arrow finds the values', async (t) => {
  const path = join(scratch(t), 'a.trace');
  await writeTrace(path);
  const space = (await openTrace(path)).space('gpa');
  const table = tableFromIPC(readFileSync(join(path, 'frames.gpa.arrow')));
  const column = (name: string): number[] => [...table.getChild(name)!].map(Number);
  assert.deepEqual([...space.frames.t0Ns], column('t0_ns'));
  assert.deepEqual([...space.frames.t1Ns], column('t1_ns'));
  assert.deepEqual([...space.frames.rowStart], [...column('row_start'), 21]);
  assert.deepEqual([...space.frames.nAccesses], column('n_accesses'));
  assert.deepEqual([...space.frames.span], column('span'));
  assert.deepEqual([...space.blocks], [...tableFromIPC(readFileSync(join(path, 'blocks.gpa.arrow'))).getChild('block')!].map(Number));
});

test('a trace without places, as older versions wrote it, reads the same', async (t) => {
  const path = join(scratch(t), 'a.trace');
  await writeTrace(path);
  const before = framesOf(await openTrace(path), 'gpa');
  rewrite(path, ({ columns: _columns, ...entry }) => entry);
  assert.deepEqual(framesOf(await openTrace(path), 'gpa'), before);
});

test('places outside the file, of another type or missing are refused by name', async (t) => {
  const path = join(scratch(t), 'a.trace');
  const damages = [{ offset: 1e9 }, { offset: -8 }, { rows: 1e15 }, { rows: 0.5 }, { type: 'utf8' }, { name: 'other' }];
  for (const damage of damages) {
    await writeTrace(path);
    rewrite(path, (entry) => ({ ...entry, ...(entry.columns && { columns: entry.columns.map((place) => ({ ...place, ...damage })) }) }));
    const trace = await openTrace(path);
    assert.throws(() => trace.space('gpa'), TraceFormatError, JSON.stringify(damage));
  }
});
