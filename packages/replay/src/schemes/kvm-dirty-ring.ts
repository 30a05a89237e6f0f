/** KVM's dirty ring: per-vCPU rings of written frames (kernel-semantics 10.2). */
import { defineScheme } from '../scheme.ts';
import { dirtyLogTracker } from './dirty-log.ts';
import { interval, WRITE_ONLY } from './shared.ts';

export const kvmDirtyRing = defineScheme({
  descriptor: {
    id: 'kvm-dirty-ring',
    title: 'KVM dirty ring',
    source: 'Linux Documentation/virt/kvm/api.rst (KVM_CAP_DIRTY_LOG_RING); kernel-semantics 10.2',
    mechanism:
      'the first write to a protected page pushes its frame onto the vCPU ring; RESET_DIRTY_RINGS protects harvested frames again; a full ring makes the vCPU exit',
    sees: WRITE_ONLY,
    granularity: '4 KiB',
    domain: 'physical',
    mmu: 'host',
    blindSpots: ['every read', 'writes by the VMM through its own mapping, DMA'],
    target: 'written',
  },
  config: {
    interval,
    entries: {
      kind: 'count',
      default: 4096,
      min: 64,
      unit: 'entries',
      help: 'entries per vCPU ring',
      source: 'kernel-semantics 10.2: at least 4096 recommended',
    },
  },
  attach(kernel, config) {
    return dirtyLogTracker(kernel, config.interval, (pushed) => {
      kernel.charge('dirty-fault', pushed);
      kernel.charge('ring-exit', Math.floor(pushed / config.entries));
    });
  },
});
