/** MADV_PAGEOUT: the kernel's own reclaim, into kernel swap (kernel-semantics 11 E8). */
import { definePrimitive } from '../primitive.ts';

export const madvPageout = definePrimitive({
  descriptor: {
    id: 'madv-pageout',
    title: 'MADV_PAGEOUT: kernel reclaim without the reference check',
    source: 'Linux mm/madvise.c:madvise_cold_or_pageout_pte_range; kernel-semantics 11 E8',
    status: 'mainline',
    backing: { anon: true, shmem: true, hugetlb: 'hugetlb pages are not on an LRU list and are not reclaimed' },
    needsSecondMapping: false,
    limits: ["goes to kernel swap, not to the swapper's store, and cannot choose a tier", 'skips pages that another mapping maps too'],
  },
  config: {},
  *evict() {
    yield* ['unmap', 'flush', 'writeback', 'reclaim'] as const;
  },
});
