/** userfaultfd's RW- and write-protection, and PAGEMAP_SCAN (kernel-semantics 2, 3). */
import { BLOCK_PAGES, type PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { PRIMARY } from './access-bits.ts';
import type { Desk } from './desk.ts';

export function rwProtect(desk: Desk, range: PageRange, minor: boolean): void {
  const { world } = desk;
  noteUnmapped(desk, range);
  const armed = markPresent(desk, range);
  // A pending NUMA hint becomes an armed entry: its next fault is not a hint.
  if (world.hasMarks('numa')) world.flag('numa-armed').andNot(desk.pendingHints(range));
  if (world.settles) {
    const guarded = desk.emptySet();
    addRwArmed(desk, range, guarded);
    world.guard(guarded);
  }
  desk.chargeZap(range);
  desk.charge('syscall', 1);
  desk.charge('rwp-arm', armed);
  desk.charge('rwp-arm-skip', desk.entries(range) - armed);
  desk.charge('tlb-flush', 1);
  world.flushTlb();
  // CONTINUE installs single entries, so the page table stays and no PMD comes back.
  if (minor) desk.splitBlocks(range, world.flag('unmapped'));
}

/** Marks what is newer than its mark: present, and never armed or resolved by an access since. Returns how many entries. */
function markPresent(desk: Desk, range: PageRange): number {
  const { world } = desk;
  const pages = (): number => world.marks('rwp').markNewer(world.touched(), range, world.now);
  if (!desk.huge) return pages();
  const present = desk.emptySet();
  world.marks('rwp').addNewer(world.touched(), range, present);
  pages();
  return desk.entriesOf(present);
}

export function addRwArmed(desk: Desk, range: PageRange, out: PageBitmap): void {
  const unmapped = desk.world.flagIfAny('unmapped');
  if (unmapped === undefined) return desk.addRwWatched(range, out);
  const armed = desk.emptySet();
  desk.addRwWatched(range, armed);
  out.or(armed.andNot(unmapped));
}

export function scanAccessed(desk: Desk, range: PageRange, out: PageBitmap): void {
  const { world } = desk;
  const found = desk.take();
  // A page that had been armed was resolved by one async fault; an unarmed one was populated without.
  const marked = world.marks('rwp').addNewer(world.touched(), range, found);
  out.or(found);
  desk.charge('syscall', 1);
  desk.charge('scan-accessed', desk.entries(range));
  desk.charge('rwp-fault', faultsOf(desk, found, marked));
  desk.give(found);
  desk.chargeViolations(world.takeViolations(range));
}

/** Entries, of those found accessed, whose access resolved an armed one. `marked` of the found pages have been armed at some time. */
function faultsOf(desk: Desk, found: PageBitmap, marked: number): number {
  const unmapped = desk.world.flagIfAny('unmapped');
  if (unmapped === undefined && !desk.huge) return marked;
  const resolved = desk.emptySet();
  desk.world.marks('rwp').addMarked(resolved);
  resolved.and(found);
  return desk.entriesOf(unmapped === undefined ? resolved : resolved.andNot(unmapped));
}

export function minorMessages(desk: Desk, range: PageRange): number {
  const { world } = desk;
  const touched = desk.emptySet();
  world.marks('rwp').addNewer(world.touched(), range, touched);
  const messages = touched.and(world.flag('unmapped')).count();
  desk.charge('uffd-message', messages);
  return messages;
}

/** Of the pages that an arm is about to reach, those behind a PMD of file memory are unmapped instead (1.4). */
function noteUnmapped(desk: Desk, range: PageRange): void {
  const { world } = desk;
  const known = world.flagIfAny('unmapped');
  const canUnmap = desk.huge && world.config.backing === 'shmem';
  if (known === undefined && !canUnmap) return;
  const newly = desk.emptySet();
  world.marks('rwp').addNewer(world.touched(), range, newly);
  const unmapped = world.flag('unmapped').andNot(newly);
  if (!canUnmap) return;
  const now = desk.emptySet();
  for (const first of world.hugeBlocksIn(range)) now.addRange(Math.max(first, range.from), Math.min(first + BLOCK_PAGES, range.to));
  now.and(newly);
  unmapped.or(now);
  // Taking the PMD away leaves its A bit behind as PG_referenced.
  const young = desk.emptySet();
  world.addYoung(range, young, PRIMARY);
  world.flag('referenced').or(young.and(now));
  world.unmapSet(now);
}

export function writeProtect(desk: Desk, range: PageRange): void {
  const { world } = desk;
  world.times('wp').setRange(range, world.now);
  // File memory loses its PMDs to a page table of markers; anon keeps them until the first write.
  if (world.config.backing === 'shmem') desk.splitBlocks(range);
  world.guardWrites(range, world.isHugetlb ? 'entry' : 'page');
  desk.chargeZap(range);
  desk.charge('syscall', 1);
  desk.charge('wp-arm', desk.entries(range));
  desk.charge('tlb-flush', 1);
  world.flushTlb();
}

export function scanWritten(desk: Desk, range: PageRange, out: PageBitmap): void {
  const rearmed = takeWritten(desk, range, out);
  desk.chargeZap(range);
  desk.chargeFlush(rearmed);
  desk.charge('syscall', 1);
  desk.charge('scan-written', desk.entries(range));
  desk.charge('scan-rearm', rearmed);
  desk.charge('wp-fault', rearmed);
}

export function writeMessages(desk: Desk, range: PageRange, out: PageBitmap): number {
  const messages = takeWritten(desk, range, out);
  if (messages > 0) desk.chargeZap(range);
  desk.chargeFlush(messages);
  return messages;
}

/**
 * Adds the pages written since they were protected, and protects them again; returns how many entries. A hugetlb page is never split:
 * its first write clears the bit of all of it. Markers stand where nothing is mapped, in hugetlb holes too.
 */
function takeWritten(desk: Desk, range: PageRange, out: PageBitmap): number {
  const { world } = desk;
  const times = world.times('wp');
  if (!world.isHugetlb) {
    const taken = times.takeNewer(world.writtenSmall(), range, out, world.now);
    if (taken > 0) world.guardWrites(range, 'page');
    return taken;
  }
  const written = desk.emptySet();
  const taken = times.takeNewer(world.written(), range, written, world.now);
  if (taken > 0) world.guardWrites(range, 'entry');
  out.or(written);
  return desk.entriesOf(written);
}
