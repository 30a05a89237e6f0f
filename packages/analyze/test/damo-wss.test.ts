/** damo_wss against what damo itself printed, byte by byte, and against its definition worked out by other means. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { gunzipSync, inflateSync } from 'node:zlib';
import { Results } from '@workset/analyze';
import type { Row } from '@workset/model';
import { scratch, windowRow, writeRows } from './results-dir.ts';

const TRACES = join(import.meta.dirname, '../../../traces');
const PAGE = 4096;

interface Region {
  readonly start: number;
  readonly end: number;
  readonly nrAccesses: number;
}
type Recording = readonly (readonly Region[])[];

/** What `damo report wss` would write to stdout, by the view. */
async function printed(t: TestContext, recordings: Readonly<Record<string, Recording>>, run: Row = {}): Promise<string> {
  const dir = scratch(t);
  const all = Object.entries(recordings);
  const observed = { scheme: 'observed:damon-paddr', kind: 'observed', ...run };
  await writeRows(
    dir,
    'runs',
    all.map(([stream], i) => ({ run_id: `r${i}`, stream, ...observed })),
  );
  await writeRows(
    dir,
    'windows',
    all.flatMap(([, snapshots], i) => snapshots.map((_, w) => windowRow(`r${i}`, w))),
  );
  const regions = all.flatMap(([, snapshots], i) =>
    snapshots.flatMap((each, w) =>
      each.map(({ start, end, nrAccesses }) => ({
        run_id: `r${i}`,
        w,
        start_page: start / PAGE,
        n_pages: (end - start) / PAGE,
        score: nrAccesses,
      })),
    ),
  );
  await writeRows(dir, 'regions', regions.length > 0 ? regions : [{ run_id: 'none' }]);
  const results = await Results.open(dir);
  t.after(() => results.close());
  const { rows } = await results.query('SELECT text FROM damo_wss ORDER BY line');
  return rows.map(({ text }) => `${String(text)}\n`).join('');
}

/** C's %.3f: where toFixed rounds a tie up, this takes the even digit. */
const threeDecimals = (x: number): string =>
  (x * 1000 - Math.floor(x * 1000) === 0.5 ? 2 * Math.round(x * 500) : x * 1000)
    .toFixed(0)
    .padStart(4, '0')
    .replace(/(\d{3})$/, '.$1');

/** Working sets of the snapshots that damo counts, in ascending order. */
const sizesOf = (recording: Recording): number[] =>
  recording
    .slice(20)
    .map((regions) => regions.filter(({ nrAccesses }) => nrAccesses >= 1).reduce((sum, { start, end }) => sum + end - start, 0))
    .sort((a, b) => a - b);

/** damo's definition, without SQL: default options. */
function byDefinition(sizes: readonly number[]): string {
  const human = (bytes: number): string => {
    for (const [unit, shift] of [
      ['GiB', 30],
      ['MiB', 20],
      ['KiB', 10],
    ] as const)
      if (bytes > 2 ** shift) return `${threeDecimals(bytes / 2 ** shift)} ${unit}`;
    return `${Math.trunc(bytes)} B`;
  };
  const mean = sizes.reduce((sum, each) => sum + each, 0) / sizes.length;
  const points = [0, 25, 50, 75, 100].map((percentile) => ({
    percentile,
    bytes: sizes[Math.min(sizes.length - 1, Math.trunc((percentile / 100) * sizes.length))]!,
  }));
  const most = Math.max(...points.map(({ bytes }) => bytes));
  const rows = points.map(({ percentile, bytes }) => {
    const stars = most > 0 ? Math.trunc(bytes / (most / 59)) : bytes;
    return `${String(percentile).padStart(3)} ${human(bytes).padStart(15)} |${'*'.repeat(stars)}${' '.repeat(59 - stars)}|\n`;
  });
  return `# target_id\t0\n# <percentile> <wss>\n# avr:\t${human(mean)}\n${rows.join('')}`;
}

