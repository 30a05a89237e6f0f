/** Walks of one mm's page tables: clear_refs, soft-dirty, smaps, the proposed access-bit walk, KVM's aging and dirty log, NUMA balancing. */
import type { PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { BOTH, PRIMARY, SECONDARY } from './access-bits.ts';
import { addNewer, addNewerThanMarks, fillMarks, setMarks, takeNewer } from './bit-loops.ts';
import type { Desk } from './desk.ts';

export function clearSoftDirty(desk: Desk, range: PageRange): void {
  const { world } = desk;
  fillMarks(world.mark('soft-dirty'), range, world.now);
  world.guardWrites(range, 'entry');
  world.clearFlags(range, ['soft-dirty of a PMD']);
  desk.chargeZap(range);
  desk.charge('syscall', 1);
  desk.charge('clear-refs', desk.entries(range));
  desk.charge('tlb-flush', 1);
  world.flushTlb();
}

export function readSoftDirty(desk: Desk, range: PageRange, out: PageBitmap): void {
  const { world } = desk;
  // Splits that nobody has looked for yet leave dirty entries behind.
  world.settle(range);
  const found = desk.emptySet();
  addNewerThanMarks(world.written(), world.mark('soft-dirty'), range, found);
  world.addFlagged(range, ['soft-dirty of a PMD'], found);
  out.or(found);
  desk.charge('syscall', 1);
  desk.charge('pagemap-read', range.to - range.from);
  desk.charge('soft-dirty-fault', desk.entriesOf(found));
  desk.chargeViolations(world.takeViolations(range));
}

export function clearRefs(desk: Desk, range: PageRange): void {
  desk.world.clearYoung(range, PRIMARY);
  desk.world.clearFlags(range, ['young', 'referenced']);
  desk.charge('syscall', 1);
  desk.charge('clear-refs', desk.entries(range));
}

export function smapsReferenced(desk: Desk, range: PageRange, out: PageBitmap): void {
  const { world } = desk;
  const referenced = desk.emptySet();
  world.addYoung(range, referenced, PRIMARY);
  world.addFlagged(range, ['young', 'referenced'], referenced);
  const unmapped = world.flagIfAny('unmapped');
  if (unmapped !== undefined) {
    const away = desk.emptySet();
    desk.addRwWatched(range, away);
    referenced.andNot(away.and(unmapped));
  }
  out.or(referenced);
  desk.charge('syscall', 1);
  desk.charge('smaps-walk', desk.entries(range));
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
  const mark = world.mark('kvm-dirty');
  const written = world.dirtied();
  const dirty = takeNewer(written, mark, range, out, world.now);
  desk.charge('syscall', 1);
  desk.chargeFlush(dirty);
  return dirty;
}

export function numaProtect(desk: Desk, range: PageRange, out: PageBitmap): number {
  const { world } = desk;
  const chosen = desk.emptySet();
  addNewer(world.touched(), range, 0, chosen);
  if (world.hasMark('rwp')) {
    const armed = desk.emptySet();
    desk.addRwWatched(range, armed);
    chosen.andNot(armed);
  }
  chosen.andNot(desk.pendingHints(range));
  setMarks(world.mark('numa'), chosen, world.now);
  world.flag('numa-armed').or(chosen);
  world.guard(chosen);
  out.or(chosen);
  const armed = desk.entriesOf(chosen);
  desk.chargeZap(range);
  desk.charge('numa-arm', armed);
  desk.chargeFlush(armed);
  return armed;
}

export function numaFaulted(desk: Desk, range: PageRange, watched: PageBitmap, out: PageBitmap): void {
  const { world } = desk;
  const found = desk.emptySet();
  addNewerThanMarks(world.touched(), world.mark('numa'), range, found);
  found.and(watched).and(world.flag('numa-armed'));
  world.flag('numa-armed').andNot(found);
  out.or(found);
  desk.charge('numa-fault', desk.entriesOf(found));
}
