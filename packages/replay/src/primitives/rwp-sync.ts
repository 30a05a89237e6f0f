/** RW-protection in its sync phase: pages are armed already, so only copy and drop remain (kernel-semantics 11 E2, 2.4). */
import { definePrimitive } from '../primitive.ts';
import { closeSyncPhase, openSyncPhase } from './rwp-phase.ts';

export const rwpSyncEviction = definePrimitive({
  descriptor: {
    id: 'rwp-sync',
    title: 'UFFDIO_SET_MODE(sync), copy through a second mapping, punch, wake',
    source: 'Linux 7.3 Documentation/admin-guide/mm/userfaultfd.rst; kernel-semantics 11 E2',
    status: 'merged in 7.3',
    backing: {
      anon: 'the swapper cannot read an armed anonymous page: its own load, process_vm_readv and any GUP fault too, and in sync mode the reader waits for itself (uffd-move gets the page out)',
      shmem: true,
      hugetlb: true,
    },
    needsSecondMapping: true,
    limits: [
      'without MINOR a cached page that is not mapped is not trapped',
      'existing pins and other mappings are neither seen nor blocked',
      'mmap_write_lock twice per cycle',
    ],
  },
  config: {
    minor: {
      kind: 'flag',
      default: true,
      help: 'register MINOR too, so that mapping a cached page waits for UFFDIO_CONTINUE',
      source: 'kernel-semantics 2.4 gap 3',
    },
  },
  open: openSyncPhase,
  *evict() {
    yield* ['copy-second', 'store', 'punch-hole', 'flush', 'wake'] as const;
  },
  close: closeSyncPhase,
});