test('damo_wss: the bytes that damo report wss printed for the sample recording', async (t) => {
  const json = inflateSync(readFileSync(join(TRACES, 'damo/damon_aggr.json_compressed'))).toString();
  const records = JSON.parse(json) as {
    snapshots: { regions: { start: string; end: string; nr_accesses: { samples: number } }[] }[];
  }[];
  const number = (text: string): number => Number(text.replaceAll(',', ''));
  const recording = records[0]!.snapshots.map(({ regions }) =>
    regions.map(({ start, end, nr_accesses: { samples } }) => ({ start: number(start), end: number(end), nrAccesses: samples })),
  );
  assert.equal(recording.length, 2);
  const expected = readFileSync(join(TRACES, 'damo/report.wss.txt'), 'latin1');
  assert.equal(await printed(t, { 'damon_aggr.t0': recording }), expected);
});

/** Snapshots whose working sets are of these many pages, in this order, behind 20 that damo skips. */
const ofPages = (pages: readonly number[]): Recording => [
  ...Array.from({ length: 20 }, () => [{ start: 0, end: PAGE * 1e6, nrAccesses: 5 }]),
  ...pages.map((n) => [
    ...(n > 0 ? [{ start: 0, end: PAGE * n, nrAccesses: 1 }] : []),
    { start: PAGE * n, end: PAGE * (n + 77), nrAccesses: 0 },
  ]),
];

test('damo_wss: the lines that the manual of damo shows', async (t) => {
  // USAGE.md of damo, `damo report wss`: sizes of 0, 95.387, 95.391, 95.414 and 196.871 MiB
  const lines = (await printed(t, { 'x.t7': ofPages([24419, 50399, 0, 24426, 24420]) })).split('\n').slice(3);
  assert.deepEqual(lines, [
    '  0             0 B |                                                           |',
    ' 25      95.387 MiB |****************************                               |',
    ' 50      95.391 MiB |****************************                               |',
    ' 75      95.414 MiB |****************************                               |',
    '100     196.871 MiB |***********************************************************|',
    '',
  ]);
});

test('damo_wss: a recording of 56 snapshots, by definition', async (t) => {
  const text = gunzipSync(readFileSync(join(TRACES, 'damon-text/damon.tracefs.txt.gz'))).toString('latin1');
  const recording: Region[][] = [];
  let last = Infinity;
  for (const [, start, end, nrAccesses] of text.matchAll(/damon_aggregated: target_id=0 nr_regions=\d+ (\d+)-(\d+): (\d+)/g)) {
    if (Number(start) <= last) recording.push([]);
    last = Number(start);
    recording.at(-1)!.push({ start: Number(start), end: Number(end), nrAccesses: Number(nrAccesses) });
  }
  assert.ok(recording.length > 24, String(recording.length));
  assert.equal(await printed(t, { 'damon.tracefs': recording }), byDefinition(sizesOf(recording)));
});

test('damo_wss: empty snapshots, no accesses at all, large and odd sizes', async (t) => {
  for (const pages of [[0, 0, 0], [1], [256, 257, 1, 262144, 262145], Array.from({ length: 41 }, (_, i) => i * i)]) {
    const recording = ofPages(pages);
    assert.equal(await printed(t, { x: recording }), byDefinition(sizesOf(recording)), String(pages));
  }
  const silent = Array.from({ length: 25 }, () => []);
  assert.equal(await printed(t, { x: silent }), byDefinition(sizesOf(silent)));
});

test('damo_wss: targets are sorted each, then summed rank by rank and not sorted again', async (t) => {
  const both = { 'x.t0': ofPages([3, 1, 2, 9]), 'x.t18446623438842320000': ofPages([70, 50, 60]) };
  const expected = byDefinition([1 + 50, 2 + 60, 3 + 70, 9].map((n) => n * PAGE));
  assert.equal(await printed(t, both), expected);
  // As the text of a recording names them.
  assert.equal(await printed(t, { x: both['x.t0'], 'x.target1': both['x.t18446623438842320000'] }), expected);
});

test('damo_wss: simulated runs of a region tracker count one by one', async (t) => {
  const lines = (await printed(t, { 'x.t0': ofPages([3]), 'x.t1': ofPages([4]) }, { scheme: 'damon-paddr', kind: 'simulated' })).split(
    '\n',
  );
  assert.equal(lines.length, 2 * 8 + 1);
});
