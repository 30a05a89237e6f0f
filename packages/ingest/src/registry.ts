/** Every capture format that can be read. Adding one: a file in formats/ and a line here. */
import { defineRegistry, type Ingestor } from '@workset/model';
import { arenaPagemapIngestor } from './formats/arena-pagemap.ts';
import { damonTraceIngestor } from './formats/damon-trace.ts';
import { idleBitmapIngestor } from './formats/idle-bitmap.ts';
import { perfDataIngestor } from './formats/perf-data.ts';
import { perfScriptIngestor } from './formats/perf-script.ts';
import { phasesLogIngestor } from './formats/phases-log.ts';
import { softDirtyIngestor } from './formats/soft-dirty.ts';
import { uffdSnapIngestor } from './formats/uffd-snap.ts';
import { uffdwpScanIngestor } from './formats/uffdwp-scan.ts';
import { vmgtIngestor } from './formats/vmgt.ts';

const all: readonly Ingestor[] = [
  vmgtIngestor,
  uffdSnapIngestor,
  idleBitmapIngestor,
  softDirtyIngestor,
  arenaPagemapIngestor,
  uffdwpScanIngestor,
  phasesLogIngestor,
  perfDataIngestor,
  perfScriptIngestor,
  damonTraceIngestor,
];

export const ingestors = defineRegistry('format', all);
