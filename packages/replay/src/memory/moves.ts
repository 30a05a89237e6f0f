/** What is left of a folio's marks when its contents move to other frames: migration, swap-out and -in. */
import type { PageRange } from '../scheme.ts';
import type { FlagName, World } from './world.ts';

const FOLIO_FLAGS: readonly FlagName[] = ['idle', 'young', 'referenced', 'workingset'];

/**
 * Folio flags go with the old frames, SPTEs are dropped; A bits survive a migration (young migration entries), not a swap; anon
 * protection markers stay with the address, a reclaimed shmem page loses its RWP mark (2.1, thread C7, C8). A folio moves whole;
 * hugetlb is not swapped, and has only been moved.
 */
export function moveFolio(world: World, id: number, kind: 'migrate' | 'swap'): void {
  const keepsA = kind === 'migrate' || world.isHugetlb;
  const folio = world.folios.of(id);
  // Unmapped for a while: the next touch walks, whatever was cached.
  world.unmap(folio, keepsA);
  world.flag('moved').addRange(folio.from, folio.to);
  world.clearFlags(folio, FOLIO_FLAGS);
  if (!keepsA) swapOut(world, folio);
}

function swapOut(world: World, folio: PageRange): void {
  const { from, to } = folio;
  const isMapped = world.isHuge(from) ? world.everMapped(from, false) : undefined;
  const armed = world.flagIfAny('numa-armed');
  const losesHints = armed !== undefined && !hasTakenHint(world, folio);
  const notesAbsence = world.hasMarks('numa') || !world.folios.areSmall;
  const losesRwp = world.config.backing === 'shmem' && world.hasMarks('rwp');
  for (let p = from; p < to; p++) {
    if (!(isMapped ?? world.everMapped(p, false))) continue;
    if (losesHints) armed.delete(p);
    if (notesAbsence) world.marks('swapped').set(p, world.now);
    if (!losesRwp) continue;
    // Unmapped: the next touch maps it unarmed, and shows as accessed all the same.
    world.marks('rwp').set(p, world.now);
    world.flag('unmapped').add(p);
  }
}

/** Somebody took a hint fault on the folio: that restored all its entries, and will be asked for. */
function hasTakenHint(world: World, { from, to }: PageRange): boolean {
  const armed = world.flag('numa-armed');
  for (let p = from; p < to; p++) if (armed.has(p) && world.faultableTouchOf(p) > world.marks('numa').of(p)) return true;
  return false;
}
