/** Memory that only a tracker tells of: a recording of DAMON on a process, without any log of its accesses. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { ingestCapture } from '@workset/ingest';
import { WatchedMemory } from '../src/capture/watched-memory.ts';

const root = mkdtempSync(join(tmpdir(), 'workset-watched-'));
after(() => rmSync(root, { recursive: true }));

const region = (t: string, start: number, end: number, nr: number): string =>
  `        kdamond.0  6497 [031]  ${t}: damon:damon_aggregated: target_id=0 nr_regions=2 ${start}-${end}: ${nr} 240\n`;
const HEAP = 0x7fd2_0000_0000;
const STACK = 0x7ffc_0000_0000;
const snapshot = (t: string, cut: number): string => region(t, HEAP, HEAP + cut, 5) + region(t, STACK, STACK + (2 << 20), 0);

test('virtual regions are the memory of a trace without touches', async () => {
  const path = join(root, 'damon.txt');
  writeFileSync(path, snapshot('5702.069502', 4 << 20) + snapshot('5702.169502', 6 << 20));
  const { spaces } = await ingestCapture([path], { out: join(root, 'damon.trace') });
  assert.deepEqual(
    spaces.map(({ id, nPages, nTouches, truth }) => [id, nPages, nTouches, truth]),
    [['gva', (8 << 20) / 4096, 0, 'observed']],
  );
});

test('virtual ranges are declared once, at the end, and only where nothing was touched; physical ones always', () => {
  const ranges = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 40 })), { maxLength: 30 });
  fc.assert(
    fc.property(ranges, fc.boolean(), (given, isTouched) => {
      const declared = { gpa: new Set<number>(), gva: new Set<number>() };
      const watched = new WatchedMemory((space, startPage, nPages) => {
        const pages = declared[space as 'gpa' | 'gva'];
        for (let page = startPage; page < startPage + nPages; page++) {
          if (space === 'gva') assert.ok(!pages.has(page), `page ${page} twice`);
          pages.add(page);
        }
      });
      for (const space of ['gpa', 'gva'] as const)
        for (const [start, n] of given) {
          const one = Float64Array.of(start);
          const zero = Float64Array.of(0);
          watched.add(space, {
            reported: null,
            eligible: null,
            regions: { startPage: one, nPages: Float64Array.of(n), nrAccesses: zero, age: zero },
          });
        }
      assert.equal(declared.gva.size, 0);
      watched.finish(new Set(isTouched ? (['gva'] as const) : []));
      const all = new Set(given.flatMap(([start, n]) => Array.from({ length: n }, (_, i) => start + i)));
      assert.deepEqual(declared.gpa, all);
      assert.deepEqual(declared.gva, isTouched ? new Set() : all);
    }),
  );
});
