/** Output of the PAGEMAP_SCAN ioctl: page_region arrays {u64 start, end, categories}, or one `0xSTART-0xEND 0xCATEGORIES` a line. */
import { TraceFormatError, UsageError, parseAddressRange } from '@workset/model';
import type { ByteSource, IngestBatch, IngestContext, Ingestor } from '@workset/model';
import { ByteReader, u64 } from '../binary.ts';
import { bitsOfRuns, choiceOption, clusters, dumpWindow, numberOption, pageReport, pageStream, spaceOf } from '../dump.ts';
import { lineBlocks } from '../lines.ts';
import { streamName } from '../stream-name.ts';

const WRITTEN = 1 << 1;
const PRESENT = 1 << 3;
const ACCESSED = 1 << 9;
const KNOWN = (1 << 10) - 1;
const REGION_BYTES = 24;
const SNIFFED_BYTES = 256;

interface Region {
  readonly startPage: number;
  readonly nPages: number;
  readonly categories: number;
}

/**
 * Options: return-mask (what the ioctl was asked to return; without it, what occurs), query=hot|cold (cold: the ranges are pages
 * *not* accessed), range=0xA-0xB (what was scanned), begin, end, space.
 */
export const pagemapScanIngestor: Ingestor<'pagemap-scan'> = {
  descriptor: {
    id: 'pagemap-scan',
    title: 'PAGEMAP_SCAN regions',
    source: 'include/uapi/linux/fs.h, struct page_region',
    produces: 'reports',
    space: 'gva',
    clock: 'none',
    truth: 'observed',
    usualNames: ['pagemap_scan.bin', 'pagemap_scan.txt'],
  },
  sniff: (head) => (isText(head) ? 0.95 : 0),
  ingest: readScan,
};

async function* readScan(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader(source, ctx.signal);
  // all that isText looks at: what it says must not depend on how the bytes arrive
  await reader.need(SNIFFED_BYTES);
  const text = isText(reader.bytes.subarray(reader.start, reader.end));
  const regions = text ? await readText(reader, ctx) : await readBinary(reader, ctx);
  const seen = regions.reduce((mask, region) => mask | region.categories, 0);
  const mask = numberOption(ctx, 'return-mask', seen);
  if (ctx.options['return-mask'] === undefined) {
    ctx.reject(
      'assumed-return-mask',
      `the scan does not say which categories it returned: taken as 0x${seen.toString(16)}, what occurs; give the option return-mask`,
      { severity: 'warning' },
    );
  }
  const query = choiceOption(ctx, 'query', ['hot', 'cold']);
  const report = query === 'cold' ? 'uffd-rwp' : (mask & ACCESSED) !== 0 ? 'uffd-rwp' : (mask & WRITTEN) !== 0 ? 'uffd-wp' : null;
  if (report === null)
    throw new UsageError(
      `a scan that returns categories 0x${mask.toString(16)} tells neither written nor accessed pages`,
      'return-mask=0x2 (WRITTEN) or 0x200 (ACCESSED)',
    );
  ctx.accept(regions.length);
  yield* reports(regions, report, query, mask, source, ctx);
}

function* reports(
  regions: readonly Region[],
  tracker: 'uffd-rwp' | 'uffd-wp',
  query: 'hot' | 'cold',
  mask: number,
  source: ByteSource,
  ctx: IngestContext,
): Generator<IngestBatch> {
  const window = dumpWindow(ctx);
  const space = spaceOf(ctx, 'gva');
  const scanned = scannedRange(ctx);
  if (query === 'cold' && scanned === null) {
    throw new UsageError(
      'a scan for cold pages says nothing about hot ones without the range that was scanned',
      'give range=0xSTART-0xEND',
    );
  }
  const groups = scanned === null ? clusters(regions) : [regions];
  for (const [index, group] of groups.entries()) {
    const startPage = scanned?.startPage ?? group[0]!.startPage;
    const nPages = scanned?.nPages ?? group.at(-1)!.startPage + group.at(-1)!.nPages - startPage;
    const inside = group.filter((region) => region.startPage >= startPage && region.startPage + region.nPages <= startPage + nPages);
    if (inside.length < group.length)
      ctx.reject('outside-range', 'regions outside the scanned range', { count: group.length - inside.length, severity: 'warning' });
    const bit = tracker === 'uffd-rwp' ? ACCESSED : WRITTEN;
    const hot = query === 'cold' ? gaps(inside, startPage, nPages) : inside.filter((region) => (region.categories & bit) !== 0);
    const present =
      query === 'hot' && (mask & PRESENT) !== 0
        ? bitsOfRuns(
            startPage,
            nPages,
            inside.filter((region) => (region.categories & PRESENT) !== 0),
            source.path,
          )
        : null;
    const name = [streamName(source.path), ...(groups.length > 1 ? [`r${index}`] : [])].join('.');
    yield pageStream(name, tracker, space, tracker === 'uffd-rwp' ? 'touched' : 'written', { startPage, nPages }, { return_mask: mask });
    yield pageReport(name, window, bitsOfRuns(startPage, nPages, hot, source.path), present, true, { regions: inside.length });
  }
}

