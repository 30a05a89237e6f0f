/** userfaultfd RW-protection, async: arm, sleep, SET_MODE(sync), hot scan (kernel-semantics 2). */
import { PageBitmap } from '@workset/model';
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval } from './shared.ts';

export const uffdRwp = defineScheme({
  descriptor: {
    id: 'uffd-rwp',
    title: 'userfaultfd RW-protection, async, hot scan',
    source: 'Linux 7.3 Documentation/admin-guide/mm/userfaultfd.rst; kernel-semantics 2',
    mechanism: 'UFFDIO_RWPROTECT makes present entries PROT_NONE with the uffd bit; the first access resolves one entry; PAGEMAP_SCAN(PAGE_IS_ACCESSED) lists entries without the bit',
    sees: { reads: true, writes: true },
    granularity: 'page-table entry: 4 KiB, or 2 MiB where a huge page is mapped',
    domain: 'virtual',
    blindSpots: [
      'accesses through any other mapping, and pinned DMA',
      'kernel accesses through the direct map',
      'a page populated after arming is unarmed: it is reported for the rest of the cycle, rightly, and armed in the next',
      'PMD-mapped shmem huge pages are never armed',
    ],
    target: 'touched',
  },
  config: { interval },
  attach(kernel, config) {
    return cycleTracker(kernel, config.interval, {
      set() {
        kernel.uffdRwProtect(kernel.range);
        const armed = new PageBitmap(kernel.nPages);
        kernel.uffdRwWatched(kernel.range, armed);
        return armed;
      },
      read: (reported) => kernel.pagemapScanAccessed(kernel.range, reported),
    });
  },
});
