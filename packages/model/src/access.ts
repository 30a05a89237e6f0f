/**
 * What the exact log says about a touch, reduced to the classes a page table can tell apart.
 * Bit 0 = write, bit 1 = through a kernel mapping, so no user page-table entry saw it, bit 2 = by a device through a long-term
 * pin, so no page-table entry at all did.
 */
export const READ = 0;
export const WRITE = 1;
export const KERNEL = 2;
export const PINNED = 4;
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

/** Class bits of touches that a scope does not see. */
const HIDDEN = { any: 0, walked: PINNED, mapped: PINNED | KERNEL } as const;

/**
 * The classes (bit mask over class numbers) that count as `target` in `scope`, for touches with `classBits` class bits.
 * Without a write bit every touch counts as a write too; without a kernel bit every touch counts as mapped. `walked` = through
 * any CPU page table, the kernel's own included: what a host sees of its guest.
 */
export function classesOf(classBits: number, scope: Scope | 'walked', target: Target): number {
  let mask = 0;
  for (let cls = 0; cls < 1 << classBits; cls++) {
    const counts = (target === 'touched' || classBits === 0 || (cls & WRITE) !== 0) && (cls & HIDDEN[scope]) === 0;
    if (counts) mask |= 1 << cls;
  }
  return mask;
}
