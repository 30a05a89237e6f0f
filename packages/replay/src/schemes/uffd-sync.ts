/** The synchronous userfaultfd trackers: every fault is a message, and the thread sleeps until the handler answers. */
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval, WRITE_ONLY } from './shared.ts';

export const uffdRwpSync = defineScheme({
  descriptor: {
    id: 'uffd-rwp-sync',
    title: 'userfaultfd RW-protection, sync: every first access a message',
    source: 'Linux 7.3 Documentation/admin-guide/mm/userfaultfd.rst; kernel-semantics 2.1, 2.3',
    mechanism: 'as uffd-rwp, but the first access to an armed page blocks its thread until the handler disarms the page',
    sees: { reads: true, writes: true },
    granularity: 'page-table entry: 4 KiB, or 2 MiB where a huge page is mapped',
    domain: 'virtual',
    blindSpots: [
      'accesses through any other mapping, and pinned DMA',
      'without MISSING: a page populated after arming sends no message',
      'PMD-mapped shmem huge pages are never armed',
    ],
    target: 'touched',
  },
  config: {
    interval,
    missing: {
      kind: 'flag',
      default: true,
      help: 'registered for MISSING too, so that first touches of unpopulated pages are messages',
      source: 'userfaultfd.rst registers RWP|MISSING (kernel-semantics 2.4)',
    },
  },
  attach(kernel, config) {
    let watched = kernel.emptySet();
    let before = kernel.emptySet();
    return cycleTracker(kernel, config.interval, {
      set() {
        kernel.uffdRwProtect(kernel.range);
        watched = kernel.emptySet();
        kernel.uffdRwArmed(kernel.range, watched);
        before = kernel.emptySet();
        kernel.present(before);
        return watched;
      },
      read(reported) {
        // The handler's log: armed pages that are armed no more, and, registered for MISSING too, pages populated since.
        const armed = kernel.emptySet();
        kernel.uffdRwArmed(kernel.range, armed);
        const messages = watched.clone().andNot(armed);
        if (config.missing) {
          const populated = kernel.emptySet();
          kernel.present(populated);
          messages.or(populated.andNot(before));
        }
        kernel.charge('uffd-message', kernel.entriesOf(messages));
        reported.or(messages);
      },
    });
  },
});

export const uffdWpSync = defineScheme({
  descriptor: {
    id: 'uffd-wp-sync',
    title: 'userfaultfd write-protection, sync: every first write a message',
    source: 'Linux Documentation/admin-guide/mm/userfaultfd.rst; kernel-semantics 3',
    mechanism: 'UFFDIO_WRITEPROTECT; the first write blocks its thread until the handler unprotects the page',
    sees: WRITE_ONLY,
    granularity: '4 KiB (a huge page is split by its first write), 2 MiB of hugetlb',
    domain: 'virtual',
    blindSpots: ['every read', 'writes through any other mapping, pinned DMA'],
    target: 'written',
  },
  config: { interval },
  attach(kernel, config) {
    return cycleTracker(kernel, config.interval, {
      readSets: true,
      set: () => {
        kernel.uffdWriteProtect(kernel.range);
        return undefined;
      },
      read: (reported) => kernel.charge('uffd-message', kernel.uffdWpMessages(kernel.range, reported)),
    });
  },
});
