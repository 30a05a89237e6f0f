/** Every tracking scheme. To add one: copy schemes/idle-page.ts, change it, add a line here (CONTRIBUTING.md). */
import { defineRegistry } from '@workset/model';
import { damonPaddr } from './schemes/damon-paddr.ts';
import { idlePage } from './schemes/idle-page.ts';
import { uffdRwp } from './schemes/uffd-rwp.ts';
import { uffdWp } from './schemes/uffd-wp.ts';
import type { TrackingScheme } from './scheme.ts';

export const schemes = defineRegistry<TrackingScheme>('tracking scheme', [uffdRwp, uffdWp, idlePage, damonPaddr] as unknown as TrackingScheme[]);
