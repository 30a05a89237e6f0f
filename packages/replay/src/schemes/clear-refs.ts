/** clear_refs 1 and smaps Referenced, as wss.pl does (kernel-semantics 5). */
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval } from './shared.ts';

export const clearRefs = defineScheme({
  descriptor: {
    id: 'clear-refs',
    title: 'clear_refs 1 and smaps Referenced (wss.pl)',
    source: 'Linux fs/proc/task_mmu.c; kernel-semantics 5',
    mechanism:
      'clears primary A bits, PG_young and PG_referenced of a process, without a flush or a notifier; smaps counts what was set again',
    sees: { reads: true, writes: true },
    granularity: 'a size per mapping; no page list (the page set shown here is what smaps counted)',
    domain: 'virtual',
    blindSpots: [
      'guest accesses under KVM: they set A bits in SPTEs, which it neither clears nor reads',
      'accesses that hit a TLB entry cached before the clearing',
      'reclaim and MGLRU aging eat A bits between clearing and reading',
      'hugetlb: clear_refs passes it over, and smaps does not count it as Referenced',
      'which page of a large folio was looked at by somebody else: PG_young and PG_referenced count for all its mapped pages',
    ],
    target: 'touched',
  },
  config: { interval },
  attach(kernel, config) {
    return cycleTracker(kernel, config.interval, {
      set: () => {
        kernel.clearRefs(kernel.range);
        return undefined;
      },
      read: (reported) => kernel.smapsReferenced(kernel.range, reported),
    });
  },
});
