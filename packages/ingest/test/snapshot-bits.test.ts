/** Bitmaps of snapshots whose number of pages is no multiple of 64. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TraceFormatError } from '@workset/model';
import { softDirtyIngestor } from '../src/formats/soft-dirty.ts';
import { uffdSnapIngestor } from '../src/formats/uffd-snap.ts';
import { bytesSource, collect } from './ingest-helpers.ts';
import { bitmap, snapshotFile } from './kit-files.ts';

const times = (cycle: number) => [1, 2, 3, 4].map((t) => 1e9 * cycle + t);
/** Two records over `pages` pages, each bitmap of `bytes` bytes; the second has the last page set. */
const twoRecords = (pages: number, bytes: number) =>
  snapshotFile(
    { magic: 'SOFTDRTY', fields: [...times(1), pages], bytes: [bitmap(bytes, 0, 9)] },
    { magic: 'SOFTDRTY', fields: [...times(2), pages], bytes: [bitmap(bytes, 1, pages - 1)] },
  );

function pagesOf(bits: Uint8Array): number[] {
  return Array.from({ length: 8 * bits.length }, (_, i) => i).filter((i) => ((bits[i >> 3]! >> (i & 7)) & 1) === 1);
}

describe('soft-dirty', () => {
  for (const pages of [1, 8, 63, 64, 65, 100, 120, 121, 128]) {
    for (const [name, bytes] of [
      ['whole words', Math.ceil(pages / 64) * 8],
      ['whole bytes', Math.ceil(pages / 8)],
    ] as const) {
      test(`${pages} pages in ${name}, cut anywhere`, async () => {
        if (bytes * 8 < 10) return;
        for (const chunk of [1, 7, 4096]) {
          const { reports, ctx } = await collect(softDirtyIngestor, bytesSource(twoRecords(pages, bytes), chunk));
          const second = reports[1]!.reported!;
          assert.deepEqual([second.nPages, second.bits.length], [pages, Math.ceil(pages / 8)]);
          assert.deepEqual(
            pagesOf(second.bits),
            [...new Set([1, pages - 1])].filter((page) => page < pages).sort((a, b) => a - b),
          );
          assert.deepEqual(
            ctx.rejections.filter(({ code }) => code !== 'bits-behind-end'),
            [],
          );
        }
      });
    }
  }

  test('bits behind the last page are counted and cleared', async () => {
    const file = snapshotFile({ magic: 'SOFTDRTY', fields: [...times(1), 100], bytes: [bitmap(16, 99, 100, 127)] });
    const { reports, ctx } = await collect(softDirtyIngestor, bytesSource(file));
    assert.deepEqual(pagesOf(reports[0]!.reported!.bits), [99]);
    assert.deepEqual(
      ctx.rejections.map(({ code }) => code),
      ['bits-behind-end'],
    );
  });

  test('a cut bitmap is refused', async () => {
    for (const cut of [1, 4, 9])
      await assert.rejects(collect(softDirtyIngestor, bytesSource(twoRecords(100, 16).slice(0, -cut))), TraceFormatError);
  });
});

test('uffd-snap: bits behind the last page are counted and cleared', async () => {
  const file = snapshotFile({
    magic: 'WPSNAP00',
    fields: [0, 4, 1, 2, 0, 0, 3, 4, 0, 0, 70, 1, 1, 0, 0],
    bytes: [bitmap(16, 69, 70, 100)],
  });
  const { reports, ctx } = await collect(uffdSnapIngestor, bytesSource(file));
  assert.deepEqual(pagesOf(reports[0]!.reported!.bits), [69]);
  assert.deepEqual(
    ctx.rejections.map(({ code }) => code),
    ['bits-behind-end'],
  );
});
