/** Every eviction primitive. To add one: copy uffd-move.ts, change it, add a line here; the race table follows by itself. */
import { defineRegistry } from '@workset/model';
import type { EvictionPrimitive } from '../primitive.ts';
import { maccess } from './maccess.ts';
import { madvPageout } from './madv-pageout.ts';
import { punchHole } from './punch-hole.ts';
import { readvDontneed } from './readv-dontneed.ts';
import { rwpSyncEviction } from './rwp-sync.ts';
import { swapAccess } from './swap-access.ts';
import { uffdEvict } from './uffd-evict.ts';
import { uffdMove } from './uffd-move.ts';
import { uffdWpEviction } from './uffd-wp.ts';

export const primitives = defineRegistry<EvictionPrimitive>('eviction primitive', [
  uffdWpEviction,
  rwpSyncEviction,
  readvDontneed,
  uffdMove,
  uffdEvict,
  maccess,
  swapAccess,
  punchHole,
  madvPageout,
] as unknown as EvictionPrimitive[]);
