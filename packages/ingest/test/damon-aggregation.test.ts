/** The aggregation interval of a DAMON text, which says nothing of it: taken from the distances of the snapshots. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { damonTraceIngestor } from '../src/formats/damon-trace.ts';
import { aggregationOf } from '../src/text/damon-aggregation.ts';
import { ingestText } from './text-harness.ts';

const every = (distanceNs: number, n = 8): number[] => Array.from({ length: n }, (_, i) => 5e9 + i * distanceNs);

test('the usual interval just below the median distance', () => {
  for (const [distance, interval] of [
    [100e6, 100e6],
    [101.3e6, 100e6],
    [113e6, 100e6], // the captures' guests, busy
    [99.999e6, 100e6],
    [50.6e6, 50e6],
    [20.4e6, 20e6],
    [203e6, 200e6],
    [226e6, 200e6],
    [1.013e9, 1e9],
    [5.002e9, 5e9],
    [400e6, 400e6],
    [137e6, 120e6],
  ] as const)
    assert.equal(aggregationOf(every(distance)), interval, `${distance}`);
  assert.equal(aggregationOf([5e9]), 100e6);
  assert.equal(aggregationOf([]), 100e6);
  assert.equal(aggregationOf([0, 1e9, 2e9, 60e9, 61e9]), 1e9, 'a gap between two recordings');
});

const line = (seconds: number, body: string, event = 'damon_aggregated'): string =>
  `  kdamond.0-99 [000] ..... ${seconds.toFixed(6)}: ${event}: ${body}\n`;
const snapshot = (seconds: number): string => line(seconds, 'target_id=0 nr_regions=1 4294967296-4311744512: 3 1');
const windows = async (text: string, options = {}): Promise<number[]> =>
  (await ingestText(damonTraceIngestor, text, options)).reports.map(({ setEndNs, readBeginNs }) =>
    Math.round((readBeginNs - setEndNs) / 1e6),
  );

test('claim windows are as long as that, for the first snapshots too, unless the user says otherwise', async () => {
  const text = Array.from({ length: 12 }, (_, i) => snapshot(10 + i * 1.01)).join('');
  assert.deepEqual(
    await windows(text),
    Array.from({ length: 12 }, () => 1000),
  );
  assert.deepEqual(await windows(text.slice(0, text.length / 4)), [1000, 1000, 1000]);
  assert.deepEqual(
    await windows(text, { aggregation: '500ms' }),
    Array.from({ length: 12 }, () => 500),
  );
  assert.match((await ingestText(damonTraceIngestor, text)).messages['assumed-aggregation']!, /an aggregation interval of 1 s \(snapshots/);
});

test('after DAMON tuned its intervals a window begins at the snapshot before', async () => {
  const tune = line(10.25, 'sample_us=20000', 'damon_monitor_intervals_tune');
  const text = `${[10, 10.1, 10.2].map(snapshot).join('')}${tune}${[10.6, 11, 11.4].map(snapshot).join('')}`;
  assert.deepEqual(await windows(text), [100, 100, 100, 400, 400, 400]);
});
