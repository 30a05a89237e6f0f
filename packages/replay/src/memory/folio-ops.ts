/** Operations that go through the reverse map to a page's folio: page_idle and DAMON's access checks (kernel-semantics 6, 8). */
import type { CostOp, PageBitmap } from '@workset/model';
import type { PageRange } from '../scheme.ts';
import { BOTH, RMAP } from './access-bits.ts';
import type { Desk } from './desk.ts';
import { keepRange } from './page-sets.ts';
import type { World } from './world.ts';

/** A page_idle read or write of 4 KiB covers 4096 * 8 pages (the bitmap is a plain file of u64 words). */
const PAGE_IDLE_PAGES_PER_SYSCALL = 32768;

export function idleMark(desk: Desk, range: PageRange, listed: PageBitmap): void {
  const { world } = desk;
  const { folios } = world;
  const whole = folios.around(range);
  const lru = world.isHugetlb ? desk.take() : folios.addWhole(keepRange(desk.takeCopy(listed), range));
  const young = desk.take();
  world.addYoung(whole, young, RMAP);
  folios.addWhole(young).and(lru);
  world.clearYoungSet(lru, RMAP);
  world.flag('young').or(young);
  world.flag('idle').or(lru);
  world.forgetMoves(whole);
  chargeIdle(desk, 'idle-mark', range, lru);
  desk.give(lru, young);
}

export function idleRead(desk: Desk, range: PageRange, marked: PageBitmap, accessed: PageBitmap): void {
  const { world } = desk;
  const { folios } = world;
  const inRange = folios.addWhole(keepRange(desk.takeCopy(marked), range));
  const young = desk.take();
  world.addYoung(folios.around(range), young, RMAP);
  const idle = desk.takeCopy(world.flag('idle')).and(inRange);
  folios.addWhole(young).and(idle);
  // Only idle folios are walked, and lose their A bits.
  world.clearYoungSet(young, RMAP);
  world.flag('young').or(young);
  world.flag('idle').andNot(young);
  // The bitmap speaks for the marked pages: a capture's list names head pages only.
  const gone = inRange.and(marked).andNot(world.flag('idle'));
  world.dropMoved(gone);
  accessed.or(gone);
  chargeIdle(desk, 'idle-read', range, idle);
  desk.give(inRange, young, idle);
}

function chargeIdle(desk: Desk, op: CostOp, range: PageRange, walked: PageBitmap): void {
  desk.charge(op, range.to - range.from);
  const walks = desk.world.folios.count(walked);
  desk.charge('rmap-walk', walks);
  // A walk looks at every entry of a large folio.
  const further = desk.entriesOf(walked) - walks;
  if (further > 0) desk.charge('pte-scan', further);
  desk.charge('syscall', Math.ceil((range.to - range.from) / PAGE_IDLE_PAGES_PER_SYSCALL));
}

/** mkold of one page; `rmap`: in every page table that maps its folio, else its entry in one mm. False when there is no such page. */
export function damonMkold(desk: Desk, id: number, rmap: boolean): boolean {
  const { world } = desk;
  if (!isThere(world, id, rmap)) return false;
  if (world.folios.areSmall) {
    if (world.makeOldOf(id, rmap ? RMAP : BOTH)) world.flag('young').add(id);
    world.flag('idle').add(id);
    return true;
  }
  world.settleFolio(id);
  const { from, to } = world.folios.of(id);
  if (rmap ? world.makeOldFolio(id, RMAP) : world.makeOldOf(id, BOTH)) world.flag('young').addRange(from, to);
  world.flag('idle').addRange(from, to);
  return true;
}

export function damonYoung(desk: Desk, id: number, rmap: boolean): boolean {
  desk.charge('damon-sample', 1);
  return isYoung(desk.world, id, rmap);
}

/** The check without its cost. */
export function isYoung(world: World, id: number, rmap: boolean): boolean {
  if (!isThere(world, id, rmap)) return false;
  if (world.folios.areSmall) return world.youngOf(id, rmap ? RMAP : BOTH) || !world.flag('idle').has(id);
  world.settleFolio(id);
  return (rmap ? world.youngOfFolio(id, RMAP) : world.youngOf(id, BOTH)) || !world.flag('idle').has(id);
}

/** Physical operations need a folio on an LRU list, virtual ones an entry. */
function isThere(world: World, id: number, rmap: boolean): boolean {
  return id >= 0 && (rmap && !world.folios.areSmall ? world.isOnLru(id) : world.everMapped(id, rmap));
}
