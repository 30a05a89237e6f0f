/** Walks of one mm's page tables: clear_refs, soft-dirty, smaps, the proposed access-bit walk, KVM's aging and dirty log, NUMA balancing. */
import type { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { BOTH, PRIMARY, SECONDARY } from './access-bits.ts';
import type { Desk } from './desk.ts';
import { keepRange } from './page-sets.ts';

/** The walk of clear_refs knows no hugetlb entries; the notifier and the flush cover the whole process all the same. */
export function clearSoftDirty(desk: Desk, range: PageRange): void {
  const { world } = desk;
  if (!world.isHugetlb) {
    world.times('soft-dirty').setRange(range, world.now);
    world.guardWrites(range, 'entry');
    world.clearFlags(range, ['soft-dirty of a PMD']);
    desk.charge('clear-refs', desk.entries(range));
  }
  desk.chargeZap(range);
  desk.charge('syscall', 1);
  desk.charge('tlb-flush', 1);
  world.flushTlb();
}

/** Bit 55 of a hugetlb page is that of its VMA, which clear_refs takes away. */
export function readSoftDirty(desk: Desk, range: PageRange, out: PageBitmap): void {
  const { world } = desk;
  const found = desk.take();
  if (!world.isHugetlb) {
    // Splits that nobody has looked for yet leave dirty entries behind.
    world.settle(range);
    world.times('soft-dirty').addNewer(world.written(), range, found);
    world.addFlagged(range, ['soft-dirty of a PMD'], found);
  }
  out.or(found);
  desk.charge('syscall', 1);
  desk.charge('pagemap-read', range.to - range.from);
  desk.charge('soft-dirty-fault', desk.entriesOf(found));
  desk.give(found);
  desk.chargeViolations(world.takeViolations(range));
}

export function clearRefs(desk: Desk, range: PageRange): void {
  desk.charge('syscall', 1);
  if (desk.world.isHugetlb) return;
  const whole = desk.world.folios.around(range);
  desk.world.settle(whole);
  desk.world.clearYoung(range, PRIMARY);
  desk.world.clearFlags(whole, ['young', 'referenced']);
  desk.charge('clear-refs', desk.entries(range));
}

/** smaps counts hugetlb pages apart, and never as Referenced. */
export function smapsReferenced(desk: Desk, range: PageRange, out: PageBitmap): void {
  const { world } = desk;
  desk.charge('syscall', 1);
  desk.charge('smaps-walk', desk.entries(range));
  if (world.isHugetlb) return;
  const young = desk.take();
  // Bits first: bringing them up to date may set flags.
  world.settle(world.folios.around(range));
  world.addYoung(range, young, PRIMARY);
  const referenced = desk.take();
  world.addFlagged(range, ['young', 'referenced'], referenced);
  if (!world.folios.areSmall) {
    // Of a referenced folio, the pages that this process maps.
    const present = desk.emptySet();
    world.addPresent(range, present);
    world.removeSwapped(range, present);
    referenced.and(present);
  }
  referenced.or(young);
  const unmapped = world.flagIfAny('unmapped');
  if (unmapped !== undefined) {
    const away = desk.emptySet();
    desk.addRwWatched(range, away);
    referenced.andNot(away.and(unmapped));
  }
  out.or(referenced);
  desk.give(young, referenced);
}

export function testAndClearYoung(desk: Desk, range: PageRange, out: PageBitmap, flush: boolean): void {
  const { world } = desk;
  world.addYoung(range, out, BOTH);
  world.clearYoung(range, BOTH);
  if (flush) {
    world.flushTlb();
    desk.charge('tlb-flush', 1);
  }
  desk.charge('syscall', 1);
  desk.charge('pte-scan', desk.entries(range));
  if (world.config.mmu === 'host') desk.charge('spte-age', desk.entries(range));
}

export function ageSptes(desk: Desk, range: PageRange, out: PageBitmap): void {
  const { world } = desk;
  const which = world.config.mmu === 'host' ? SECONDARY : PRIMARY;
  world.addYoung(range, out, which);
  world.clearYoung(range, which);
  desk.charge('spte-age', desk.entries(range));
}

export function takeDirtyLog(desk: Desk, range: PageRange, out: PageBitmap): number {
  const { world } = desk;
  const dirty = world.times('kvm-dirty').takeNewer(world.dirtied(), range, out, world.now);
  desk.charge('syscall', 1);
  desk.chargeFlush(dirty);
  return dirty;
}

/** hugetlb is not balanced (9). */
export function numaProtect(desk: Desk, range: PageRange, out: PageBitmap): number {
  const { world } = desk;
  if (world.isHugetlb) return 0;
  const chosen = desk.emptySet();
  world.addPresent(range, chosen);
  world.removeSwapped(range, chosen);
  if (world.hasMarks('rwp')) {
    const armed = desk.emptySet();
    desk.addRwWatched(range, armed);
    chosen.andNot(armed);
  }
  chosen.andNot(desk.pendingHints(range));
  world.marks('numa').setOf(chosen, world.now);
  world.flag('numa-armed').or(chosen);
  world.guardHints(chosen);
  out.or(chosen);
  const armed = desk.entriesOf(chosen);
  desk.chargeZap(range);
  desk.charge('numa-arm', armed);
  desk.chargeFlush(armed);
  return armed;
}

export function numaFaulted(desk: Desk, range: PageRange, watched: PageBitmap, out: PageBitmap): void {
  const { world } = desk;
  const found = keepRange(desk.restoredHints(range), range).and(watched);
  world.flag('numa-armed').andNot(found);
  out.or(found);
  // One fault restores a folio.
  desk.charge('numa-fault', world.folios.count(found));
}
