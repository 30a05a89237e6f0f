/** /proc/PID/pagemap dumps: which virtual pages are where, and which were written since soft-dirty or uffd-wp was set. */
import type { ByteSource, IngestBatch, IngestContext, Ingestor, PageRangeBits } from '@workset/model';
import { ByteReader } from '../binary.ts';
import { SWAPPED_OUT } from '../capture/frame-moves.ts';
import { bitsOfRuns, choiceOption, dumpWindow, pageRanges, pageReport, pageStream, readTime, spaceOf, u64Pieces } from '../dump.ts';
import { streamName } from '../stream-name.ts';

/** High word of an entry. */
const PRESENT = 1 << 31;
const SWAPPED = 1 << 30;
const FILE = 1 << 29;
const RESERVED = (1 << 28) | (1 << 27);
const GUARD = 1 << 26;
const UFFD_WP = 1 << 25;
const SOFT_DIRTY = 1 << 23;
const PFN_HIGH = (1 << 23) - 1;
/** Swap type of markers: PTEs that hold only a uffd-wp or guard mark (SWP_PTE_MARKER on x86-64). */
const MARKER_TYPE = 31;
/** From here on types are no swap areas: pages of devices, being migrated, or poisoned (MAX_SWAPFILES). */
const SWAP_AREAS_MAX = 23;

interface Pages {
  high: Int32Array<ArrayBuffer>;
  /** Frame of a present page, SWAPPED_OUT of one in swap, -1 otherwise. */
  frame: Float64Array<ArrayBuffer>;
  n: number;
}

/**
 * Options: vaddr (start address or the ranges of the maps file, required), begin and end (times of setting and reading the marks; end
 * alone, of a dump without marks: with it several dumps of one process tell which pages moved),
 * report=auto|soft-dirty|uffd-wp|none, byte-order=auto|little|big, space.
 */
export const pagemapIngestor: Ingestor<'pagemap'> = {
  descriptor: {
    id: 'pagemap',
    title: 'pagemap dump',
    source: 'Documentation/admin-guide/mm/pagemap.rst',
    produces: 'mapping',
    space: 'gva',
    clock: 'none',
    truth: 'observed',
    usualNames: ['pagemap.bin'],
  },
  // 64-bit words without a mark: read only when asked for by name
  sniff: () => 0,
  ingest: readPagemap,
};

async function* readPagemap(source: ByteSource, ctx: IngestContext): AsyncGenerator<IngestBatch> {
  const reader = new ByteReader(source, ctx.signal);
  const pages = await readEntries(reader, ctx);
  const tally = new Tally(pages, ctx);
  const ranges = pageRanges(ctx, 'vaddr', pages.n);
  const expected = ranges.reduce((sum, range) => sum + range.nPages, 0);
  if (expected !== pages.n)
    ctx.reject('range-mismatch', `the dump has ${pages.n} pages, its ranges ${expected}`, {
      count: Math.abs(expected - pages.n),
      severity: 'warning',
    });
  const window = tally.hasMarks ? dumpWindow(ctx) : { beginNs: 0, endNs: 0, known: false };
  const mappedNs = window.known ? window.endNs : readTime(ctx);
  const space = spaceOf(ctx, 'gva');
  let at = 0;
  for (const [index, range] of ranges.entries()) {
    const n = Math.min(range.nPages, pages.n - at);
    if (n <= 0) break;
    yield { kind: 'range', space, startPage: range.startPage, nPages: n };
    if (tally.framesKnown)
      yield { kind: 'mapping', space, tNs: mappedNs, vPage: range.startPage, n, frame: pages.frame.subarray(at, at + n), arena: false };
    for (const tracker of tally.trackers) {
      const name = [streamName(source.path), tracker, ...(ranges.length > 1 ? [`r${index}`] : [])].join('.');
      const written = marksOf(pages, at, n, range.startPage, source.path, (high) => isWritten(high, tracker));
      const eligible = marksOf(pages, at, n, range.startPage, source.path, (high) => (high & PRESENT) !== 0);
      yield pageStream(name, tracker, space, 'written', { startPage: range.startPage, nPages: n });
      yield pageReport(name, window, written, eligible, tally.corrupt === 0);
    }
    at += n;
  }
  ctx.accept(pages.n - tally.corrupt);
  yield tally.sizes();
}

/** Soft-dirty is set by a write, uffd-wp is cleared by one. */
function isWritten(high: number, tracker: 'soft-dirty' | 'uffd-wp'): boolean {
  if ((high & PRESENT) === 0) return false;
  return tracker === 'soft-dirty' ? (high & SOFT_DIRTY) !== 0 : (high & UFFD_WP) === 0;
}

function marksOf(pages: Pages, at: number, n: number, startPage: number, file: string, test: (high: number) => boolean): PageRangeBits {
  const set = bitsOfRuns(startPage, n, [], file);
  for (let i = 0; i < n; i++) if (test(pages.high[at + i]!)) set.bits[i >>> 3]! |= 1 << (i & 7);
  return set;
}