/** What the regions leave out of [startPage, startPage + nPages). */
function gaps(regions: readonly Region[], startPage: number, nPages: number): { startPage: number; nPages: number }[] {
  const found: { startPage: number; nPages: number }[] = [];
  let at = startPage;
  for (const region of regions) {
    if (region.startPage > at) found.push({ startPage: at, nPages: region.startPage - at });
    at = Math.max(at, region.startPage + region.nPages);
  }
  if (startPage + nPages > at) found.push({ startPage: at, nPages: startPage + nPages - at });
  return found;
}

function scannedRange(ctx: IngestContext): { startPage: number; nPages: number } | null {
  const text = ctx.options['range'];
  if (text === undefined) return null;
  const [start, end] = parseAddressRange(text);
  return { startPage: Math.floor(start / 4096), nPages: Math.ceil(end / 4096) - Math.floor(start / 4096) };
}

async function readBinary(reader: ByteReader, ctx: IngestContext): Promise<Region[]> {
  const regions: Region[] = [];
  while (await reader.need(REGION_BYTES)) {
    const offset = reader.offset;
    const { view, start } = reader;
    push(regions, u64(view, start, true), u64(view, start + 8, true), u64(view, start + 16, true), ctx, { byteOffset: offset });
    reader.start += REGION_BYTES;
  }
  if (reader.available > 0)
    ctx.reject('partial-entry', `${reader.available} bytes at the end are no whole region`, {
      byteOffset: reader.offset,
      severity: 'warning',
    });
  return nonEmpty(regions, reader);
}

async function readText(reader: ByteReader, ctx: IngestContext): Promise<Region[]> {
  const regions: Region[] = [];
  const rest: ByteSource = {
    path: reader.path,
    async *chunks() {
      while (await reader.need(1)) {
        yield reader.bytes.slice(reader.start, reader.end);
        reader.start = reader.end;
      }
    },
  };
  for await (const cursor of lineBlocks(rest, ctx)) {
    while (cursor.next()) {
      const line = cursor.bytes.toString('latin1', cursor.from, cursor.to);
      if (line === '' || line.startsWith('#')) continue;
      // 0x7a0000004000-0x7a000000c000 0xb
      const match = /^0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})\s+0x([0-9a-f]{1,16})$/i.exec(line);
      if (match === null) ctx.reject('damaged-line', 'a line that is no region', { line: cursor.line, severity: 'warning' });
      else push(regions, Number(`0x${match[1]}`), Number(`0x${match[2]}`), Number(`0x${match[3]}`), ctx, { line: cursor.line });
    }
  }
  return nonEmpty(regions, reader);
}

function push(
  regions: Region[],
  start: number,
  end: number,
  categories: number,
  ctx: IngestContext,
  at: { line?: number; byteOffset?: number },
): void {
  const last = regions.at(-1);
  const startPage = start / 4096;
  const endPage = end / 4096;
  const sane =
    end > start &&
    Number.isInteger(startPage) &&
    Number.isInteger(endPage) &&
    categories <= KNOWN &&
    (last === undefined || startPage >= last.startPage + last.nPages);
  if (sane) regions.push({ startPage, nPages: endPage - startPage, categories });
  else
    ctx.reject('bad-region', 'a region that is empty, not page aligned, out of order or of unknown categories', {
      ...at,
      severity: 'warning',
    });
}

function nonEmpty(regions: Region[], reader: ByteReader): Region[] {
  if (regions.length === 0)
    throw new TraceFormatError(
      'the scan has no readable region',
      { file: reader.path, byteOffset: reader.offset },
      'check the format: 24-byte page_region records, or 0xSTART-0xEND 0xCATEGORIES lines',
    );
  return regions;
}

function isText(head: Uint8Array): boolean {
  return /^(?:\xef\xbb\xbf)?(?:#.*\r?\n)*0x[0-9a-f]+-0x[0-9a-f]+\s+0x[0-9a-f]+\s/i.test(
    Buffer.from(head.subarray(0, SNIFFED_BYTES)).toString('latin1'),
  );
}
