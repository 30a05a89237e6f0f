/**
 * Host-side uffd-wp of a guest's RAM, as text: every so often one PAGEMAP_SCAN that reports and re-protects.
 *
 *     scan insn=1500000000 ns=3000000000 host_ns=4847607551680 scan_ns=519213 regions=161 walk_end_ok=1
 *     14a 2
 */
import { TraceFormatError, type ByteSource, type IngestBatch, type IngestContext, type Ingestor } from '@workset/model';
import { lineBlocks } from '../lines.ts';

/** Guests of more than 1 TiB are damage. */
const PAGES_MAX = 2 ** 28;
const HEAD_LINE = /^scan insn=(\d+) ns=(\d+) host_ns=(\d+) scan_ns=(\d+) regions=(\d+)/;
/** First page number (hex) and number of pages. */
const RUN_LINE = /^([0-9a-f]{1,8}) (\d{1,9})$/;

export const uffdwpScanIngestor: Ingestor<'uffdwp-scan'> = {
  descriptor: {
    id: 'uffdwp-scan',
    title: 'uffd-wp scans of guest RAM by the host (text)',
    source: 'Documentation/admin-guide/mm/pagemap.rst (PAGEMAP_SCAN); capture kit: host scanner',
    produces: 'reports',
    space: 'gpa',
    clock: 'vmgt',
    truth: 'observed',
    usualNames: ['gt.vmgt.uffdwp', 'gt.vmgt.uffdwp.gz'],
  },
  sniff: (head) => (HEAD_LINE.test(String.fromCharCode(...head.subarray(0, 256))) ? 1 : 0),
  ingest,
};

interface Scan {
  readonly line: number;
  readonly tNs: number;
  readonly scanNs: number;
  readonly regions: number;
  readonly runs: [startPage: number, nPages: number][];
}

async function* ingest(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  let protectedAt: Scan | undefined;
  let open: Scan | undefined;
  let nPages = 0;
  let cycle = 0;
  function* close(): Generator<IngestBatch> {
    if (open === undefined) return;
    if (open.runs.length !== open.regions) {
      throw new TraceFormatError(
        `the scan says it found ${open.regions} runs, ${open.runs.length} follow: the file is truncated`,
        { file: source.path, line: open.line },
        'copy it again, or let the scanner end by itself',
      );
    }
    ctx.accept(1);
    const end = open.runs.reduce((max, [start, n]) => Math.max(max, start + n), 0);
    if (protectedAt === undefined) {
      // The first scan only protects: what it reports was written at any time before.
      nPages = end;
      yield declare(nPages);
      yield { kind: 'range', space: 'gpa', startPage: 0, nPages };
    } else {
      yield reportOf(protectedAt, open, Math.max(nPages, end), cycle++);
    }
    protectedAt = open;
  }
  for await (const lines of lineBlocks(source, ctx)) {
    while (lines.next()) {
      const text = lines.bytes.toString('latin1', lines.from, lines.to);
      const head = HEAD_LINE.exec(text);
      if (head !== null) {
        yield* close();
        open = { line: lines.line, tNs: Number(head[2]), scanNs: Number(head[4]), regions: Number(head[5]), runs: [] };
        if (!Number.isSafeInteger(open.tNs) || open.tNs < (protectedAt?.tNs ?? 0)) {
          throw new TraceFormatError(
            `the scan at ${open.tNs} ns is before the one above it`,
            { file: source.path, line: lines.line },
            'the file is damaged from here on',
          );
        }
        continue;
      }
      const run = RUN_LINE.exec(text);
      const startPage = Number.parseInt(run?.[1] ?? '', 16);
      const n = Number(run?.[2]);
      if (open === undefined || run === null || n < 1 || startPage + n > PAGES_MAX) {
        throw new TraceFormatError(
          `expected a scan or a run of pages, found ${JSON.stringify(text.slice(0, 80))}`,
          { file: source.path, line: lines.line },
          'the file is damaged from here on',
        );
      }
      open.runs.push([startPage, n]);
    }
  }
  yield* close();
}

function declare(nPages: number): IngestBatch {
  return {
    kind: 'stream',
    arenaRelative: false,
    stream: {
      stream: 'host',
      tracker: 'uffd-wp',
      space: 'gpa',
      inputId: '',
      range: { startPage: 0, nPages },
      target: 'written',
      granuleBytes: 4096,
      notes: { mode: 'async', side: 'host' },
    },
  };
}

function reportOf(armed: Scan, scan: Scan, nPages: number, cycle: number): IngestBatch {
  const bits = new Uint8Array((nPages + 7) >> 3);
  let pages = 0;
  for (const [start, n] of scan.runs) {
    for (let page = start; page < start + n; page++) bits[page >> 3]! |= 1 << (page & 7);
    pages += n;
  }
  return {
    kind: 'report',
    report: {
      stream: 'host',
      cycle,
      // The guest stands still during a scan: it takes host time, no guest time.
      setBeginNs: armed.tNs,
      setEndNs: armed.tNs,
      readBeginNs: scan.tNs,
      readEndNs: scan.tNs,
      complete: true,
      counts: { regions: scan.regions, pages, scanHostNs: scan.scanNs },
      reported: { startPage: 0, nPages, bits },
      eligible: null,
      regions: null,
    },
  };
}
