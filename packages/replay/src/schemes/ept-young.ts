/** Secondary-MMU aging: KVM's clear_young over guest memory (kernel-semantics 10.3). */
import { defineScheme } from '../scheme.ts';
import { cycleTracker } from './cycle.ts';
import { interval } from './shared.ts';

export const eptYoung = defineScheme({
  descriptor: {
    id: 'ept-young',
    title: 'EPT/NPT aging (KVM clear_young)',
    source: 'Linux arch/x86/kvm/mmu/tdp_mmu.c:kvm_tdp_mmu_age_spte; kernel-semantics 10.3',
    mechanism: 'clears A in SPTEs without a flush; without A/D bits takes RWX away and restores it on the next access',
    sees: { reads: true, writes: true },
    granularity: 'SPTE: 4 KiB, or 2 MiB where the host maps one',
    domain: 'physical',
    mmu: 'host',
    blindSpots: [
      'accesses by the VMM or vhost through host page tables',
      'accesses that hit a nested TLB entry cached before the clearing: neither kind of aging flushes',
      'a zap of the SPTE drops its A bit (since 6.13)',
    ],
    target: 'touched',
  },
  config: {
    interval,
    ad: { kind: 'flag', default: true, help: 'SPTEs have A/D bits; off = access-tracked SPTEs that fault', source: 'enable_ept_ad_bits' },
  },
  attach(kernel, config) {
    return cycleTracker(kernel, config.interval, {
      readSets: true,
      set: () => {
        kernel.ageSptes(kernel.range, kernel.emptySet());
        return undefined;
      },
      read(reported) {
        kernel.ageSptes(kernel.range, reported);
        if (!config.ad) kernel.charge('spte-fault', kernel.entriesOf(reported));
      },
    });
  },
});
