/** Write-protect, copy, drop: what umap does and QEMU plans (kernel-semantics 11 E1). */
import { definePrimitive } from '../primitive.ts';

export const uffdWpEviction = definePrimitive({
  descriptor: {
    id: 'uffd-wp',
    title: 'UFFDIO_WRITEPROTECT, copy through the mapping, drop',
    source: 'Linux Documentation/admin-guide/mm/userfaultfd.rst; LLNL umap; kernel-semantics 11 E1',
    status: 'mainline',
    backing: { anon: true, shmem: true, hugetlb: true },
    needsSecondMapping: false,
    limits: [
      'reads between protect and drop pass unseen: a page may be evicted just after becoming hot',
      'existing write pins and writes through another mapping are not stopped',
    ],
  },
  config: {},
  *evict({ backing }) {
    yield* ['write-protect', 'flush', 'copy-mapping', 'store', backing === 'anon' ? 'dontneed' : 'punch-hole', 'flush', 'wake'] as const;
  },
});