async function readEntries(reader: ByteReader, ctx: IngestContext): Promise<Pages> {
  const pages: Pages = { high: new Int32Array(1024), frame: new Float64Array(1024), n: 0 };
  const order = choiceOption(ctx, 'byte-order', ['auto', 'little', 'big']);
  let little = order !== 'big';
  let first = true;
  // enough entries to tell the byte order
  await reader.need(1 << 16);
  for await (const view of u64Pieces(reader, ctx)) {
    if (first && order === 'auto') {
      little = corruptEntries(view, true) <= corruptEntries(view, false);
      if (!little) ctx.reject('byte-order', 'the entries only make sense as big-endian: read so', { severity: 'info' });
    }
    first = false;
    const wanted = pages.n + view.byteLength / 8;
    while (pages.high.length < wanted) grow(pages);
    for (let at = 0; at < view.byteLength; at += 8) {
      const low = view.getUint32(at + (little ? 0 : 4), little);
      const high = view.getInt32(at + (little ? 4 : 0), little);
      pages.high[pages.n] = high;
      pages.frame[pages.n++] = (high & PRESENT) === 0 || isCorrupt(high) ? -1 : (high & PFN_HIGH) * 0x1_0000_0000 + low;
      if ((high & (PRESENT | SWAPPED)) === SWAPPED && !isCorrupt(high)) pages.frame[pages.n - 1] = swapFrame(low & 31);
    }
  }
  return pages;
}

/** Stands in `frame` for a PTE marker until the tally has counted it. */
const MARKER = -3;

function swapFrame(type: number): number {
  return type === MARKER_TYPE ? MARKER : type < SWAP_AREAS_MAX ? SWAPPED_OUT : -1;
}

function isCorrupt(high: number): boolean {
  return (high & RESERVED) !== 0 || (high & (PRESENT | SWAPPED)) === (PRESENT | SWAPPED);
}

function corruptEntries(view: DataView, little: boolean): number {
  let corrupt = 0;
  const end = Math.min(view.byteLength, 1 << 16);
  for (let at = 0; at < end; at += 8) if (isCorrupt(view.getInt32(at + (little ? 4 : 0), little))) corrupt++;
  return corrupt;
}

function grow(pages: Pages): void {
  const high = new Int32Array(pages.high.length * 2);
  high.set(pages.high);
  pages.high = high;
  const frame = new Float64Array(pages.frame.length * 2);
  frame.set(pages.frame);
  pages.frame = frame;
}

/** Counts of a whole dump. */
class Tally {
  corrupt = 0;
  readonly trackers: ('soft-dirty' | 'uffd-wp')[] = [];
  /** False without CAP_SYS_ADMIN: every frame number reads 0. */
  readonly framesKnown: boolean;
  readonly #counts = { present: 0, swapped: 0, marker: 0, guard: 0, file: 0, softDirty: 0, uffdWp: 0 };
  readonly #nPages: number;

  constructor(pages: Pages, ctx: IngestContext) {
    this.#nPages = pages.n;
    let withFrame = 0;
    for (let i = 0; i < pages.n; i++) {
      this.#count(pages.high[i]!, pages.frame[i]!);
      if (pages.frame[i]! > 0) withFrame++;
      if (pages.frame[i] === MARKER) pages.frame[i] = -1;
    }
    if (this.corrupt > 0) {
      ctx.reject('corrupt-entry', 'entries with reserved bits, or both present and swapped: taken as not present', {
        count: this.corrupt,
        severity: 'warning',
      });
      for (let i = 0; i < pages.n; i++) if (isCorrupt(pages.high[i]!)) pages.high[i] = 0;
    }
    this.framesKnown = withFrame > 0 || this.#counts.present === 0;
    if (!this.framesKnown)
      ctx.reject('no-frames', 'frame numbers read 0: dump as root (CAP_SYS_ADMIN) to see them', {
        count: this.#counts.present,
        severity: 'warning',
      });
    const report = choiceOption(ctx, 'report', ['auto', 'soft-dirty', 'uffd-wp', 'none']);
    if (report === 'soft-dirty' || (report === 'auto' && this.#counts.softDirty > 0)) this.trackers.push('soft-dirty');
    if (report === 'uffd-wp' || (report === 'auto' && this.#counts.uffdWp > 0)) this.trackers.push('uffd-wp');
  }

  get hasMarks(): boolean {
    return this.trackers.length > 0;
  }

  sizes(): IngestBatch {
    const { present, swapped, marker, guard, file, softDirty, uffdWp } = this.#counts;
    const bytes = (pages: number): number => pages * 4096;
    return {
      kind: 'sizes',
      tNs: null,
      subject: 'pagemap',
      values: {
        size: bytes(this.#nPages),
        present: bytes(present),
        swapped: bytes(swapped),
        marker: bytes(marker),
        guard: bytes(guard),
        file: bytes(file),
        softDirty: bytes(softDirty),
        uffdWp: bytes(uffdWp),
      },
    };
  }

  #count(high: number, frame: number): void {
    const counts = this.#counts;
    if (isCorrupt(high)) {
      this.corrupt++;
      return;
    }
    if ((high & PRESENT) !== 0) counts.present++;
    else if (frame === MARKER) counts.marker++;
    else if ((high & SWAPPED) !== 0) counts.swapped++;
    if ((high & GUARD) !== 0) counts.guard++;
    if ((high & FILE) !== 0) counts.file++;
    if ((high & SOFT_DIRTY) !== 0) counts.softDirty++;
    if ((high & UFFD_WP) !== 0) counts.uffdWp++;
  }
}
