/** Soft-dirty: clear_refs 4 and pagemap bit 55 (kernel-semantics 4). */
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval, WRITE_ONLY } from './shared.ts';

export const softDirty = defineScheme({
  descriptor: {
    id: 'soft-dirty',
    title: 'soft-dirty bits (clear_refs 4, pagemap bit 55)',
    source: 'Linux Documentation/admin-guide/mm/soft-dirty.rst; kernel-semantics 4',
    mechanism:
      'clear_refs takes W and the soft-dirty bit from every entry of the process, one flush; the first write sets it; pagemap shows it',
    sees: WRITE_ONLY,
    granularity: 'page-table entry: 4 KiB, or 2 MiB where a huge page is mapped',
    domain: 'virtual',
    blindSpots: [
      'every read',
      'no atomic read and clear: a write between the two is lost',
      'new or grown mappings read as dirty wholesale (not modelled)',
      'pinned anon pages stay dirty (not modelled)',
      'hugetlb: clear_refs passes it over, and bit 55 of its pages is that of the whole mapping',
    ],
    target: 'written',
  },
  config: { interval },
  attach(kernel, config) {
    return cycleTracker(kernel, config.interval, {
      set: () => {
        kernel.clearSoftDirty(kernel.range);
        return undefined;
      },
      read: (reported) => kernel.readSoftDirty(kernel.range, reported),
    });
  },
});
