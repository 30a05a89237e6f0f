/** Operations that trackers cost, and what they are priced at. Counts are facts; prices are a named, replaceable profile. */

export const COST_OPS = {
  'rwp-arm': 'pages newly RW-protected by UFFDIO_RWPROTECT',
  'rwp-arm-skip': 'pages visited by UFFDIO_RWPROTECT that were armed already or not present',
  'arm-stall': 'pages walked by a protecting call while a vCPU needs an SPTE in its range and spins (KVM)',
  'rwp-fault': 'async RWP faults: first access to an armed page',
  'scan-accessed': 'pages visited by PAGEMAP_SCAN(PAGE_IS_ACCESSED)',
  'wp-arm': 'pages newly write-protected by UFFDIO_WRITEPROTECT',
  'wp-fault': 'async uffd-wp faults: first write to a protected page',
  'scan-written': 'pages visited by PAGEMAP_SCAN(PAGE_IS_WRITTEN)',
  'scan-rearm': 'pages re-protected by PAGEMAP_SCAN(WP_MATCHING)',
  'idle-mark': 'pages marked idle through page_idle/bitmap (rmap walk each)',
  'idle-read': 'pages read through page_idle/bitmap (rmap walk each while idle)',
  'rmap-walk': 'reverse-map walks',
  'damon-sample': 'DAMON access checks (mkold and young of one page)',
  'clear-refs': 'page-table entries visited by clear_refs',
  'smaps-walk': 'page-table entries visited by smaps',
  'pagemap-read': 'pages read from /proc/PID/pagemap',
  'soft-dirty-fault': 'first write to an entry after clear_refs 4',
  'pte-scan': 'page-table entries scanned for A bits, without a reverse map',
  'spte-age': 'secondary page-table entries aged (KVM clear_young)',
  'spte-fault': 'access-tracked SPTEs restored by a fault (no A/D bits)',
  'dirty-fault': 'first write to a page after its dirty bit or W was cleared in the secondary MMU',
  'ring-exit': 'vCPU exits because a dirty ring or a PML buffer was full',
  'numa-arm': 'entries made PROT_NONE by NUMA balancing',
  'numa-fault': 'NUMA hint faults',
  'pebs-record': 'hardware samples',
  'uffd-message': 'synchronous userfaultfd faults: message, handler, wake',
  'ept-violation': 'second-level faults after a secondary-MMU zap',
  'tlb-flush': 'TLB flushes (ranges)',
  'set-mode': 'UFFDIO_SET_MODE calls',
  'page-copy': 'pages copied by the swapper out of the memory it evicts',
  'process-vm-readv': 'pages read by process_vm_readv',
  dontneed: 'pages zapped by MADV_DONTNEED',
  'punch-hole': 'pages freed by FALLOC_FL_PUNCH_HOLE',
  'uffd-move': 'pages moved by UFFDIO_MOVE',
  'uffd-copy': 'pages filled by UFFDIO_COPY or UFFDIO_CONTINUE',
  pageout: 'pages reclaimed to kernel swap',
  syscall: 'system calls by the tracker',
} as const;
export type CostOp = keyof typeof COST_OPS;

export interface Price {
  /** ns of stall on the vCPU per operation. */
  readonly vcpuNs: number;
  /** ns of tracker CPU per operation. */
  readonly trackerNs: number;
  readonly source: string;
}
export interface CostProfile {
  readonly id: string;
  readonly title: string;
  readonly prices: Readonly<Record<CostOp, Price>>;
}
