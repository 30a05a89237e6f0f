/** What the fields of KVM's events say, whether they come as text or as raw payloads. */

/** SPTE_MMU_PRESENT_MASK, bit 11, since 5.13. */
const SPTE_PRESENT = 0x800;
/** Bit 51 as a bit of the page number: reserved in MMIO entries; above it bit 63, the empty entry since 6.10. */
const SPTE_RESERVED_PAGE = 2 ** 39;

/**
 * True when an SPTE maps memory. Empty ones are 0, or bit 63 since 6.10 (SHADOW_NONPRESENT_VALUE in arch/x86/kvm/mmu/spte.h), with 0x5a0 while
 * they are changed; MMIO has a reserved bit or, on EPT, writable without readable. Before 5.13 all others are present.
 * @param low bits 0-31
 * @param page bits 12-63
 */
export function mapsMemory(low: number, page: number): boolean {
  if ((low & SPTE_PRESENT) !== 0) return true;
  return page > 0 && page < SPTE_RESERVED_PAGE && (low & 7) !== 6;
}

/** Exception class (bits 26-31) of a data abort from a lower level, and its WnR bit. */
const ESR_CLASS_SHIFT = 26;
const ESR_DATA_ABORT = 0x24;
const ESR_WRITE = 1 << 6;

/** True when an arm64 syndrome (bits 0-31) is of a write; an instruction abort has another meaning for the bit. */
export function isArmWrite(esr: number): boolean {
  return esr >>> ESR_CLASS_SHIFT === ESR_DATA_ABORT && (esr & ESR_WRITE) !== 0;
}
