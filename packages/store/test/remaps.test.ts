/** Pages that moved, and touches of all actors, survive writing and reading; damage is named. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GUP, HOST, OTHER, REMAP_KINDS, TraceFormatError, WRITE } from '@workset/model';
import { createTraceWriter, openTrace, verifyTrace } from '@workset/store';
import { readRemaps } from '../src/remap-log.ts';
import { finalOf, framesOf, scratch } from './support.ts';

test('remaps come back in time order, on the trace clock, and their pages exist', async (t) => {
  const out = join(scratch(t), 'moved.trace');
  const writer = await createTraceWriter({ out });
  writer.frame('gpa', 0, 1000, 1, Uint32Array.of(5), Uint8Array.of(0));
  writer.remap('gpa', 700, 5, 'swap');
  writer.remap('gpa', 300, 2 ** 33 + 1, 'migrate');
  const manifest = await writer.close(finalOf({ mapTime: (ns) => ns * 2 + 0.4 }));
  assert.equal(manifest.spaces[0]!.nRemaps, 2);
  verifyTrace(out);
  const trace = await openTrace(out);
  const { n, tNs, page, kind } = trace.remaps('gpa');
  assert.deepEqual([n, [...tNs], [...page], [...kind].map((k) => REMAP_KINDS[k])], [2, [600, 1400], [2 ** 33 + 1, 5], ['migrate', 'swap']]);
  assert.ok(trace.space('gpa').idOf(2 ** 33 + 1) >= 0);
  trace.close();
});

test('a trace without remaps has no table, and says so by an empty one', async (t) => {
  const out = join(scratch(t), 'still.trace');
  const writer = await createTraceWriter({ out });
  writer.frame('gpa', 0, 1000, 1, Uint32Array.of(5), Uint8Array.of(0));
  const manifest = await writer.close(finalOf());
  assert.ok(!('nRemaps' in manifest.spaces[0]!));
  assert.ok(!existsSync(join(out, 'remaps.gpa.arrow')));
  const trace = await openTrace(out);
  assert.equal(trace.remaps('gpa').n, 0);
  trace.close();
});

test('four class bits hold every actor', async (t) => {
  const out = join(scratch(t), 'actors.trace');
  const writer = await createTraceWriter({ out, classBits: 4 });
  const classes = [0, HOST, HOST | WRITE, GUP, OTHER | WRITE];
  writer.frame('gpa', 0, 1000, classes.length, Uint32Array.of(1, 2, 3, 4, 5), Uint8Array.from(classes));
  await writer.close(finalOf());
  const trace = await openTrace(out);
  assert.deepEqual(framesOf(trace, 'gpa')[0]!.classes, classes);
  trace.close();
});

test('an unknown kind, and time that goes back, are damage', () => {
  const damaged = (what: string): TraceFormatError => new TraceFormatError(what, { file: 'remaps.gpa.arrow' }, 'ingest again');
  const columns = (tNs: readonly number[], kind: readonly number[]) => ({
    rows: kind.length,
    numbers: (name: string) => Float64Array.from(name === 't_ns' ? tNs : kind.map(() => 1)),
    int32: () => Int32Array.from(kind),
  });
  assert.equal(readRemaps(columns([1, 1, 2], [0, 1, 0]), damaged).n, 3);
  assert.throws(() => readRemaps(columns([1], [2]), damaged), /row 0 is of kind 2/);
  assert.throws(() => readRemaps(columns([2, 1], [0, 0]), damaged), /row 1 goes back in time/);
});
