/**
 * What the exact log says about a touch, reduced to the classes a page table can tell apart: `class = actor << 1 | write`.
 * The actor decides which bits a touch sets and which faults it takes (kernel-semantics 1.2).
 */
export const READ = 0;
export const WRITE = 1;
/** Through a kernel mapping, so no user page-table entry saw it. */
export const KERNEL = 2;
/** By a device through a long-term pin, so no page-table entry at all did. */
export const PINNED = 4;
/** Under KVM: by a VMM or vhost thread through the host's page tables, so the guest's and the secondary ones did not. */
export const HOST = 6;
/** By the kernel that owns the tracked page tables, through get_user_pages with FOLL_TOUCH (process_vm_readv, O_DIRECT): no A bit. */
export const GUP = 8;
/** By its lockless fast path. */
export const GUP_FAST = 10;
/** Through another process's mapping of the same shared memory (vhost-user). */
export const OTHER = 12;

/** Actors by `class >> 1`. */
export const ACTORS = ['user', 'kernel', 'device', 'host', 'gup', 'gup-fast', 'other'] as const;
export type Actor = (typeof ACTORS)[number];
export const CLASS_NAMES = ['read', 'write', 'kernel read', 'kernel write'] as const;

/** Truth grades, best first (design/metrics.md): every score repeats its grade. */
export const TRUTH_GRADES = ['exact', 'sampled', 'faults', 'observed'] as const;
export type TruthGrade = (typeof TRUTH_GRADES)[number];

/** `any` = every touch of the frame by anyone; `mapped` = through a user page-table entry. */
export const SCOPES = ['any', 'mapped'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a report is compared with: every touch, or writes only. */
export const TARGETS = ['touched', 'written'] as const;
export type Target = (typeof TARGETS)[number];

/** gpa = guest physical, gva = guest virtual, hva = host virtual, pfn = host physical, object = ids without an address. */
export const SPACES = ['gpa', 'gva', 'hva', 'pfn', 'object'] as const;
export type SpaceId = (typeof SPACES)[number];

/** The classes (bit mask over class numbers) that count as `target` in `scope`, for touches with `classBits` class bits. */
export function classesOf(classBits: number, scope: Scope, target: Target): number {
  return actorClasses(classBits, scope === 'any' ? undefined : ['user'], target);
}

/** The classes of some actors (undefined = all). Without a write bit every touch counts as a write too; without actor bits as a user's. */
export function actorClasses(classBits: number, actors: readonly Actor[] | undefined, target: Target): number {
  let mask = 0;
  for (let cls = 0; cls < 1 << classBits; cls++) {
    const isTarget = target === 'touched' || classBits === 0 || (cls & WRITE) !== 0;
    if (isTarget && (actors === undefined || actors.includes(ACTORS[cls >> 1]!))) mask |= 1 << cls;
  }
  return mask;
}
