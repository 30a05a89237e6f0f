/** The per-mm access-bit tracker proposed in the thread (C3, C4): by virtual address, no reverse map, both MMUs' A bits. */
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval } from './shared.ts';

export const mmYoung = defineScheme({
  descriptor: {
    id: 'mm-young',
    title: 'per-mm access-bit tracker (proposed)',
    source: 'linux-mm, P. Xu, 24 Apr 2026 (idea); thread C3, C4',
    mechanism: 'walks one mm, tests and clears A in the primary and the secondary page tables',
    sees: { reads: true, writes: true },
    granularity: 'page-table entry: 4 KiB, or 2 MiB where a huge page is mapped',
    domain: 'virtual',
    blindSpots: [
      'without a flush: accesses that hit a TLB entry cached before the clearing',
      'accesses through any other mapping, DMA',
      'MGLRU aging and other consumers of the same A bits',
      'hugetlb: nobody has said what it would do; taken to be walked like any 2 MiB entry',
    ],
    target: 'touched',
  },
  config: {
    interval,
    flush: {
      kind: 'flag',
      default: false,
      help: 'flush the TLB after clearing',
      source: 'x86 clears A without a flush (kernel-semantics 1.3)',
    },
  },
  attach(kernel, config) {
    const walk = (out = kernel.emptySet()): void => kernel.testAndClearYoung(kernel.range, out, { flush: config.flush });
    return cycleTracker(kernel, config.interval, {
      readSets: true,
      set: () => {
        walk();
        return undefined;
      },
      read: walk,
    });
  },
});
