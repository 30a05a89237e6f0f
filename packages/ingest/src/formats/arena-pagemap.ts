/** Dump of an arena's /proc/PID/pagemap words: u64 virtual address, u64 number of pages, then one word per page. */
import { TraceFormatError, throwIfAborted, type Ingestor } from '@workset/model';
import { ByteReader, u64 } from '../binary.ts';

const HEADER_BYTES = 16;
const WORD_BYTES = 8;
const PAGES_PER_BATCH = 65536;
/** 47-bit user half of x86-64 and the 56 bits of five-level paging. */
const USER_ADDRESS_MAX = 2 ** 56;
const PAGES_MAX = 2 ** 36;
/** High word of a pagemap entry: bit 31 present, 30 swapped, 29 file or shared, 26 guard, 25 uffd-wp, 24 exclusive, 23 soft-dirty. */
const HIGH_RESERVED = 0x18000000;
const HIGH_PRESENT = 0x80000000;
const HIGH_SWAPPED = 0x40000000;
const HIGH_FRAME = 0x007fffff;

export const arenaPagemapIngestor: Ingestor<'arena-pagemap'> = {
  descriptor: {
    id: 'arena-pagemap',
    title: 'pagemap words of one arena, with its address (gives arena-relative reports their place)',
    source: 'Documentation/admin-guide/mm/pagemap.rst',
    produces: 'mapping',
    space: 'gva',
    clock: 'none',
    truth: 'observed',
    usualNames: ['A.pagemap.bin', 'A.pagemap.bin.end'],
  },
  sniff,
  async *ingest(source, ctx) {
    const reader = new ByteReader(source, ctx.signal);
    if (!(await reader.need(HEADER_BYTES))) throw truncated(source.path, 0);
    const address = u64(reader.view, reader.start, true);
    const nPages = u64(reader.view, reader.start + 8, true);
    if (!isHeader(address, nPages))
      throw new TraceFormatError(`not an arena dump: address ${address}, ${nPages} pages`, { file: source.path, byteOffset: 0 });
    reader.start += HEADER_BYTES;
    for (let done = 0; done < nPages;) {
      throwIfAborted(ctx.signal);
      const n = Math.min(PAGES_PER_BATCH, nPages - done);
      if (!(await reader.need(n * WORD_BYTES))) throw truncated(source.path, reader.offset);
      const frame = new Float64Array(n);
      for (let i = 0; i < n; i++) frame[i] = frameOf(reader.view, reader.start + i * WORD_BYTES);
      reader.start += n * WORD_BYTES;
      ctx.accept(n);
      yield { kind: 'mapping', tNs: null, vPage: address / 4096 + done, n, frame, arena: true };
      done += n;
    }
    if (await reader.need(1)) ctx.reject('trailing-bytes', 'bytes follow the last page of the dump', { byteOffset: reader.offset });
  },
};

function truncated(file: string, byteOffset: number): TraceFormatError {
  return new TraceFormatError('the file is truncated: it holds fewer pages than its header says', { file, byteOffset }, 'copy it again');
}

function isHeader(address: number, nPages: number): boolean {
  return address >= 4096 && address < USER_ADDRESS_MAX && address % 4096 === 0 && nPages >= 1 && nPages <= PAGES_MAX;
}

/** PFN of a present page, -1 otherwise. */
function frameOf(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high & HIGH_PRESENT ? (high & HIGH_FRAME) * 4294967296 + view.getUint32(at, true) : -1;
}

/** No magic: the header must be a page address and a count, and every word at hand a possible pagemap entry, some of them present. */
function sniff(head: Uint8Array): number {
  if (head.length < HEADER_BYTES + WORD_BYTES) return 0;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const nPages = u64(view, 8, true);
  if (!isHeader(u64(view, 0, true), nPages)) return 0;
  const whole = HEADER_BYTES + nPages * WORD_BYTES;
  // A shorter head is the whole file, cut when smaller than its header says.
  const words = Math.min(nPages, (head.length - HEADER_BYTES) >> 3);
  let present = 0;
  for (let i = 0; i < words; i++) {
    const high = view.getUint32(HEADER_BYTES + i * WORD_BYTES + 4, true);
    if ((high & HIGH_RESERVED) !== 0 || ((high & HIGH_PRESENT) !== 0 && (high & HIGH_SWAPPED) !== 0)) return 0;
    if ((high & HIGH_PRESENT) !== 0) present++;
  }
  if (present === 0) return 0.3;
  return head.length === whole || whole > 65536 ? 0.85 : 0.55;
}
