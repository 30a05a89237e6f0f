/** Operations that go through the reverse map to a page's folio: page_idle and DAMON's access checks (kernel-semantics 6, 8). */
import type { CostOp, PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { BOTH, RMAP } from './access-bits.ts';
import type { Desk } from './desk.ts';
import { keepRange } from './page-sets.ts';

/** A page_idle read or write of 4 KiB covers 4096 * 8 pages (the bitmap is a plain file of u64 words). */
const PAGE_IDLE_PAGES_PER_SYSCALL = 32768;

export function idleMark(desk: Desk, range: PageRange, listed: PageBitmap): void {
  const { world } = desk;
  const lru = world.wholeFolios(keepRange(listed.clone(), range));
  const young = desk.emptySet();
  world.addYoung(range, young, RMAP);
  world.wholeFolios(young).and(lru);
  world.clearYoungSet(lru, RMAP);
  world.flag('young').or(young);
  world.flag('idle').or(lru);
  world.forgetMoves(range);
  chargeIdle(desk, 'idle-mark', range, lru);
}

export function idleRead(desk: Desk, range: PageRange, marked: PageBitmap, accessed: PageBitmap): void {
  const { world } = desk;
  const inRange = world.wholeFolios(keepRange(marked.clone(), range));
  const young = desk.emptySet();
  world.addYoung(range, young, RMAP);
  const idle = world.flag('idle').clone().and(inRange);
  world.wholeFolios(young).and(idle);
  // Only idle folios are walked, and lose their A bits.
  world.clearYoungSet(young, RMAP);
  world.flag('young').or(young);
  world.flag('idle').andNot(young);
  // The bitmap speaks for the marked pages: a capture's list names head pages only.
  const gone = inRange.and(marked).andNot(world.flag('idle'));
  world.dropMoved(gone);
  accessed.or(gone);
  chargeIdle(desk, 'idle-read', range, idle);
}

function chargeIdle(desk: Desk, op: CostOp, range: PageRange, walked: PageBitmap): void {
  desk.charge(op, range.to - range.from);
  desk.charge('rmap-walk', desk.entriesOf(walked));
  desk.charge('syscall', Math.ceil((range.to - range.from) / PAGE_IDLE_PAGES_PER_SYSCALL));
}

/** mkold of one page; `rmap`: in every page table that maps it, else in one mm's. False when there is no such page. */
export function damonMkold(desk: Desk, id: number, rmap: boolean): boolean {
  if (id < 0 || !desk.world.everMapped(id, rmap)) return false;
  if (desk.world.makeOldOf(id, rmap ? RMAP : BOTH)) desk.addFolio('young', id);
  desk.addFolio('idle', id);
  return true;
}

export function damonYoung(desk: Desk, id: number, rmap: boolean): boolean {
  desk.charge('damon-sample', 1);
  const { world } = desk;
  if (id < 0 || !world.everMapped(id, rmap)) return false;
  return world.youngOf(id, rmap ? RMAP : BOTH) || !world.flag('idle').has(id);
}
