/**
 * RWPSNAP0 and WPSNAP00: cycles of a userfaultfd RWP or uffd-wp tracker inside the workload (arm, wait, PAGEMAP_SCAN).
 * Little-endian u64, times in ns of the guest's CLOCK_MONOTONIC:
 *
 *     magic, cycle, flags (1 shmem, 2 sync mode during scan, 4 uffd-wp, 8 MADV_HUGEPAGE), arm_begin, arm_end, sync_begin, sync_end,
 *     scan_begin, scan_end, async_begin, async_end, npages, regions returned, scan calls, minor faults, nmsg
 *     bitmap of ceil(npages / 64) words (1 = accessed or written), nmsg * { address, flags }
 */
import { throwIfAborted, type IngestBatch, type IngestContext, type Ingestor, type Observation } from '@workset/model';
import { ByteReader, u64 } from '../binary.ts';
import { startsWith } from '../byte-source.ts';
import { streamName } from '../stream-name.ts';
import { checkTimes, pageBits, readBitmap, readSnapshotHeader, type SnapshotHeader } from './snapshot-record.ts';

const MAGICS = { RWPSNAP0: 15, WPSNAP00: 15 } as const;
const FLAG = { shmem: 1, sync: 2, wp: 4, hugepage: 8 } as const;
const HUGE_PAGE_BYTES = 2 << 20;
const PAGE_SHIFT = 12;
const MESSAGE_BYTES = 16;
const MESSAGE_WRITE = 1;

export const uffdSnapIngestor: Ingestor<'uffd-snap'> = {
  descriptor: {
    id: 'uffd-snap',
    title: 'userfaultfd RWP / uffd-wp tracker cycles (PAGEMAP_SCAN bitmaps over an arena)',
    source: 'Documentation/admin-guide/mm/userfaultfd.rst; capture kit: rwptrack',
    produces: 'reports',
    space: 'gva',
    clock: 'guest-monotonic',
    truth: 'observed',
    usualNames: ['A.rwp.bin', 'B.wp.bin'],
  },
  sniff: (head) => (Object.keys(MAGICS).some((magic) => startsWith(head, magic)) ? 1 : 0),
  async *ingest(source, ctx) {
    const reader = new ByteReader(source, ctx.signal);
    const stream = streamName(source.path);
    let declared = false;
    for (;;) {
      throwIfAborted(ctx.signal);
      const header = await readSnapshotHeader(reader, MAGICS);
      if (header === undefined) return;
      const cycle = cycleOf(header);
      checkTimes(
        reader,
        header,
        ['arm_begin', 'arm_end', 'scan_begin', 'scan_end'],
        [cycle.armBegin, cycle.armEnd, cycle.scanBegin, cycle.scanEnd],
      );
      const bits = pageBits(await readBitmap(reader, Math.ceil(cycle.nPages / 64) * 8, header.byteOffset), cycle.nPages, reader, ctx);
      const messages = await readBitmap(reader, cycle.nMessages * MESSAGE_BYTES, header.byteOffset);
      if (!declared) yield declare(stream, cycle);
      declared = true;
      ctx.accept(1);
      yield { kind: 'report', report: reportOf(stream, cycle, bits, messages, ctx) };
    }
  },
};

interface Cycle {
  readonly number: number;
  readonly flags: number;
  readonly armBegin: number;
  readonly armEnd: number;
  readonly syncBegin: number;
  readonly syncEnd: number;
  readonly scanBegin: number;
  readonly scanEnd: number;
  readonly asyncBegin: number;
  readonly asyncEnd: number;
  readonly nPages: number;
  readonly regions: number;
  readonly scanCalls: number;
  readonly faults: number;
  readonly nMessages: number;
}

function cycleOf({ fields }: SnapshotHeader): Cycle {
  const [
    number,
    flags,
    armBegin,
    armEnd,
    syncBegin,
    syncEnd,
    scanBegin,
    scanEnd,
    asyncBegin,
    asyncEnd,
    nPages,
    regions,
    scanCalls,
    faults,
    nMessages,
  ] = fields as readonly number[] & { length: 15 };
  return {
    number: number!,
    flags: flags!,
    armBegin: armBegin!,
    armEnd: armEnd!,
    syncBegin: syncBegin!,
    syncEnd: syncEnd!,
    scanBegin: scanBegin!,
    scanEnd: scanEnd!,
    asyncBegin: asyncBegin!,
    asyncEnd: asyncEnd!,
    nPages: nPages!,
    regions: regions!,
    scanCalls: scanCalls!,
    faults: faults!,
    nMessages: nMessages!,
  };
}

function declare(stream: string, cycle: Cycle): IngestBatch {
  const wp = (cycle.flags & FLAG.wp) !== 0;
  return {
    kind: 'stream',
    arenaRelative: true,
    stream: {
      stream,
      tracker: wp ? 'uffd-wp' : 'uffd-rwp',
      space: 'gva',
      inputId: '',
      range: { startPage: 0, nPages: cycle.nPages },
      target: wp ? 'written' : 'touched',
      // uffd-wp splits huge pages on a write fault; RWP resolves the whole PMD with one fault.
      granuleBytes: !wp && (cycle.flags & FLAG.hugepage) !== 0 ? HUGE_PAGE_BYTES : 1 << PAGE_SHIFT,
      notes: {
        mode: (cycle.flags & FLAG.sync) !== 0 ? 'sync' : 'async',
        memory: (cycle.flags & FLAG.shmem) !== 0 ? 'shmem' : 'anon',
        hugepages: (cycle.flags & FLAG.hugepage) !== 0 ? 'madvise' : 'no',
      },
    },
  };
}

function reportOf(stream: string, cycle: Cycle, bits: Uint8Array, messages: Uint8Array, ctx: IngestContext): Observation {
  const counts: Record<string, number> = {
    faults: cycle.faults,
    regions: cycle.regions,
    scanCalls: cycle.scanCalls,
    messages: cycle.nMessages,
  };
  if (cycle.syncEnd > 0) {
    counts['syncBeginNs'] = cycle.syncBegin - cycle.armEnd;
    counts['syncCallNs'] = cycle.syncEnd - cycle.syncBegin;
  }
  if (cycle.asyncEnd > 0) {
    counts['asyncBeginNs'] = cycle.asyncBegin - cycle.scanEnd;
    counts['asyncCallNs'] = cycle.asyncEnd - cycle.asyncBegin;
  }
  if (cycle.nMessages > 0) {
    counts['messageWrites'] = countWrites(messages);
    ctx.reject(
      'sync-messages',
      'accesses blocked while the tracker was in synchronous mode; they are counted with each report and are not part of its page set',
      { count: cycle.nMessages, severity: 'info' },
    );
  }
  return {
    stream,
    cycle: cycle.number,
    setBeginNs: cycle.armBegin,
    setEndNs: cycle.armEnd,
    readBeginNs: cycle.scanBegin,
    readEndNs: cycle.scanEnd,
    complete: true,
    counts,
    reported: { startPage: 0, nPages: cycle.nPages, bits },
    eligible: null,
    regions: null,
  };
}

function countWrites(messages: Uint8Array): number {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.length);
  let writes = 0;
  for (let at = 0; at < messages.length; at += MESSAGE_BYTES) writes += u64(view, at + 8, true) & MESSAGE_WRITE;
  return writes;
}
