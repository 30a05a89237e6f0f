import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';

import { ProgressLine, progressText } from '../src/progress.ts';

function line(enabled: boolean): { bar: ProgressLine; at: (ms: number) => void; shown: () => string } {
  const stream = new PassThrough();
  let now = 0;
  const bar = new ProgressLine(stream as unknown as NodeJS.WriteStream, 'ingest', enabled, () => now);
  return { bar, at: (ms) => (now = ms), shown: () => String(stream.read() ?? '') };
}

test('says bytes, rate and time left', () => {
  const text = progressText(
    'ingest',
    { what: 'gt.vmgt.gz', done: 25 * 2 ** 20, total: 100 * 2 ** 20, unit: 'bytes', events: 3_000_000 },
    2,
  );
  assert.equal(text, 'ingest gt.vmgt.gz  25%  25 MiB of 100 MiB  1.5 M events/s  ETA 6 s');
});

test('without a total there is no percentage and no ETA', () => {
  assert.equal(progressText('ingest', { done: 2048, unit: 'bytes' }, 2), 'ingest  2 KiB');
});

test('is silent for a second, then at most ten times a second, and cleared at the end', () => {
  const { bar, at, shown } = line(true);
  at(900);
  bar.update({ done: 1, total: 10, unit: 'runs' });
  assert.equal(shown(), '');
  at(1000);
  bar.update({ done: 2, total: 10, unit: 'runs' });
  assert.match(shown(), /20%/);
  at(1050);
  bar.update({ done: 3, total: 10, unit: 'runs' });
  assert.equal(shown(), '');
  bar.end();
  assert.equal(shown(), '\r\u001b[2K');
});

test('a quick command and a disabled line write nothing at all', () => {
  const quick = line(true);
  quick.bar.end();
  assert.equal(quick.shown(), '');
  const off = line(false);
  off.at(5000);
  off.bar.update({ done: 1, unit: 'events' });
  off.bar.end();
  assert.equal(off.shown(), '');
});
