import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ingestor } from '@workset/model';
import { WorksetError } from '@workset/model';
import { damonSysfsIngestor } from '../src/formats/damon-sysfs.ts';
import { kidledIngestor } from '../src/formats/kidled.ts';
import { kpageflagsIngestor } from '../src/formats/kpageflags.ts';
import { kvmDirtyIngestor } from '../src/formats/kvm-dirty.ts';
import { pageIdleRawIngestor } from '../src/formats/page-idle-raw.ts';
import { pagemapIngestor } from '../src/formats/pagemap.ts';
import { pagemapScanIngestor } from '../src/formats/pagemap-scan.ts';
import { smapsIngestor } from '../src/formats/smaps.ts';
import { uffdLogIngestor } from '../src/formats/uffd-log.ts';
import { bytesSource, collect } from './ingest-helpers.ts';

const TRACES = join(import.meta.dirname, '../../../traces');
const OPTIONS = {
  vaddr: '0x7a0000000000',
  'slot-base': '0',
  'accesses-per-second': '1e6',
  begin: '0',
  end: '1s',
  ops: 'paddr',
  'return-mask': '0xff',
};
const CASES: [ingestor: Ingestor, file: string, options: Record<string, string>][] = [
  [pagemapIngestor, 'pagemap/pagemap.after-write.bin', {}],
  [pagemapScanIngestor, 'pagemap/pagemap_scan.all.bin', {}],
  [pagemapScanIngestor, 'pagemap/pagemap_scan.all.txt', {}],
  [kpageflagsIngestor, 'pagemap/pagemap.after-write.bin', {}],
  [pageIdleRawIngestor, 'pagemap/pagemap.after-write.bin', {}],
  [uffdLogIngestor, 'uffd-log/uffd.csv', {}],
  [uffdLogIngestor, 'uffd-log/uffd_msg.bin', {}],
  [kvmDirtyIngestor, 'kvm-dirty/dirty_bitmap.slot0.bin', {}],
  [kvmDirtyIngestor, 'kvm-dirty/dirty_ring.raw.bin', { layout: 'ring' }],
  [kvmDirtyIngestor, 'kvm-dirty/dirty_ring.txt', {}],
  [damonSysfsIngestor, 'damon-sysfs/kdamonds.tsv', {}],
  [smapsIngestor, 'size-outputs/smaps_rollup.txt', {}],
  [kidledIngestor, 'size-outputs/memory.idle_page_stats.txt', {}],
];

for (const [ingestor, file, more] of CASES) {
  test(
    `${ingestor.descriptor.id} ${file}: chunk sizes do not matter; damage ends in a result or a typed error`,
    { timeout: 30_000 },
    async () => {
      const data = new Uint8Array(readFileSync(join(TRACES, file)));
      const options = { ...OPTIONS, ...more };
      const plain = (value: unknown): unknown =>
        JSON.parse(JSON.stringify(value, (_, part: unknown) => (ArrayBuffer.isView(part) ? [...(part as Uint8Array)] : part)));
      const whole = await collect(ingestor, bytesSource(data, data.length, 'f'), options);
      for (const chunk of [1, 5, 64]) {
        const again = await collect(ingestor, bytesSource(data, chunk, 'f'), options);
        assert.deepEqual(
          plain([again.accesses, again.reports, again.others, again.ctx.rejections]),
          plain([whole.accesses, whole.reports, whole.others, whole.ctx.rejections]),
        );
      }
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: data.length - 1 }),
          fc.integer({ min: 0, max: 255 }),
          fc.boolean(),
          fc.integer({ min: 1, max: 999 }),
          async (at, value, cut, chunk) => {
            const damaged = data.slice(0, cut ? at : data.length);
            if (!cut) damaged[at] = value;
            ingestor.sniff(damaged);
            try {
              await collect(ingestor, bytesSource(damaged, chunk, 'f'), options);
            } catch (error) {
              if (!(error instanceof WorksetError)) throw error;
            }
          },
        ),
        { numRuns: 120, seed: 11 },
      );
    },
  );
}
