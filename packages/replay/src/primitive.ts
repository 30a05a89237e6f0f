/**
 * What an eviction primitive is: the kernel steps by which a user-space swapper copies pages out and drops them.
 *
 * The steps are the unit of concurrency: between any two of them the workload runs. The race exploration tries every interleaving
 * on one page; the eviction replay gives each step its duration and lets the trace run in between. Facts: kernel-semantics 11.
 */
import { UsageError, type CostOp, type Descriptor, type ParamSpec, type ParamValues } from '@workset/model';

export type Backing = 'anon' | 'shmem' | 'hugetlb';
export const BACKINGS: readonly Backing[] = ['anon', 'shmem', 'hugetlb'];

interface OpSpec {
  readonly what: string;
  /** Operations charged once per page, and once per call (batch). */
  readonly perPage: readonly CostOp[];
  readonly perCall: readonly CostOp[];
  /** Page-table entries written per page. */
  readonly pteWrites: number;
}
const op = (what: string, pteWrites: number, perPage: readonly CostOp[], perCall: readonly CostOp[]): OpSpec => ({
  what,
  perPage,
  perCall,
  pteWrites,
});

/** Every step a primitive may take. */
export const KERNEL_OPS = {
  'write-protect': op(
    'UFFDIO_WRITEPROTECT(MODE_WP): W cleared, uffd bit set; file memory gets markers where no entry is',
    1,
    ['wp-arm'],
    ['syscall'],
  ),
  'rwp-arm': op('UFFDIO_RWPROTECT(MODE_RWP): present entries become PROT_NONE with the uffd bit', 1, ['rwp-arm'], ['syscall']),
  'set-sync': op('UFFDIO_SET_MODE: RWP faults are delivered and wait', 0, [], ['set-mode']),
  'set-async': op('UFFDIO_SET_MODE: RWP faults resolve by themselves; every waiter of the context is woken', 0, [], ['set-mode']),
  scan: op('PAGEMAP_SCAN(PAGE_IS_ACCESSED): pages accessed since the arm are left alone', 0, ['scan-accessed'], ['syscall']),
  flush: op('TLB flush at the end of the call before it', 0, [], ['tlb-flush']),
  'copy-mapping': op('read through the mapping itself', 0, ['page-copy'], []),
  'copy-second': op('read through a second mapping of the file', 0, ['page-copy'], []),
  'copy-remote': op(
    'read past the protection: process_vm_readv with a bypass flag, or maccess (neither exists)',
    0,
    ['process-vm-readv'],
    ['syscall'],
  ),
  'copy-staging': op('read from the staging area', 0, ['page-copy'], []),
  'copy-detached': op('contents handed back by the kernel', 0, ['page-copy'], []),
  'copy-swap': op('swap_access: read a swapped page without faulting it in (does not exist)', 0, ['page-copy'], ['syscall']),
  store: op("write the copies to the swapper's store", 0, [], []),
  dontneed: op('MADV_DONTNEED: the entry is zapped, an anonymous page freed', 1, ['dontneed'], ['syscall']),
  'punch-hole': op('FALLOC_FL_PUNCH_HOLE: unmapped everywhere, page cache page freed', 1, ['punch-hole'], ['syscall']),
  move: op('UFFDIO_MOVE into the staging area; EBUSY when pinned', 2, ['uffd-move'], ['syscall']),
  'drop-staging': op('MADV_DONTNEED of the staging area', 1, ['dontneed'], ['syscall']),
  detach: op('proposed UFFDIO_EVICT: entry zapped, page taken out; EBUSY when pinned', 1, ['dontneed'], ['syscall']),
  unmap: op('reclaim: page locked and unmapped, a swap entry in its place', 1, ['rmap-walk', 'pageout'], ['syscall']),
  writeback: op('reclaim: page written to kernel swap, unlocked', 0, [], []),
  reclaim: op('reclaim: page freed unless it was mapped again', 0, [], []),
  wake: op('UFFDIO_WAKE of the range', 0, [], ['syscall']),
} as const satisfies Record<string, OpSpec>;
export type KernelOp = keyof typeof KERNEL_OPS;

/** What a primitive's steps depend on. */
export interface EvictionSetup<Params extends ParamValues = ParamValues> {
  readonly backing: Backing;
  /** True when the tracking scheme left cold pages armed (uffd-rwp). */
  readonly armed: boolean;
  readonly params: Params;
}

export interface PrimitiveDescriptor<Id extends string = string> extends Descriptor<Id> {
  readonly status: 'mainline' | 'merged in 7.3' | 'proposed' | 'idea';
  /** Backings it works on; for each other one, why not. */
  readonly backing: Readonly<Record<Backing, true | string>>;
  readonly needsSecondMapping: boolean;
  /** What it cannot protect against. */
  readonly limits: readonly string[];
}

export interface EvictionPrimitive<Id extends string = string, Spec extends ParamSpec = ParamSpec> {
  readonly descriptor: PrimitiveDescriptor<Id>;
  readonly config: Spec;
  /** Steps once before the batches of an episode, steps of each batch, steps once after. */
  open(setup: EvictionSetup<ParamValues<Spec>>): Iterable<KernelOp>;
  evict(setup: EvictionSetup<ParamValues<Spec>>): Iterable<KernelOp>;
  close(setup: EvictionSetup<ParamValues<Spec>>): Iterable<KernelOp>;
}

/** @see EvictionPrimitive; keeps the literal id and parameter types, and fills in empty open and close steps. */
export function definePrimitive<const Id extends string, const Spec extends ParamSpec>(
  primitive: Omit<EvictionPrimitive<Id, Spec>, 'open' | 'close'> & Partial<Pick<EvictionPrimitive<Id, Spec>, 'open' | 'close'>>,
): EvictionPrimitive<Id, Spec> {
  return { open: () => [], close: () => [], ...primitive };
}

/** Throws UsageError when the primitive cannot work on this backing, saying why. */
export function checkBacking({ descriptor }: EvictionPrimitive, backing: Backing): void {
  const works = descriptor.backing[backing];
  if (works === true) return;
  const others = BACKINGS.filter((other) => descriptor.backing[other] === true);
  throw new UsageError(
    `${descriptor.id} cannot evict ${backing} memory: ${works}`,
    `it works on ${others.join(' and ')}: ${descriptor.id}:backing=${others[0]!}`,
  );
}

/** Whole sequence for one batch. Throws UsageError when the pair is impossible. */
export function stepsOf(primitive: EvictionPrimitive, setup: EvictionSetup): KernelOp[] {
  checkBacking(primitive, setup.backing);
  return [...primitive.open(setup), ...primitive.evict(setup), ...primitive.close(setup)];
}

/** Flushes, page-table writes, copies and calls of one batch of `pages`, counted from its steps (thread C17, C18). */
export function priceInOps(
  steps: readonly KernelOp[],
  pages: number,
): { flushes: number; pteWrites: number; copies: number; calls: number; modeSwitches: number } {
  const sum = (of: (spec: OpSpec) => number): number => steps.reduce((total, step) => total + of(KERNEL_OPS[step]), 0);
  return {
    flushes: sum(({ perCall }) => perCall.filter((cost) => cost === 'tlb-flush').length),
    pteWrites: pages * sum(({ pteWrites }) => pteWrites),
    copies: pages * steps.filter((step) => step.startsWith('copy-')).length,
    calls: sum(({ perCall }) => perCall.filter((cost) => cost === 'syscall' || cost === 'set-mode').length),
    modeSwitches: sum(({ perCall }) => perCall.filter((cost) => cost === 'set-mode').length),
  };
}
