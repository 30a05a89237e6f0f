/** Idle page tracking through page_idle/bitmap (kernel-semantics 6). */
import type { PageBitmap } from '@workset/model';
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval } from './shared.ts';

export const idlePage = defineScheme({
  descriptor: {
    id: 'idle-page',
    title: 'idle page tracking (page_idle/bitmap)',
    source: 'Linux Documentation/admin-guide/mm/idle_page_tracking.rst; kernel-semantics 6',
    mechanism: 'marking walks the reverse map, clears A bits and sets PG_idle; reading walks again and clears PG_idle where a bit was set',
    sees: { reads: true, writes: true },
    granularity: 'folio',
    domain: 'physical',
    blindSpots: [
      'accesses that hit a TLB entry cached before the marks were set (no flush)',
      'pages on no LRU list, or populated after marking: 0 means "accessed or not trackable"',
      'DMA and kernel direct-map accesses',
      'history is lost when a folio is freed, migrated or swapped',
      'MGLRU aging consumes A bits',
      'which page of a large folio was accessed, however it is mapped',
      'hugetlb, which is on no LRU list',
    ],
    target: 'touched',
  },
  config: { interval },
  attach(kernel, config) {
    const listed = kernel.keptSet();
    /** Pages on an LRU list: the capture's own list where it has one, else every page touched before. */
    const list = (eligible?: PageBitmap): PageBitmap => {
      listed.clear();
      if (eligible === undefined) kernel.onLru(listed);
      else listed.or(eligible);
      return listed;
    };
    return cycleTracker(kernel, config.interval, {
      set() {
        kernel.pageIdleMark(kernel.range, list());
        return listed;
      },
      read: (reported) => kernel.pageIdleRead(kernel.range, listed, reported),
      parts: {
        begin: ({ eligible }) => list(eligible),
        set: (range) => kernel.pageIdleMark(range, listed),
        read: (range, reported) => kernel.pageIdleRead(range, listed, reported),
      },
    });
  },
});
