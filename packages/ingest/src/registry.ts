/** Every capture format that can be read. Adding one: a file in formats/ and a line here. */
import { defineRegistry, type Ingestor } from '@workset/model';
import { arenaPagemapIngestor } from './formats/arena-pagemap.ts';
import { champsimIngestor } from './formats/champsim.ts';
import { csvIngestor } from './formats/csv.ts';
import { damoRecordIngestor } from './formats/damo-record.ts';
import { damoIngestor } from './formats/damo.ts';
import { damonSysfsIngestor } from './formats/damon-sysfs.ts';
import { damonTraceIngestor } from './formats/damon-trace.ts';
import { drmemtraceViewIngestor } from './formats/drmemtrace-view.ts';
import { gem5Ingestor } from './formats/gem5.ts';
import { idleBitmapIngestor } from './formats/idle-bitmap.ts';
import { kidledIngestor } from './formats/kidled.ts';
import { kpageflagsIngestor } from './formats/kpageflags.ts';
import { kvmDirtyIngestor } from './formats/kvm-dirty.ts';
import { lackeyIngestor } from './formats/lackey.ts';
import { lruGenIngestor } from './formats/lru-gen.ts';
import { memtierdIngestor } from './formats/memtierd.ts';
import { oracleGeneralIngestor } from './formats/oracle-general.ts';
import { pageIdleRawIngestor } from './formats/page-idle-raw.ts';
import { pagemapScanIngestor } from './formats/pagemap-scan.ts';
import { pagemapIngestor } from './formats/pagemap.ts';
import { perfDataIngestor } from './formats/perf-data.ts';
import { perfMemIngestor } from './formats/perf-mem.ts';
import { perfScriptIngestor } from './formats/perf-script.ts';
import { perfTraceIngestor } from './formats/perf-trace.ts';
import { phasesLogIngestor } from './formats/phases-log.ts';
import { pinatraceIngestor } from './formats/pinatrace.ts';
import { qemuExeclogIngestor } from './formats/qemu-execlog.ts';
import { reapIngestor } from './formats/reap.ts';
import { smapsIngestor } from './formats/smaps.ts';
import { softDirtyIngestor } from './formats/soft-dirty.ts';
import { uffdLogIngestor } from './formats/uffd-log.ts';
import { uffdSnapIngestor } from './formats/uffd-snap.ts';
import { uffdwpScanIngestor } from './formats/uffdwp-scan.ts';
import { vmgtIngestor } from './formats/vmgt.ts';
import { wssIngestor } from './formats/wss.ts';

const all: readonly Ingestor[] = [
  vmgtIngestor,
  uffdSnapIngestor,
  idleBitmapIngestor,
  softDirtyIngestor,
  arenaPagemapIngestor,
  uffdwpScanIngestor,
  phasesLogIngestor,
  champsimIngestor,
  csvIngestor,
  damoRecordIngestor,
  damoIngestor,
  damonSysfsIngestor,
  damonTraceIngestor,
  drmemtraceViewIngestor,
  gem5Ingestor,
  kidledIngestor,
  kpageflagsIngestor,
  kvmDirtyIngestor,
  lackeyIngestor,
  lruGenIngestor,
  memtierdIngestor,
  oracleGeneralIngestor,
  pageIdleRawIngestor,
  pagemapScanIngestor,
  pagemapIngestor,
  perfDataIngestor,
  perfMemIngestor,
  perfScriptIngestor,
  perfTraceIngestor,
  pinatraceIngestor,
  qemuExeclogIngestor,
  reapIngestor,
  smapsIngestor,
  uffdLogIngestor,
  wssIngestor,
];

export const ingestors = defineRegistry('format', all);
