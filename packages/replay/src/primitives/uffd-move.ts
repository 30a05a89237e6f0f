/** UFFDIO_MOVE into a staging area, copy there, drop there (kernel-semantics 11 E4, C17). */
import { definePrimitive } from '../primitive.ts';

const NOT_ANON = 'UFFDIO_MOVE takes private anonymous pages only';

export const uffdMove = definePrimitive({
  descriptor: {
    id: 'uffd-move',
    title: 'UFFDIO_MOVE into a staging area, copy and drop there',
    source: 'Linux 6.8 mm/userfaultfd.c:move_pages; kernel-semantics 11 E4',
    status: 'mainline',
    backing: { anon: true, shmem: NOT_ANON, hugetlb: NOT_ANON },
    needsSecondMapping: false,
    limits: [
      'EBUSY for pinned, shared or non-exclusive pages',
      'a second address range, extra page-table writes and a second flush',
      'the staging area must not be registered for RWP: pages would arrive armed',
    ],
  },
  config: {},
  *evict() {
    yield* ['move', 'flush', 'copy-staging', 'store', 'drop-staging', 'flush', 'wake'] as const;
  },
});
