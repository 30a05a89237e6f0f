/** Kernel swap first, swap_access() to read it out, then drop the swap entry (kernel-semantics 11 E6, C18). */
import { definePrimitive } from '../primitive.ts';
import { maybeProtected, protect } from './rwp-phase.ts';

export const swapAccess = definePrimitive({
  descriptor: {
    id: 'swap-access',
    title: 'MADV_PAGEOUT, swap_access() reads the swapped page, MADV_DONTNEED drops the entry',
    source: 'linux-mm thread, April 2026 (C18); kernel-semantics 11 E6',
    status: 'idea',
    backing: {
      anon: true,
      shmem: 'a swapped shmem page has no entry whose drop would free it; punch-hole drops it without the swap',
      hugetlb: 'hugetlb pages are not reclaimed to swap',
    },
    needsSecondMapping: false,
    limits: [
      'does not exist; EBUSY when the page is swapped in meanwhile',
      'a read building block: the drop is MADV_DONTNEED, which loses a write after the read unless the entry is RW-protected',
    ],
  },
  config: { protect },
  ...maybeProtected(['unmap', 'flush', 'writeback', 'reclaim', 'copy-swap', 'store', 'dontneed', 'flush']),
});
