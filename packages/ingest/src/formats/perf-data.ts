/** perf.data: files, pipes and directories of perf record. Layout: tools/perf/Documentation/perf.data-file-format.txt. */
import type { IngestBatch, IngestContext, Ingestor, ByteSource } from '@workset/model';
import { isPerfDirectorySource, readPerfDirectory } from '../perf/directory.ts';
import { perfMagic } from '../perf/header.ts';
import { readPerf } from '../perf/stream.ts';

/**
 * Page faults, sampled loads and stores, fault tracepoints and DAMON snapshots of a recording.
 * Options: pid (keep one process), address=physical (phys_addr instead of addr), space,
 * maps=anon|all (mapped memory as ranges), event (the tracepoint of a recording that was killed before it wrote names); for DAMON events ops, aggregation, stream.
 * Faults and samples without data_src count as reads unless the event says write.
 */
export const perfDataIngestor: Ingestor<'perf-data'> = {
  descriptor: {
    id: 'perf-data',
    title: 'perf recording (perf.data)',
    source: 'tools/perf/Documentation/perf.data-file-format.txt',
    produces: 'accesses',
    space: 'any',
    clock: 'trace (as recorded)',
    truth: 'sampled',
    usualNames: ['perf.data', '*.perf.data'],
  },
  sniff(head: Uint8Array): number {
    const magic = perfMagic(head);
    return magic === null ? 0 : magic === 'v1' ? 0.9 : 1;
  },
  ingest(source: ByteSource, ctx: IngestContext): AsyncIterable<IngestBatch> {
    return isPerfDirectorySource(source) ? readPerfDirectory(source, ctx) : readPerf(source, ctx);
  },
};
