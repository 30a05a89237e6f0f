/** process_vm_readv past the protection, then remote MADV_DONTNEED: proposed in the thread (kernel-semantics 11 E3, C16). */
import { definePrimitive } from '../primitive.ts';
import { maybeProtected, protect } from './rwp-phase.ts';

export const readvDontneed = definePrimitive({
  descriptor: {
    id: 'readv-dontneed',
    title: 'process_vm_readv with a bypass flag, then process_madvise(MADV_DONTNEED)',
    source: 'linux-mm thread, April 2026 (C16); kernel-semantics 11 E3',
    status: 'proposed',
    backing: {
      anon: true,
      shmem: 'MADV_DONTNEED only unmaps file memory, the page cache keeps the page (rwp-sync and punch-hole drop it)',
      hugetlb: 'MADV_DONTNEED only unmaps file memory, the page cache keeps the page (rwp-sync and punch-hole drop it)',
    },
    needsSecondMapping: false,
    limits: [
      'does not exist: flags must be 0 and remote MADV_DONTNEED is refused',
      'without RW-protection a write between the two calls is lost',
      'process_vm_readv marks pages accessed',
    ],
  },
  config: { protect },
  ...maybeProtected(['copy-remote', 'store', 'dontneed', 'flush']),
});
