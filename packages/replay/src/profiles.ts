/** Cost profiles: what one operation costs whom. Sources are design/kernel-semantics.md sections and captures/README-rwp.md. */
import { defineRegistry, type CostProfile, type Price } from '@workset/model';

const free: Price = { vcpuNs: 0, trackerNs: 0, source: 'not priced' };
const tracker = (trackerNs: number, source: string): Price => ({ vcpuNs: 0, trackerNs, source });
const vcpu = (vcpuNs: number, source: string): Price => ({ vcpuNs, trackerNs: 0, source });

const x86Vm: CostProfile = {
  id: 'x86-vm',
  title: 'x86 virtual machine, 4 KiB pages; per-page figures measured on an EPYC guest or estimated',
  prices: {
    'rwp-arm': tracker(100, 'estimate 50-150 ns, proxy mprotect(NONE) 65-105 ns (semantics 2.5, 12)'),
    'rwp-arm-skip': tracker(10, 'estimate: one page-table entry read'),
    'arm-stall': vcpu(100, 'estimate: the arm cost per page, 50-150 ns (semantics 1.5, 2.5)'),
    'rwp-fault': vcpu(900, 'proxy uffd-wp async fault 750-1000 ns in a VM (semantics 12)'),
    'scan-accessed': tracker(10, 'PAGEMAP_SCAN 8-13 ns/page with matches (semantics 12)'),
    'wp-arm': tracker(135, 'WRITEPROTECT large range 100-170 ns/page (semantics 12)'),
    'wp-fault': vcpu(875, 'uffd-wp async fault 750-1000 ns in a VM (semantics 12)'),
    'scan-written': tracker(1, 'PAGEMAP_SCAN fast path 1 ns/page (semantics 12)'),
    'scan-rearm': tracker(52, 'PAGEMAP_SCAN WP_MATCHING 34-70 ns/page (semantics 12)'),
    'idle-mark': tracker(50, 'estimate: bitmap write, without the rmap walk'),
    'idle-read': tracker(50, 'estimate: bitmap read, without the rmap walk'),
    'rmap-walk': tracker(400, 'estimate 200-600 ns, mapcount 1 (semantics 12)'),
    'damon-sample': tracker(230, 'mkold + check, 0.23 us average (semantics 12)'),
    'clear-refs': tracker(62, 'clear_refs=1 50-75 ns/page VM (semantics 12)'),
    'smaps-walk': tracker(60, 'smaps_rollup 50-71 ns/page VM (semantics 12)'),
    'pagemap-read': tracker(80, 'pagemap read 60-100 ns/page VM (semantics 12)'),
    'soft-dirty-fault': vcpu(875, 'as an async uffd-wp fault; estimate'),
    'pte-scan': tracker(12, 'estimate: MGLRU PTE scan 5-20 ns (semantics 12)'),
    'spte-age': tracker(12, 'estimate: lockless TDP walk, as an MGLRU PTE scan'),
    'spte-fault': vcpu(1000, 'estimate: fast page fault, exit to resume'),
    'dirty-fault': vcpu(1000, 'estimate: fast page fault, exit to resume'),
    'ring-exit': vcpu(5000, 'estimate: exit to user space and back'),
    'numa-arm': tracker(85, 'mprotect(NONE) 65-105 ns/page VM (semantics 12)'),
    'numa-fault': vcpu(900, 'estimate: as a minor fault on a present page'),
    'pebs-record': vcpu(250, 'PEBS record 200-300 ns (semantics 12)'),
    'uffd-message': { vcpuNs: 9000, trackerNs: 4500, source: 'sync round trip 7-11 us in a VM (semantics 12)' },
    'ept-violation': vcpu(1500, 'estimate 1.0-2.0 us exit to resume (semantics 12)'),
    'tlb-flush': { vcpuNs: 2000, trackerNs: 2000, source: 'estimate 1-3 us base IPI (semantics 12)' },
    'set-mode': tracker(3000, 'estimate 1-5 us + drain of in-flight faults (semantics 12)'),
    'page-copy': tracker(210, 'memcpy 4K through a second mapping 0.19-0.23 us (semantics 12)'),
    'process-vm-readv': tracker(1100, 'process_vm_readv 0.86-1.4 us/page at 256K (semantics 12)'),
    dontneed: tracker(300, 'MADV_DONTNEED 240-350 ns/page batched (semantics 12)'),
    'punch-hole': tracker(1040, 'PUNCH_HOLE 0.93-1.15 us/page batched, mapped twice (semantics 12)'),
    'uffd-move': tracker(98, 'UFFDIO_MOVE 90-106 ns/page in 32 MiB calls (semantics 12)'),
    'uffd-copy': tracker(1800, 'UFFDIO_COPY 1.0-2.6 us/page batched (semantics 12)'),
    pageout: tracker(1000, 'estimate: unmap, swap entry, submission'),
    syscall: tracker(300, 'estimate'),
  },
};

const tcg73: CostProfile = {
  id: 'tcg-7.3',
  title: 'instruction counts x 2 ns of the 7.3-rc7 capture guests (shmem); ratios only, no caches or TLB misses',
  prices: {
    ...x86Vm.prices,
    'rwp-arm': tracker(378, 'captures/README-rwp.md, costs'),
    'rwp-arm-skip': tracker(51, 'captures/README-rwp.md, costs'),
    'arm-stall': vcpu(378, 'as rwp-arm: the vCPU waits for the walk'),
    'rwp-fault': vcpu(2204, 'captures/README-rwp.md, costs (shmem, mean of read and write)'),
    'scan-accessed': tracker(185, 'captures/README-rwp.md, costs (every other page)'),
    'wp-arm': tracker(338, 'captures/README-rwp.md, costs'),
    'wp-fault': vcpu(2764, 'captures/README-rwp.md, costs (shmem)'),
    'scan-written': tracker(31, 'captures/README-rwp.md, costs'),
    'scan-rearm': tracker(153, 'captures/README-rwp.md, costs (184 all - 31 none)'),
    'tlb-flush': free,
    'ept-violation': free,
  },
};

export const costProfiles = defineRegistry(
  'cost profile',
  [x86Vm, tcg73].map((profile) => ({
    ...profile,
    descriptor: { id: profile.id, title: profile.title, source: 'design/kernel-semantics.md section 12' },
  })),
);
export const DEFAULT_PROFILE = 'x86-vm';
