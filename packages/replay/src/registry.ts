/** Every tracking scheme. To add one: copy schemes/idle-page.ts, change it, add a line here (CONTRIBUTING.md). */
import { defineRegistry } from '@workset/model';
import { clearRefs } from './schemes/clear-refs.ts';
import { damonPaddr } from './schemes/damon-paddr.ts';
import { damonVaddr } from './schemes/damon-vaddr.ts';
import { eptYoung } from './schemes/ept-young.ts';
import { idlePage } from './schemes/idle-page.ts';
import { kvmDirtyLog } from './schemes/kvm-dirty-log.ts';
import { kvmDirtyRing } from './schemes/kvm-dirty-ring.ts';
import { mglru } from './schemes/mglru.ts';
import { mmYoung } from './schemes/mm-young.ts';
import { numaHint } from './schemes/numa-hint.ts';
import { pebs } from './schemes/pebs.ts';
import { pml } from './schemes/pml.ts';
import { softDirty } from './schemes/soft-dirty.ts';
import { uffdRwp } from './schemes/uffd-rwp.ts';
import { uffdRwpSync, uffdWpSync } from './schemes/uffd-sync.ts';
import { uffdWp } from './schemes/uffd-wp.ts';
import type { TrackingScheme } from './scheme.ts';

export const schemes = defineRegistry<TrackingScheme>('tracking scheme', [
  uffdRwp,
  uffdRwpSync,
  uffdWp,
  uffdWpSync,
  softDirty,
  kvmDirtyLog,
  kvmDirtyRing,
  pml,
  idlePage,
  clearRefs,
  mmYoung,
  eptYoung,
  damonPaddr,
  damonVaddr,
  mglru,
  numaHint,
  pebs,
] as unknown as TrackingScheme[]);
