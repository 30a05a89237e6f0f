/** KVM's dirty log: GET_DIRTY_LOG and CLEAR_DIRTY_LOG over a memory slot (kernel-semantics 10.2). */
import { defineScheme } from '../scheme.ts';
import { dirtyLogTracker } from './dirty-log.ts';
import { interval, WRITE_ONLY } from './shared.ts';

export const kvmDirtyLog = defineScheme({
  descriptor: {
    id: 'kvm-dirty-log',
    title: 'KVM dirty log',
    source: 'Linux Documentation/virt/kvm/api.rst; kernel-semantics 10.2',
    mechanism: 'fetching the log write-protects the SPTEs again (or clears their D bits); the next guest write marks the page',
    sees: WRITE_ONLY,
    granularity: '4 KiB: huge SPTEs are split',
    domain: 'physical',
    mmu: 'host',
    blindSpots: ['every read', 'writes by the VMM through its own mapping, DMA'],
    target: 'written',
  },
  config: { interval },
  attach: (kernel, config) => dirtyLogTracker(kernel, config.interval, (logged) => kernel.charge('dirty-fault', logged)),
});
