/** Copy through a second mapping and punch, with no protection at all (kernel-semantics 11 E7). */
import { definePrimitive } from '../primitive.ts';

export const punchHole = definePrimitive({
  descriptor: {
    id: 'punch-hole',
    title: 'copy through a second mapping, FALLOC_FL_PUNCH_HOLE, no protection',
    source: 'fallocate(2); kernel-semantics 11 E7',
    status: 'mainline',
    backing: { anon: 'anonymous memory has no file to punch and no second mapping', shmem: true, hugetlb: true },
    needsSecondMapping: true,
    limits: ['a write between the last byte copied and the punch is lost'],
  },
  config: {},
  *evict() {
    yield* ['copy-second', 'store', 'punch-hole', 'flush'] as const;
  },
});
