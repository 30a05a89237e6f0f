/** userfaultfd RW-protection, async: arm, sleep, SET_MODE(sync), hot scan (kernel-semantics 2). */
import { PAGE_BYTES, UsageError } from '@workset/model';
import { defineScheme, type TrackingKernel } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval } from './shared.ts';

export const uffdRwp = defineScheme({
  descriptor: {
    id: 'uffd-rwp',
    title: 'userfaultfd RW-protection, async, hot scan',
    source: 'Linux 7.3 Documentation/admin-guide/mm/userfaultfd.rst; kernel-semantics 2',
    mechanism:
      'UFFDIO_RWPROTECT makes present entries PROT_NONE with the uffd bit; the first access resolves one entry; PAGEMAP_SCAN(PAGE_IS_ACCESSED) lists entries without the bit',
    sees: { reads: true, writes: true },
    granularity: 'page-table entry: 4 KiB, or 2 MiB where a huge page is mapped',
    domain: 'virtual',
    blindSpots: [
      'accesses through any other mapping, and pinned DMA',
      'kernel accesses through the direct map',
      'a page populated after arming is unarmed: it is reported for the rest of the cycle, rightly, and armed in the next',
      'PMD-mapped shmem huge pages are never armed',
    ],
    target: 'touched',
  },
  config: {
    interval,
    scan: {
      kind: 'choice',
      default: 'hot',
      choices: ['hot', 'cold'],
      help: 'hot: list accessed pages and take the rest for cold; cold: list entries still armed and take the rest for hot, pages that nothing maps included (series before v7)',
      source: 'userfaultfd.rst forbids the cold scan (kernel-semantics 2.2)',
    },
    chunk: {
      kind: 'size',
      default: 0,
      unit: 'bytes',
      help: 'memory armed per UFFDIO_RWPROTECT call; 0 = all at once. Under KVM a vCPU that needs a page of the call waits for its end',
      source: 'user space decides (kernel-semantics 1.5)',
    },
    minor: {
      kind: 'flag',
      default: false,
      help: 'registered for MINOR too: every first touch of a cached page is a message, and huge file pages come back page by page; shmem only',
      source: 'kernel-semantics 2.4 (3)',
    },
  },
  attach(kernel, config) {
    if (config.minor && kernel.backing === 'anon')
      throw new UsageError('uffd-rwp: MINOR cannot be registered on anonymous memory', 'leave minor out, or say --backing shmem');
    const armed = kernel.emptySet();
    return cycleTracker(kernel, config.interval, {
      set() {
        armInChunks(kernel, config);
        armed.clear();
        kernel.uffdRwWatched(kernel.range, armed);
        return armed;
      },
      read(reported) {
        kernel.pagemapScanAccessed(kernel.range, reported);
        if (config.minor) kernel.uffdMinorMessages(kernel.range);
        if (config.scan === 'hot') return;
        const cold = kernel.emptySet();
        kernel.uffdRwArmed(kernel.range, cold);
        reported.addRange(kernel.range.from, kernel.range.to);
        reported.andNot(cold);
        return cold;
      },
    });
  },
});

function armInChunks(kernel: TrackingKernel, { chunk, minor }: { readonly chunk: number; readonly minor: boolean }): void {
  const { from, to } = kernel.range;
  const pages = chunk === 0 ? Math.max(1, to - from) : Math.max(1, Math.floor(chunk / PAGE_BYTES));
  for (let at = from; at < to; at += pages) kernel.uffdRwProtect({ from: at, to: Math.min(to, at + pages) }, { minor });
}
