/** Multi-gen LRU aged on demand through debugfs: generations as a tracker (kernel-semantics 7.2). */
import type { Tracker } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';
import { interval } from './shared.ts';

export const mglru = defineScheme({
  descriptor: {
    id: 'mglru',
    title: 'multi-gen LRU aging',
    source: 'Linux Documentation/admin-guide/mm/multigen_lru.rst; kernel-semantics 7.2',
    mechanism: 'walks page tables, clears A; the first sighting sets PG_referenced, the second promotes to the youngest generation',
    sees: { reads: true, writes: true },
    granularity: 'folio; debugfs exports pages per generation only (the page set shown here is the youngest generation)',
    domain: 'virtual',
    blindSpots: [
      'a page seen once since it was last promoted or faulted in',
      'page tables that the Bloom filter skips (without force)',
      'accesses that hit a TLB entry cached before the walk',
      'DMA',
      'which page of a large folio was accessed, however it is mapped',
      'hugetlb: its mappings are skipped whole',
    ],
    target: 'touched',
  },
  config: {
    interval,
    force: { kind: 'flag', default: true, help: 'force_scan: walk every page table', source: 'debugfs force_scan defaults to 1 (7.2)' },
  },
  attach(kernel, config): Tracker {
    let from = kernel.now;
    kernel.lruGenAge(kernel.range, config);
    return {
      firstWakeNs: from + config.interval,
      wake(now) {
        kernel.lruGenAge(kernel.range, config);
        const reported = kernel.emptySet();
        kernel.lruGenYoungest(kernel.range, reported);
        kernel.report({ outerT0Ns: from, claimT0Ns: from, claimT1Ns: now, outerT1Ns: now, reported });
        from = now;
        return now + config.interval;
      },
    };
  },
});
