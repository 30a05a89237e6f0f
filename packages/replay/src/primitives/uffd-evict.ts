/** UFFDIO_EVICT as the thread imagines it: one call that zaps and hands the contents back (kernel-semantics 11 E5, C18). */
import { definePrimitive } from '../primitive.ts';

export const uffdEvict = definePrimitive({
  descriptor: {
    id: 'uffd-evict',
    title: 'proposed UFFDIO_EVICT: zap and return the contents',
    source: 'linux-mm thread, April 2026 (C18); kernel-semantics 11 E5',
    status: 'idea',
    backing: { anon: true, shmem: true, hugetlb: 'nobody has described it for hugetlb' },
    needsSecondMapping: false,
    limits: ['does not exist; modelled with the pin check of UFFDIO_MOVE and a zap of every mapping'],
  },
  config: {},
  *evict() {
    yield* ['detach', 'flush', 'copy-detached', 'store', 'wake'] as const;
  },
});
