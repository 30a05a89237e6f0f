/** maccess(): a read through PROT_NONE, with MADV_DONTNEED as the drop it lacks (kernel-semantics 11 E6, C18). */
import { definePrimitive } from '../primitive.ts';
import { maybeProtected, protect } from './rwp-phase.ts';

const FILE = 'file memory is read through a second mapping, which needs no such call (rwp-sync)';

export const maccess = definePrimitive({
  descriptor: {
    id: 'maccess',
    title: 'maccess() through PROT_NONE, then MADV_DONTNEED',
    source: 'linux-mm thread, April 2026 (C18); kernel-semantics 11 E6',
    status: 'idea',
    backing: { anon: true, shmem: FILE, hugetlb: FILE },
    needsSecondMapping: false,
    limits: [
      'does not exist; a read building block without a drop step of its own',
      'without RW-protection a write after the read is lost',
    ],
  },
  config: { protect },
  ...maybeProtected(['copy-remote', 'store', 'dontneed', 'flush']),
});
