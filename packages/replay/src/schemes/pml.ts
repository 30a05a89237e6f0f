/** Page-modification logging: the CPU writes dirtied frames into a 512-entry buffer (kernel-semantics 10.2). */
import { defineScheme } from '../scheme.ts';
import { dirtyLogTracker } from './dirty-log.ts';
import { interval, WRITE_ONLY } from './shared.ts';

/** Entries of the PML buffer: one 4 KiB page of 64-bit addresses, fixed by the architecture. */
const PML_ENTRIES = 512;

export const pml = defineScheme({
  descriptor: {
    id: 'pml',
    title: 'page-modification logging',
    source: 'Intel SDM vol. 3, PML; Linux arch/x86/kvm/vmx; kernel-semantics 10.2',
    mechanism: 'the CPU logs a guest frame when a D bit goes from 0 to 1; a full 512-entry buffer exits; fetching the log clears D bits',
    sees: WRITE_ONLY,
    granularity: '4 KiB',
    domain: 'physical',
    mmu: 'host',
    blindSpots: ['every read', 'writes by the VMM through its own mapping, DMA'],
    target: 'written',
  },
  config: { interval },
  attach: (kernel, config) =>
    dirtyLogTracker(kernel, config.interval, (logged) => kernel.charge('ring-exit', Math.floor(logged / PML_ENTRIES))),
});
