/** userfaultfd write-protection, async, with PAGEMAP_SCAN(WP_MATCHING): the write working set (kernel-semantics 3). */
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval } from './shared.ts';

export const uffdWp = defineScheme({
  descriptor: {
    id: 'uffd-wp',
    title: 'userfaultfd write-protection, async, PAGEMAP_SCAN with WP_MATCHING',
    source: 'Linux 7.3 Documentation/admin-guide/mm/pagemap.rst; kernel-semantics 3',
    mechanism:
      'UFFDIO_WRITEPROTECT clears W and sets the uffd bit, markers where nothing is mapped; the first write clears it; PAGEMAP_SCAN(PAGE_IS_WRITTEN) reports and re-protects atomically',
    sees: { reads: false, writes: true },
    granularity: '4 KiB (a huge page is split by its first write), 2 MiB of hugetlb',
    domain: 'virtual',
    blindSpots: ['every read', 'writes through any other mapping, pinned DMA, the kernel direct map'],
    target: 'written',
  },
  config: { interval },
  attach(kernel, config) {
    return cycleTracker(kernel, config.interval, {
      readSets: true,
      set: () => {
        kernel.uffdWriteProtect(kernel.range);
        return undefined;
      },
      read: (reported) => kernel.pagemapScanWritten(kernel.range, reported),
    });
  },
});
